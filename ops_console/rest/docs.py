"""The Swagger page, from files of this installation and without inline script or style."""

from __future__ import annotations

from drf_spectacular.views import SpectacularSwaggerSplitView


class DocsView(SpectacularSwaggerSplitView):
    """/api/docs/"""

    template_name = "api_docs.html"
