"""The schema and its Swagger page, from files of this installation and without inline script or style."""

from __future__ import annotations

from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

# Importing it is what makes drf-spectacular know how callers sign in.
from ops_console.rest import openapi

__all__ = ["DocsView", "SchemaView", "openapi"]


class SchemaView(SpectacularAPIView):
    """/api/schema/"""


class DocsView(SpectacularSwaggerSplitView):
    """/api/docs/"""

    template_name = "api_docs.html"
