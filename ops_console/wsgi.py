"""What the web server runs: RPC by Connect, Django behind the handling of request bodies, and CORS before both."""

from __future__ import annotations

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from ops_console.cors import Cors
from ops_console.rest.bodies import Bodies, WSGIApp

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ops_console.settings")


def make_application() -> WSGIApp:
    """Set Django up, which the handlers of RPC need, and put both together."""
    django = Bodies(get_wsgi_application())
    # With all their views, which else the first request would wait for.
    import_module(settings.ROOT_URLCONF)
    from ops_console.rpc.connect.mount import ConnectMount

    return Cors(ConnectMount(django), settings.CORS_ALLOWED_ORIGINS)


application = make_application()
