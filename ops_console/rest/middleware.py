"""Problems for the errors Django writes itself, and the headers of every answer."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from ops_console.observability.logs import request_id
from ops_console.rest import problems

API = ("/pigeon/v1", "/api/v1", "/auth")
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "form-action 'self'"
)
# The inbox shows what others wrote: nothing it did not bring along is loaded, run or sent to.
INBOX_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The admin's theme evaluates its attributes and writes style attributes.
ADMIN_POLICY = f"{PAGE_POLICY}; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'"
GetResponse = Callable[[HttpRequest], HttpResponseBase]


def is_api(path: str) -> bool:
    """Whether errors below this path are problems; elsewhere they are pages."""
    return path.startswith(API) and (path in API or path.startswith(tuple(f"{prefix}/" for prefix in API)))


class ApiErrors:
    """Writes a problem in place of an error page: unknown paths, CSRF, bad hosts and failures included."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code < 400 or not is_api(request.path_info):
            return response
        if response.get("Content-Type") == problems.MEDIA_TYPE:
            return response
        return _problem(response)


class ContentSecurity:
    """Sends the Content-Security-Policy: strict, but for the admin's theme; the strictest for the inbox."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", _policy(request.path_info))
        return response


def _policy(path: str) -> str:
    if path.startswith("/admin/"):
        return ADMIN_POLICY
    if path == "/inbox" or path.startswith("/inbox/"):
        return INBOX_POLICY
    return API_POLICY if is_api(path) else PAGE_POLICY


def _problem(response: HttpResponseBase) -> HttpResponse:
    members = {"requestId": request_id.get()} if response.status_code >= 500 else {}
    problem = problems.of_status(response.status_code, **members).response()
    for name in ("Allow", "Retry-After", "WWW-Authenticate"):
        if name in response:
            problem[name] = response[name]
    # Django logs a failure once; it is told that by the response.
    problem._has_been_logged = getattr(response, "_has_been_logged", False)  # type: ignore[attr-defined]
    return problem
