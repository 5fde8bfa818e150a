"""What drf-spectacular cannot see: how callers sign in, and the error answers every operation may give."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from ops_console.rest.names import camel
from ops_console.rest.problems import MEDIA_TYPE

PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457). `code` is the stable name of it.",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "example": "about:blank"},
        "title": {"type": "string", "example": "Bad Request"},
        "status": {"type": "integer", "example": 400},
        "detail": {"type": "string", "example": "The request has invalid values."},
        "code": {"type": "string", "example": "invalid"},
        "current": {"type": "string", "description": "The state it is in, when that forbids the request."},
        "requestId": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "description": "One fault, in the member (`pointer`), parameter or header it names.",
                "required": ["detail", "code"],
                "properties": {
                    "pointer": {"type": "string", "example": "/destination/address/country"},
                    "parameter": {"type": "string", "example": "cursor"},
                    "header": {"type": "string", "example": "If-Match"},
                    "detail": {"type": "string"},
                    "code": {"type": "string"},
                },
            },
        },
    },
}
TEXTS = {
    "400": "The request is malformed; `errors` names the members or parameters at fault.",
    "401": "No valid credentials.",
    "402": "This would pass the account's credit limit.",
    "403": "Not permitted, or another account's.",
    "404": "There is no such thing here.",
    "409": "The current state, or a request being carried out right now, does not allow it.",
    "412": "If-Match named another version.",
    "413": "The body is larger than 1 MiB.",
    "415": "The body is not application/json.",
    "422": "The Idempotency-Key was used for another request.",
    "429": "Too many requests: Retry-After tells how many seconds to wait.",
}
FORM = "multipart/form-data"
LARGE = {"413": "The body is larger than 32 MiB."}
TEXTS_OF_FORMS = {**LARGE, "415": f"The body is neither {FORM} nor text/csv."}
# Those whose body may be as large as a file.
TAKE_LARGE = ("opsCreateCampaign",)
SIGN_IN = "/auth/"
TAGS = {"/pigeon/": "Pigeon Protocol", SIGN_IN: "Sign-in", "/": "Operations"}
ALWAYS = ("400", "401", "403", "429")
BY_METHOD = {
    "post": ("409", "422"),
    "put": ("409", "412"),
    "patch": ("409", "412"),
    "delete": ("409", "412"),
}
WITH_BODY = ("413", "415")
# What they are about is named in the query, and need not be.
NAME_IN_QUERY = (
    "/api/v1/webhook-secret",
    "/api/v1/heatmaps",
    "/api/v1/heatmap-settings",
    "/api/v1/replay-settings",
)
# Reads that only a thing in a certain state answers.
OF_A_STATE = ("/preflight",)
CHARGES = ("post", "put", "patch")
RETRY_AFTER = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds to wait."}}
AUTHENTICATE = {"WWW-Authenticate": {"schema": {"type": "string"}}}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Makes a repetition safe for 24 hours: the same request with the same key gets the same answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag read before: change nothing when it is no longer current.",
    "schema": {"type": "string", "example": '"v3"'},
}


class AccountBasicScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """pgnProtocolAuth, as the document names it."""

    target_class = "ops_console.rest.authentication.AccountBasicAuthentication"
    name = "pgnProtocolAuth"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {"type": "http", "scheme": "basic", "description": "The account's Auth ID and Auth Key."}


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Tokens of people and keys of programs."""

    target_class = "ops_console.rest.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A person's access token, an organization's key (`pidgr_k_...`) or a service's "
            "(`pidgr_s_...`).",
        }


class StaffSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The console's cookie."""

    target_class = "ops_console.rest.authentication.StaffSessionAuthentication"
    name = "staffSession"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "A console session; X-CSRFToken goes with every method that changes something.",
        }


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A postprocessing hook: name path parameters as the document does, add headers and error answers."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = PROBLEM
    result["paths"] = {_wire_path(path): item for path, item in result["paths"].items()}
    for path, method, operation in _operations(result):
        operation["tags"] = [next(tag for below, tag in TAGS.items() if path.startswith(below))]
        operation["parameters"] = [*_named(operation.get("parameters", [])), *_headers(path, method)]
        for status in sorted(_statuses(path, method, operation)):
            operation["responses"].setdefault(status, _error(status, _texts(operation)))
    _drop_marks(result)
    return result


def _operations(result: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in result["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict) and "responses" in operation:
                yield path, method, operation


def _headers(path: str, method: str) -> list[dict[str, Any]]:
    if path.startswith(SIGN_IN):
        return []
    if method == "post":
        return [IDEMPOTENCY_KEY]
    return [IF_MATCH] if "412" in BY_METHOD.get(method, ()) and path.startswith("/pigeon/") else []


def _statuses(path: str, method: str, operation: dict[str, Any]) -> set[str]:
    if path.startswith(SIGN_IN):
        return _statuses_of_sign_in(path, operation)
    statuses = {*ALWAYS, *BY_METHOD.get(method, ()), *(WITH_BODY if "requestBody" in operation else ())}
    # What must be named, in the path or the query, may not be there.
    if path in NAME_IN_QUERY or any(parameter.get("required") for parameter in operation["parameters"]):
        statuses.add("404")
    if path.startswith("/pigeon/") and method in CHARGES:
        statuses.add("402")
    if path.endswith(OF_A_STATE):
        statuses.add("409")
    return statuses


def _statuses_of_sign_in(path: str, operation: dict[str, Any]) -> set[str]:
    statuses = {*ALWAYS, *(WITH_BODY if "requestBody" in operation else ())}
    if "/register/" in path:
        statuses.add("409")
    return statuses | ({"404"} if "{" in path else set())


def _texts(operation: dict[str, Any]) -> dict[str, str]:
    if FORM in operation.get("requestBody", {}).get("content", {}):
        return {**TEXTS, **TEXTS_OF_FORMS}
    return {**TEXTS, **LARGE} if operation.get("operationId") in TAKE_LARGE else TEXTS


def _error(status: str, texts: dict[str, str]) -> dict[str, Any]:
    error: dict[str, Any] = {
        "description": texts[status],
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    headers = {"401": AUTHENTICATE, "429": RETRY_AFTER}.get(status)
    return {**error, "headers": headers} if headers else error


def _wire_path(path: str) -> str:
    return "/".join(f"{{{camel(part[1:-1])}}}" if part.startswith("{") else part for part in path.split("/"))


def _named(parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**parameter, "name": camel(parameter["name"])} if parameter["in"] == "path" else parameter
        for parameter in parameters
    ]


def _drop_marks(value: Any) -> None:
    """Take out what drf-spectacular's own hook would use to name choices."""
    if isinstance(value, dict):
        value.pop("x-spec-enum-id", None)
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _drop_marks(inner)
