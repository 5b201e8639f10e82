// Checks tokens with the JWT libraries of npm. ../proofs_test.go says what goes in and out.
import { readFileSync } from 'node:fs';
import { JwtVerifier } from 'aws-jwt-verify';
import { SimpleJwksCache } from 'aws-jwt-verify/jwk';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import jwt from 'jsonwebtoken';
import jwksClient from 'jwks-rsa';

const { issuer, audience, nonce, tokens } = JSON.parse(readFileSync(0, 'utf8'));
const jwksUri = `${issuer}/.well-known/jwks.json`;

const keys = createRemoteJWKSet(new URL(jwksUri));

// Its own fetcher speaks https only, which the development stack does not serve.
const fetcher = { fetch: async uri => (await fetch(uri)).arrayBuffer() };
const verifier = JwtVerifier.create({ issuer, audience, jwksUri }, { jwksCache: new SimpleJwksCache({ fetcher }) });

const client = jwksClient({ jwksUri });
const keyOf = (header, done) => client.getSigningKey(header.kid, (err, key) => done(err, key?.getPublicKey()));

const libraries = {
  'jose': async token => (await jwtVerify(token, keys, { issuer, audience, algorithms: ['RS256'] })).payload,
  'aws-jwt-verify': token => verifier.verify(token),
  'jsonwebtoken': token => new Promise((resolve, reject) => jwt.verify(token, keyOf, { issuer, audience, algorithms: ['RS256'] },
    (err, payload) => err ? reject(err) : resolve(payload))),
};

const results = {};
for (const [library, verify] of Object.entries(libraries)) {
  results[library] = {};
  for (const { name, token, purpose } of tokens) {
    results[library][name] = await verify(token).then(
      claims => claims.nonce !== nonce ? 'other nonce' : claims.purpose !== purpose ? 'other purpose' : 'accepted',
      err => `${err.name}: ${err.message}`);
  }
}
console.log(JSON.stringify(results));
