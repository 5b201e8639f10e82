"""An application of Authlib and Flask: https://docs.authlib.org/en/latest/client/flask.html"""
import os

from authlib.integrations.flask_client import OAuth
from flask import Flask, redirect, render_template_string, session, url_for

app = Flask(__name__)
app.secret_key = os.urandom(32)
oauth = OAuth(app)
oauth.register(
    "streamotp",
    client_id=os.environ["CLIENT_ID"],
    client_secret=os.environ["CLIENT_SECRET"],
    server_metadata_url=os.environ["ISSUER"] + "/.well-known/openid-configuration",
    client_kwargs={"scope": "openid email", "code_challenge_method": "S256"},
)


@app.get("/")
def home():
    return render_template_string("""{% if session.user %}Hello {{ session.user.email }} <a href="/logout">Log out</a>
                                     {% else %}<a href="/login">Log in</a>{% endif %}""")


@app.get("/login")
def login():
    return oauth.streamotp.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback():
    token = oauth.streamotp.authorize_access_token()
    session["user"] = oauth.streamotp.userinfo(token=token)
    session["id_token"] = token["id_token"]
    return redirect("/")


@app.get("/logout")
def logout():
    session.pop("user", None)
    return oauth.streamotp.logout_redirect(url_for("logged_out", _external=True), session.pop("id_token", None))


@app.get("/logged-out")
def logged_out():
    oauth.streamotp.validate_logout_response()
    return redirect("/")


app.run("127.0.0.1", int(os.environ["PORT"]))
