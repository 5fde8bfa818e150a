"""/inbox: a page that is the same for everybody, so that the browser can keep it; what it shows comes over RPC."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ops_console.access.auth.pages import is_signed_in
from ops_console.frontend import VERSION_FILE


@never_cache
@require_safe
def inbox_page(request: HttpRequest) -> HttpResponse:
    version = built(VERSION_FILE)
    if version is None:
        return render(request, "inbox_unbuilt.html", status=503)
    if not is_signed_in(request):
        here = urlencode({"next": request.get_full_path()})
        return HttpResponseRedirect(f"{reverse('signin')}?{here}")
    return render(request, "inbox.html", {"version": version.read_text()})


@require_safe
def inbox_worker(request: HttpRequest) -> HttpResponse:
    """The service worker: served here, for a script of /static/ may not stand before /inbox."""
    path = built("worker.js")
    if path is None:
        raise Http404
    headers = {"Service-Worker-Allowed": reverse("inbox"), "Cache-Control": "no-cache"}
    return HttpResponse(path.read_bytes(), content_type="text/javascript", headers=headers)


def built(name: str) -> Path | None:
    """A file of the page, or None where nobody has built it."""
    found = finders.find(f"inbox/{name}")
    return Path(found) if found else None
