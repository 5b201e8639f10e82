"""An application of django-allauth and Django: https://docs.allauth.org/en/latest/socialaccount/providers/openid_connect.html"""
import os
import secrets
from urllib.parse import urlencode

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpResponse
from django.template import engines
from django.urls import include, path

ISSUER, CLIENT_ID, PORT = os.environ["ISSUER"], os.environ["CLIENT_ID"], os.environ["PORT"]
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"], SECRET_KEY=secrets.token_hex(), ROOT_URLCONF=__name__, LOGIN_REDIRECT_URL="/",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "django.contrib.messages",
                    "allauth", "allauth.account", "allauth.socialaccount", "allauth.socialaccount.providers.openid_connect"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware", "django.contrib.messages.middleware.MessageMiddleware",
                "allauth.account.middleware.AccountMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
                "OPTIONS": {"context_processors": ["django.template.context_processors.request"]}}],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:shop?mode=memory&cache=shared"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
    SOCIALACCOUNT_LOGIN_ON_GET=True,  # the link leads to the login page at once
    ACCOUNT_LOGOUT_REDIRECT_URL=ISSUER + "/api/oauth2/logout?" + urlencode({
        "client_id": CLIENT_ID, "post_logout_redirect_uri": f"http://127.0.0.1:{PORT}/"}),
    SOCIALACCOUNT_PROVIDERS={"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [{
        "provider_id": "streamotp", "name": "StreamOTP", "client_id": CLIENT_ID, "secret": os.environ["CLIENT_SECRET"],
        "settings": {"server_url": ISSUER},
    }]}},
)
django.setup()


def home(request):
    page = engines["django"].from_string("""{% load socialaccount %}{% if user.is_authenticated %}Hello {{ user.email }}
        <form method="post" action="{% url 'account_logout' %}">{% csrf_token %}<button>Log out</button></form>
        {% else %}<a href="{% provider_login_url 'streamotp' %}">Log in</a>{% endif %}""")
    return HttpResponse(page.render({"user": request.user}, request))


urlpatterns = [path("", home), path("accounts/", include("allauth.urls"))]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    call_command("runserver", "127.0.0.1:" + PORT, use_reloader=False)
