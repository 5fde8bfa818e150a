"""What the web server runs: Django, behind the handling of request bodies."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

from ops_console.rest.bodies import Bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ops_console.settings")

application = Bodies(get_wsgi_application())
