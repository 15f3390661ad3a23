"""One file of settings; every value that an installation may change is an environment variable (see env.py)."""

import secrets
from pathlib import Path

from config import embedded, env, place, sessions
from config.document import SPECTACULAR
from config.logging import LOGGING  # noqa: F401
from config.site.frame import UNFOLD  # noqa: F401

BASE_DIR = Path(__file__).resolve().parent.parent
HOME = embedded.home()

DEBUG = env.boolean("DEBUG", default=False)
if env.given("DATABASE_URL"):
    # Whoever brings a database brings the keys that open what is in it.
    SECRET_KEY = env.secret_key(env.required("SECRET_KEY", "give at least 32 random characters"))
    FIELD_KEY = env.key_ring(
        "FIELD_KEY", env.required("FIELD_KEY", "give ID:64 hexadecimal digits (ID names the key, such as k1)")
    )
    DATABASES = {"default": env.database(env.required("DATABASE_URL", ""))}
else:
    SECRET_KEY = env.secret_key(env.given("SECRET_KEY") or place.secret(HOME, "secret-key", secrets.token_hex(32)))
    FIELD_KEY = env.key_ring(
        "FIELD_KEY", env.given("FIELD_KEY") or place.secret(HOME, "field-key", f"k1:{secrets.token_hex(32)}")
    )
    DATABASES = {"default": embedded.database()}
# Not given: each FIELD_KEY has a blind key derived from it (ground/crypto.py).
BLIND_KEY = env.key_ring("BLIND_KEY", given) if (given := env.given("BLIND_KEY")) else ""
sessions.bound(DATABASES["default"])
BROKER_URL = env.broker(env.given("BROKER_URL") or embedded.broker())

# Our own host always: readiness is asked and the sandbox calls back there.
ALLOWED_HOSTS = [*env.hosts("ALLOWED_HOSTS", default=[]), "127.0.0.1", "localhost", "[::1]"]
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES", default=[])
EVENTS_PER_MEMBER = env.integer("EVENTS_PER_MEMBER", default=600, low=1, high=1_000_000)  # a minute, by the API
PUBLIC_URL = env.web_address(
    "PUBLIC_URL", default=f"http://127.0.0.1:{env.integer('PORT', default=8000, low=1, high=65535)}"
)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PUBLIC_URL.startswith("https:") else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https:")
LOGIN_URL = LOGIN_REDIRECT_URL = "admin:index"

INSTALLED_APPS = [
    "config.apps.RoofConfig",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "config.ground",
    "cdp",
    "loyalty",
    "connectors",
    "automation",
]
MIDDLEWARE = [
    "config.ground.request_id.RequestId",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.site.zone.BrandZone",
]
ROOT_URLCONF = "config.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "libraries": {"sections": "config.site.sections"},
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
WSGI_APPLICATION = "config.wsgi.application"
LANGUAGE_CODE = env.choice("LANGUAGE", ("zh-hans", "en"), default="zh-hans")
LANGUAGES = [("zh-hans", "简体中文"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
FORMAT_MODULE_PATH = "config.formats"
USE_TZ = True
TIME_ZONE = env.timezone("TIME_ZONE", default="Asia/Shanghai")
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler", "config.ground.uploads.Unnamed"]
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REST_FRAMEWORK = {
    "EXCEPTION_HANDLER": "config.ground.problems.handle",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = SPECTACULAR
