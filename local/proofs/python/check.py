"""Checks tokens with the JWT libraries of PyPI. ../proofs_test.go says what goes in and out."""
import json
import sys
import urllib.request

import authlib.jose
import joserfc.jwk
import joserfc.jwt
import jwt

request = json.load(sys.stdin)
issuer, audience = request["issuer"], request["audience"]
jwks_url = issuer + "/.well-known/jwks.json"
with urllib.request.urlopen(jwks_url) as response:
    jwks = json.load(response)
rules = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": audience}, "exp": {"essential": True}}


pyjwt_keys = jwt.PyJWKClient(jwks_url)


def pyjwt(token):
    key = pyjwt_keys.get_signing_key_from_jwt(token)
    return jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=issuer, options={"require": ["iss", "aud", "exp"]})


authlib_keys = authlib.jose.JsonWebKey.import_key_set(jwks)


def authlib_jose(token):
    claims = authlib.jose.JsonWebToken(["RS256"]).decode(token, authlib_keys, claims_options=rules)
    claims.validate()
    return claims


joserfc_keys = joserfc.jwk.KeySet.import_key_set(jwks)


def joserfc_jwt(token):
    claims = joserfc.jwt.decode(token, joserfc_keys, algorithms=["RS256"]).claims
    joserfc.jwt.JWTClaimsRegistry(**rules).validate(claims)
    return claims


def check(verify, token, purpose):
    try:
        claims = verify(token)
    except Exception as e:  # each library has its own class of errors
        return f"{type(e).__name__}: {e}"
    if claims.get("nonce") != request["nonce"]:
        return "other nonce"
    return "accepted" if claims.get("purpose") == purpose else "other purpose"


json.dump({library: {t["name"]: check(verify, t["token"], t["purpose"]) for t in request["tokens"]}
           for library, verify in {"PyJWT": pyjwt, "Authlib": authlib_jose, "joserfc": joserfc_jwt}.items()}, sys.stdout)
