"""A Flask application that people log in to with StreamOTP. ../README.md says how to run it and what to change for production."""
import json
import os
import secrets
import time
import urllib.request

import flask
import jwt

ISSUER, CLIENT_ID = os.environ.get("ISSUER", "http://127.0.0.1:3000"), os.environ.get("CLIENT_ID", "demo")
with urllib.request.urlopen(ISSUER + "/.well-known/openid-configuration") as provider:
    keys = jwt.PyJWKClient(json.load(provider)["jwks_uri"])

HOUR, LEEWAY = 3600, 30  # seconds
SECURE = ISSUER.startswith("https:")  # in production both sites are https
SESSION, NONCE = ("__Host-session", "__Host-nonce") if SECURE else ("session", "nonce")  # no subdomain can set such a cookie
COOKIE = {"httponly": True, "samesite": "Lax", "secure": SECURE}
sessions = {}  # who is logged in, by the session's id: (until, person, email)
used = {}  # by the jti of each proof that was used: (until,)

HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Content-Security-Policy":
           f"default-src 'none'; script-src 'self' {ISSUER}; style-src {ISSUER}; connect-src 'self' {ISSUER}; base-uri 'none'; "
           "form-action 'self'; frame-ancestors 'none'"}
HEAD = """<!doctype html><html lang="en"><meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1"><title>Example</title><main>"""
HOME = HEAD + '<h1>Hello {{ email }}</h1><form method="post" action="/logout"><button>Log out</button></form></main>'
LOGIN = HEAD + """<link rel="stylesheet" href="{{ issuer }}/stream-otp.css">
    <script type="module" src="{{ issuer }}/stream-otp.js"></script><script type="module" src="/login.js"></script><p role="alert"></p>
    <stream-otp purpose="login" client-id="{{ client }}" nonce="{{ nonce }}" api="{{ issuer }}/api" autofocus></stream-otp></main>"""


def check(proof, nonce):
    """What a proof says, if it logs in the browser that has this nonce. The numbers are those of the list in docs/integrate.md."""
    claims = jwt.decode(proof, keys.get_signing_key_from_jwt(proof), algorithms=["RS256"], issuer=ISSUER, audience=CLIENT_ID,  # 1, 2, 3
                        leeway=LEEWAY, options={"require": ["iss", "aud", "exp", "sub", "jti", "nonce", "purpose", "auth_time"]})  # 4
    reason = ("the proof is for another browser" if claims["nonce"] != nonce else  # 5
              "the proof is for another purpose" if claims["purpose"] != "login" else  # 6
              "the code was entered too long ago" if time.time() - claims["auth_time"] > 300 else  # 7
              "the proof is for a test destination" if claims.get("test") else  # 8
              "the proof was used before" if not add(used, claims["jti"], claims["exp"] + LEEWAY) else None)  # 9
    if reason:
        raise jwt.InvalidTokenError(reason)
    return claims


def add(entries, key, until, *more):
    """Adds an entry, and returns whether it is new: of parallel requests, one adds it. Removes the entries whose time is over."""
    for old in [old for old, (end, *_) in list(entries.items()) if end < time.time()]:
        entries.pop(old, None)
    entry = (until, *more)
    return entries.setdefault(key, entry) is entry


app = flask.Flask(__name__)
app.register_error_handler(jwt.PyJWTError, lambda error: flask.Response(f"{error}\n", 401, mimetype="text/plain"))


@app.after_request
def protect(response):
    response.headers.update(HEADERS)
    return response


@app.get("/")
def home():
    until, _, email = sessions.get(flask.request.cookies.get(SESSION), (0, "", ""))
    return flask.render_template_string(HOME, email=email) if until > time.time() else flask.redirect("/login")


@app.get("/login")
def ask():
    nonce = flask.request.cookies.get(NONCE) or secrets.token_urlsafe()  # a reload keeps it, because the code was requested with it
    response = flask.make_response(flask.render_template_string(LOGIN, issuer=ISSUER, client=CLIENT_ID, nonce=nonce))
    response.set_cookie(NONCE, nonce, **COOKIE)
    return response


@app.get("/login.js")
def script():
    return flask.send_from_directory("..", "login.js")


@app.post("/login")
def login():
    claims = check(flask.request.form.get("proof", ""), flask.request.cookies.get(NONCE))
    person = claims["iss"], claims["sub"]  # the key of your own record: an address can change hands
    session = secrets.token_urlsafe()
    add(sessions, session, time.time() + 8 * HOUR, person, claims["email"])
    response = flask.Response(status=204)
    response.set_cookie(SESSION, session, max_age=8 * HOUR, **COOKIE)
    response.delete_cookie(NONCE, **COOKIE)
    return response


@app.post("/logout")
def logout():
    sessions.pop(flask.request.cookies.get(SESSION), None)
    response = flask.redirect("/login", 303)
    response.delete_cookie(SESSION, **COOKIE)
    return response


app.run("127.0.0.1", int(os.environ.get("PORT", "8080")))
