"""An application of mozilla-django-oidc and Django: https://mozilla-django-oidc.readthedocs.io/en/stable/installation.html"""
import os
import secrets
from urllib.parse import urlencode

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpResponse
from django.template import engines
from django.urls import include, path

ISSUER, PORT = os.environ["ISSUER"], os.environ["PORT"]
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"], SECRET_KEY=secrets.token_hex(), ROOT_URLCONF=__name__, LOGIN_REDIRECT_URL="/", LOGOUT_REDIRECT_URL="/",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "mozilla_django_oidc"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.csrf.CsrfViewMiddleware",
                "django.contrib.auth.middleware.AuthenticationMiddleware"],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:shop?mode=memory&cache=shared"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    AUTHENTICATION_BACKENDS=["mozilla_django_oidc.auth.OIDCAuthenticationBackend"],
    OIDC_RP_CLIENT_ID=os.environ["CLIENT_ID"],
    OIDC_RP_CLIENT_SECRET=os.environ["CLIENT_SECRET"],
    OIDC_RP_SIGN_ALGO="RS256",
    OIDC_USE_PKCE=True,
    OIDC_OP_AUTHORIZATION_ENDPOINT=ISSUER + "/api/oauth2/authorize",
    OIDC_OP_TOKEN_ENDPOINT=ISSUER + "/api/oauth2/token",
    OIDC_OP_USER_ENDPOINT=ISSUER + "/api/oauth2/userinfo",
    OIDC_OP_JWKS_ENDPOINT=ISSUER + "/.well-known/jwks.json",
    OIDC_OP_LOGOUT_URL_METHOD=__name__ + ".logout_url",
)
django.setup()


def home(request):
    page = engines["django"].from_string("""{% if user.is_authenticated %}Hello {{ user.email }}
        <form method="post" action="{% url 'oidc_logout' %}">{% csrf_token %}<button>Log out</button></form>
        {% else %}<a href="{% url 'oidc_authentication_init' %}">Log in</a>{% endif %}""")
    return HttpResponse(page.render({"user": request.user}, request))


def logout_url(request):
    return ISSUER + "/api/oauth2/logout?" + urlencode({"client_id": settings.OIDC_RP_CLIENT_ID,
                                                       "post_logout_redirect_uri": request.build_absolute_uri("/")})


urlpatterns = [path("", home), path("oidc/", include("mozilla_django_oidc.urls"))]

if __name__ == "__main__":
    call_command("migrate", verbosity=0)
    call_command("runserver", "127.0.0.1:" + PORT, use_reloader=False)
