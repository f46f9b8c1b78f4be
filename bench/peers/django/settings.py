"""Django's settings: the parts that an API without pages needs."""

import os

from psycopg.conninfo import conninfo_to_dict

database = conninfo_to_dict(os.environ["DATABASE_URL"])

DEBUG = False
SECRET_KEY = "signs nothing here"
ALLOWED_HOSTS = ["127.0.0.1"]
ROOT_URLCONF = "peers.django.urls"
USE_TZ = True
TIME_ZONE = "UTC"
APPEND_SLASH = False
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
]
INSTALLED_APPS = ["rest_framework", "peers.django.posts"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": database["dbname"],
        "USER": database["user"],
        "PASSWORD": database.get("password", ""),
        "HOST": database["host"],
        # One for each of Gunicorn's threads.
        "OPTIONS": {"pool": {"min_size": 10, "max_size": 10}},
    }
}
REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["peers.django.posts.authentication.ApiToken"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"],
    "UNAUTHENTICATED_USER": None,
}
