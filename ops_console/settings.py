"""All settings, read from the environment. Reading them has no side effects.

``docs/operations.md`` lists every variable. ``make run`` and ``manage.py`` set those a machine without servers lacks.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
import dj_email_url
from django.core.exceptions import ImproperlyConfigured
from environs import Env

from ops_console.connection_pool import PooledConnection
from ops_console.cors import is_origin
from ops_console.observability.logs import logging_config

env = Env()
BASE_DIR = Path(__file__).resolve().parent.parent


def secret(name: str) -> str:
    """The variable's value, or what the file holds that ``NAME_FILE`` names; empty without either."""
    path = env.str(f"{name}_FILE", "")
    return Path(path).read_text().strip() if path else env.str(name, "")


def required(name: str, meaning: str) -> str:
    """The variable's value, which production must set; ``NAME_FILE`` may name a file that holds it."""
    value = secret(name)
    if not value:
        raise ImproperlyConfigured(f"{name} is not set: set it to {meaning}.")
    return value


# --- Process -------------------------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", False)
HOST = env.str("HOST", "127.0.0.1")
PORT = env.int("PORT", 8000)
VAR_DIR = Path(env.str("VAR_DIR", str(BASE_DIR / "var"))).resolve()
PUBLIC_URL = required(
    "PUBLIC_URL", "the address people and clients reach this at, such as https://ops.example.com"
).rstrip("/")
SECRET_KEY = required("SECRET_KEY", "a long random text")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])
# Links and identifiers come from PUBLIC_URL, never from the Host header, so any name may reach us.
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["*"])
TRUSTED_PROXIES: list[str] = env.list("TRUSTED_PROXIES", [])
METRICS_TOKEN = secret("METRICS_TOKEN")
DEMO = env.bool("DEMO", False)

# --- The product ---------------------------------------------------------------------------------------------------

# Flight and rest take 1/N of their time.
FLIGHT_SPEEDUP = env.float("FLIGHT_SPEEDUP", 3600.0 if DEMO else 1.0)
# US dollars of staff refunds on one message above which a second member of staff approves.
REFUND_FOUR_EYES_LIMIT = env.decimal("REFUND_FOUR_EYES_LIMIT", Decimal("5.00"))
# US dollars a new account may owe.
DEFAULT_CREDIT_LIMIT = env.decimal("DEFAULT_CREDIT_LIMIT", Decimal("100.00"))
# Requests per second and burst of an organization without its own.
RATE_PER_S = env.int("RATE_PER_S", 100)
RATE_BURST = env.int("RATE_BURST", 200)
# Failed sign-ins a minute from one address before further failures answer 429.
FAILED_AUTH_PER_MINUTE = env.int("FAILED_AUTH_PER_MINUTE", 100)
# Opens webhooks to loopback and to plain HTTP: for tests and the demo only.
WEBHOOK_ALLOW_LOOPBACK = env.bool("WEBHOOK_ALLOW_LOOPBACK", DEMO)

# Days after which webhooks that were delivered or given up are deleted.
WEBHOOK_KEEP_DAYS = env.int("WEBHOOK_KEEP_DAYS", 30)

# --- Campaigns -----------------------------------------------------------------------------------------------------

# What carries messages, by the name workflows give it; PUSH_CHANNEL=campaigns.channels.null.Null carries nothing.
CAMPAIGN_CHANNELS = {
    "push": env.str("PUSH_CHANNEL", "campaigns.channels.push.Push"),
    "pigeon": "campaigns.channels.pigeon.Pigeon",
}
# Seconds after which the deliveries of a worker that died are given to another; well past the longest batch.
CAMPAIGN_LEASE_S = env.float("CAMPAIGN_LEASE_S", 60.0)

# Recipients of a campaign above which a second person approves it before it starts; unset: none does.
CAMPAIGN_FOUR_EYES_RECIPIENTS: int | None = env.int("CAMPAIGN_FOUR_EYES_RECIPIENTS", default=None)
# Seconds after its time from which on a scheduled campaign counts as late.
CAMPAIGN_LATE_AFTER_S = env.int("CAMPAIGN_LATE_AFTER_S", 900)

# Providers of push notifications; only tests and stand-ins have others.
FCM_URL = env.str("FCM_URL", "https://fcm.googleapis.com").rstrip("/")
FCM_TOKEN_URL = env.str("FCM_TOKEN_URL", "https://oauth2.googleapis.com/token")
APNS_URL = env.str("APNS_URL", "https://api.push.apple.com").rstrip("/")
APNS_SANDBOX_URL = env.str("APNS_SANDBOX_URL", "https://api.sandbox.push.apple.com").rstrip("/")
# A PEM file of authorities trusted beside the usual ones where a push provider is called.
PUSH_CA_FILE = env.str("PUSH_CA_FILE", "")
# Lets browsers' subscriptions be on loopback and plain HTTP: for tests only.
PUSH_ALLOW_LOOPBACK = env.bool("PUSH_ALLOW_LOOPBACK", False)
# Lets organizations' PostHog be on loopback and plain HTTP: for tests only.
POSTHOG_ALLOW_LOOPBACK = env.bool("POSTHOG_ALLOW_LOOPBACK", False)
# Writes to the log what a platform without credentials would be pushed; outside production only.
PUSH_CONSOLE = env.bool("PUSH_CONSOLE", DEMO)
# Names the series of webhooks whose end somebody has yet to see: the purge leaves them.
WEBHOOK_SERIES_IN_USE = "campaigns.engine.webhooks.series_in_use"
# What manage.py reencryptsecrets encrypts beside the platform's own secrets.
FURTHER_SECRETS = {
    "push credentials": "campaigns.services.push_credentials.reencrypt_credentials",
    "PostHog keys": "campaigns.replay.settings.reencrypt_settings",
}
# Tells what is wrong with the workflow an organization is to have as its default.
WORKFLOW_CHECK = "campaigns.workflows.validation.check"
# Calls to push providers that a worker has under way at once; seconds for one, and for those of a batch.
PUSH_CONCURRENCY = env.int("PUSH_CONCURRENCY", 100)
PUSH_TIMEOUT_S = env.float("PUSH_TIMEOUT_S", 10)
PUSH_BATCH_S = env.float("PUSH_BATCH_S", 40)

# Days whose touches are kept one by one before they are counted up by the hour; and kept at all.
HEATMAP_ROLLUP_AFTER_DAYS = env.int("HEATMAP_ROLLUP_AFTER_DAYS", 2)
HEATMAP_KEEP_DAYS = env.int("HEATMAP_KEEP_DAYS", 365)
# People below whom a cell of a heatmap is left out, where the organization says no other number.
HEATMAP_MIN_USERS = env.int("HEATMAP_MIN_USERS", 5)
# Seconds an address of a screenshot is good for.
SCREENSHOT_URL_S = env.int("SCREENSHOT_URL_S", 3600)
# Days that recordings of visits are kept.
REPLAY_KEEP_DAYS = env.int("REPLAY_KEEP_DAYS", 30)

# --- Identity ------------------------------------------------------------------------------------------------------

# Minutes an access token is good for; a session that ended is refused at once all the same.
ACCESS_TOKEN_MINUTES = env.int("ACCESS_TOKEN_MINUTES", 15)
# Days without a refresh after which a session is over.
SESSION_DAYS = env.int("SESSION_DAYS", 30)
# Codes by e-mail an hour to one e-mail address, and from one client address.
CODES_PER_EMAIL_PER_HOUR = env.int("CODES_PER_EMAIL_PER_HOUR", 10)
CODES_PER_CLIENT_PER_HOUR = env.int("CODES_PER_CLIENT_PER_HOUR", 100)
# Wrong codes a day for one e-mail address, and an hour from one client address: then none is looked at.
WRONG_CODES_PER_EMAIL_PER_DAY = env.int("WRONG_CODES_PER_EMAIL_PER_DAY", 50)
WRONG_CODES_PER_CLIENT_PER_HOUR = env.int("WRONG_CODES_PER_CLIENT_PER_HOUR", 100)
# Days a key signs before the next one takes its place.
SIGNING_KEY_DAYS = env.int("SIGNING_KEY_DAYS", 90)
# Name servers that are asked whose a domain is; the system's without.
SSO_DNS_RESOLVER = env.str("SSO_DNS_RESOLVER", "")
# A PEM file of authorities trusted beside the usual ones where an identity provider is called.
SSO_CA_FILE = env.str("SSO_CA_FILE", "")
# Lets identity providers be on loopback, by HTTPS all the same: for tests only.
SSO_ALLOW_LOOPBACK = env.bool("SSO_ALLOW_LOOPBACK", False)
# Hours after which a provider is asked again who somebody is, where it does not say itself.
SSO_SESSION_HOURS = env.int("SSO_SESSION_HOURS", 24)
# Questions a minute, from one address, whether an e-mail address signs in through a provider.
SSO_CHECKS_PER_MINUTE = env.int("SSO_CHECKS_PER_MINUTE", 300)

# --- E-mail --------------------------------------------------------------------------------------------------------

# Without a mail server e-mails become files, in a folder that is closed to others.
_MAIL: dict[str, Any] = dj_email_url.parse(  # type: ignore[no-untyped-call]
    secret("EMAIL_URL") or f"file:///{VAR_DIR}/mail"
)
if "EMAIL_BACKEND" not in _MAIL:
    raise ImproperlyConfigured("EMAIL_URL is of no known kind: set it to smtp://... or submission://... (STARTTLS).")
EMAIL_FILE_PATH: str = _MAIL["EMAIL_FILE_PATH"]
EMAIL_BACKEND: str = _MAIL["EMAIL_BACKEND"].replace("django.core.mail.backends.filebased", "ops_console.letters.files")
EMAIL_HOST: str = _MAIL["EMAIL_HOST"] or "localhost"
EMAIL_PORT: int = _MAIL["EMAIL_PORT"] or 25
EMAIL_HOST_USER: str = _MAIL["EMAIL_HOST_USER"] or ""
EMAIL_HOST_PASSWORD: str = _MAIL["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS: bool = _MAIL["EMAIL_USE_TLS"]
EMAIL_USE_SSL: bool = _MAIL["EMAIL_USE_SSL"]
EMAIL_TIMEOUT: int = _MAIL["EMAIL_TIMEOUT"] or 10
DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", f"Pigeon <no-reply@{urlsplit(PUBLIC_URL).hostname or 'localhost'}>")

# --- Django --------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    # Not "unfold" alone: the admin site is our own.
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "ops_console.console",
    "ops_console.console.apps.ConsoleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "ops_console.observability",
    "ops_console.organizations",
    "ops_console.access",
    "ops_console.ledger",
    "ops_console.audit",
    "ops_console.outbox",
    "ops_console.rpc",
    "ops_console.letters",
    "ops_console.frontend",
    "couriers",
    "messages",
    "campaigns",
]

MIDDLEWARE = [
    "ops_console.observability.middleware.RequestLog",
    "ops_console.rest.middleware.ContentSecurity",
    "ops_console.rest.middleware.ApiErrors",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "ops_console.urls"
WSGI_APPLICATION = "ops_console.wsgi.application"
AUTH_USER_MODEL = "organizations.Person"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
APPEND_SLASH = False

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
# What members upload: closed to others on this machine, and served by signed addresses alone.
MEDIA_ROOT = VAR_DIR / "media"
FILE_UPLOAD_PERMISSIONS, FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o600, 0o700
STORAGES: dict[str, Any] = {
    "default": {"BACKEND": env.str("FILE_STORAGE", "django.core.files.storage.FileSystemStorage")},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# Files are served out of the installed packages: there is no collecting step to forget.
WHITENOISE_USE_FINDERS = True

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

# --- REST: answers, documentation ----------------------------------------------------------------------------------

REST_FRAMEWORK = {
    # Nobody may do anything until a view says who may (ops_console/rest/views.py).
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["ops_console.rest.permissions.DenyAll"],
    "DEFAULT_PARSER_CLASSES": ["ops_console.rest.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["ops_console.rest.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "ops_console.rest.problems.exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Pigeon operations console",
    "DESCRIPTION": "Pigeon Protocol for account holders; operations API for staff, members and keys of organizations.",
    "VERSION": "v1",
    # In the order in which a reader needs them.
    "TAGS": [
        {"name": "Pigeon Protocol", "description": "Messages by pigeon, for account holders."},
        {"name": "Sign-in", "description": "Passkeys, codes, identity providers and tokens."},
        {"name": "Operations", "description": "What staff, members and keys of organizations see and do."},
    ],
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    # Choices stay where they are used: many machines have a "status", and none shares it.
    "POSTPROCESSING_HOOKS": ["ops_console.rest.openapi.complete"],
}

# --- RPC -----------------------------------------------------------------------------------------------------------

# Modules with handlers, each with its SERVICES; a method none of them handles is UNIMPLEMENTED.
RPC_MODULES: list[str] = [
    "ops_console.organizations.rpc.organizations",
    "ops_console.organizations.rpc.members",
    "ops_console.organizations.rpc.roles",
    "ops_console.organizations.rpc.rosters",
    "ops_console.access.rpc",
    "campaigns.rpc.templates",
    "campaigns.rpc.render",
    "campaigns.rpc.campaigns",
    "campaigns.rpc.inbox",
    "campaigns.rpc.actions",
    "campaigns.rpc.devices",
    "campaigns.rpc.heatmaps",
    "campaigns.rpc.replay",
]
GRPC_PORT = env.int("GRPC_PORT", 8001)
# Calls that a grpc process carries out at once.
GRPC_THREADS = env.int("GRPC_THREADS", 4)
# Files in PEM: with both, the web server and the grpc process speak TLS themselves.
TLS_CERTIFICATE, TLS_KEY = env.str("TLS_CERTIFICATE", ""), env.str("TLS_KEY", "")

# --- Browsers ------------------------------------------------------------------------------------------------------

# Origins whose pages may call RPC, /auth and /api/v1 with a bearer credential; * is any.
CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", [])
if not all(is_origin(origin) for origin in CORS_ALLOWED_ORIGINS):
    raise ImproperlyConfigured("CORS_ALLOWED_ORIGINS: give origins such as https://app.example.com, by comma.")

IS_HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_HTTPONLY = True
# Behind a proxy that ends TLS the Host alone does not tell the origin.
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# --- The console's theme -------------------------------------------------------------------------------------------

FORMAT_MODULE_PATH = "ops_console.console.formats"
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Pigeon operations",
    "SITE_HEADER": "Pigeon operations",
    "SITE_SYMBOL": "flight_takeoff",
    "SITE_URL": None,
    # What staff did is in the audit trail, not in Django's own log.
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "ENVIRONMENT": "ops_console.console.theme.environment",
    "LOGIN": {"form": "ops_console.console.passwords.SuperuserForm"},
    "STYLES": ["ops_console.console.theme.stylesheet"],
    "COLORS": {"primary": "ops_console.console.theme.primary"},
    "SIDEBAR": {"navigation": "ops_console.console.navigation.sidebar"},
}

# --- Logs ----------------------------------------------------------------------------------------------------------

LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
LOGGING = logging_config(LOG_LEVEL)

# --- Database and Valkey -------------------------------------------------------------------------------------------

DATABASES: dict[str, Any] = {
    "default": {
        **dj_database_url.parse(required("DATABASE_URL", "the URL of a PostgreSQL database")),
        "CONN_HEALTH_CHECKS": True,
        "CONN_MAX_AGE": 0,
    }
}
# Connections a process keeps; processes times pool stays below PostgreSQL's max_connections.
OPTIONS = DATABASES["default"].setdefault("OPTIONS", {})
OPTIONS["pool"] = {
    "min_size": 1,
    "max_size": env.int("DATABASE_POOL_SIZE", 10),
    "timeout": 10,
    "connection_class": PooledConnection,
}

REDIS_URL = required("REDIS_URL", "the URL of a Valkey or Redis server")

# --- Celery --------------------------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Valkey may be away for hours; the default gives up, and ends the worker, after one.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 5}
CELERY_TIMEZONE = "UTC"


def every(seconds: float, task: str) -> dict[str, Any]:
    """A beat entry; a tick nobody took in time is dropped, for the next one does its work."""
    return {"task": task, "schedule": seconds, "options": {"expires": max(10, seconds)}}


CELERY_BEAT_SCHEDULE = {
    "dispatch": every(1, "messages.tasks.dispatch"),
    "land": every(1, "messages.tasks.land"),
    "wake-couriers": every(1, "messages.tasks.wake_couriers"),
    "refund-missed": every(5, "messages.tasks.refund_missed"),
    "fold-flow": every(10, "messages.tasks.fold_flow"),
    "advance-campaigns": every(1, "campaigns.tasks.advance"),
    "send-campaigns": every(1, "campaigns.tasks.send"),
    "tend-touches": every(600, "campaigns.tasks.tend_touches"),
    "purge-recordings": every(3600, "campaigns.tasks.purge_recordings"),
    "sweep-files": every(86400, "campaigns.tasks.sweep_files"),
    "follow-pigeons": every(2, "campaigns.tasks.follow_pigeons"),
    "start-scheduled-campaigns": every(5, "campaigns.tasks.start_scheduled"),
    "fold-campaign-flow": every(10, "campaigns.tasks.fold_flow"),
    "deliver-webhooks": every(1, "ops_console.outbox.tasks.deliver_webhooks"),
    "send-letters": every(2, "ops_console.letters.tasks.send_letters"),
    "purge-letters": every(3600, "ops_console.letters.tasks.purge_letters"),
    "ask-for-proofs": every(60, "ops_console.access.tasks.ask_for_proofs"),
    "rotate-signing-keys": every(60, "ops_console.access.tasks.rotate_signing_keys"),
    "purge-sign-ins": every(600, "ops_console.access.tasks.purge_sign_ins"),
    "heartbeat": every(2, "ops_console.observability.tasks.heartbeat"),
    "purge-idempotency": every(3600, "ops_console.access.tasks.purge_idempotency"),
    "purge-webhooks": every(3600, "ops_console.outbox.tasks.purge_webhooks"),
}
