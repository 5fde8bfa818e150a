"""The two bases of every REST view: an account's (/pigeon/v1) and a resource's (/api/v1).

Both authenticate, refuse and count before a handler runs; a handler parses, calls one service or QuerySet method with
``self.actor`` and ``self.now``, and returns ``answer(...)``. Errors are raised: ``problems.py`` writes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.filters import BaseFilterBackend
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSetMixin

from ops_console.access import policy, rate_limits
from ops_console.access.actors import Actor
from ops_console.errors import Forbidden
from ops_console.formats import to_json
from ops_console.ledger.models import Account
from ops_console.organizations.querysets import TenantQuerySet
from ops_console.rest import once, problems
from ops_console.rest.authentication import (
    AccountBasicAuthentication,
    BearerAuthentication,
    Caller,
    StaffSessionAuthentication,
)
from ops_console.rest.filters import StrictFilterBackend, StrictSearchFilter
from ops_console.rest.pagination import CursorPagination
from ops_console.rest.parsers import StrictJSONParser
from ops_console.rest.renderers import JSONRenderer

METHODS = ("get", "post", "put", "patch", "delete", "head")
RENDERER = JSONRenderer()


class Answer(HttpResponse):
    """A JSON answer; ``kept_body`` is what an Idempotency-Key keeps of one that carries a secret."""

    kept_body: bytes | None = None


def answer(
    data: Any = None, *, status: int = 200, headers: Mapping[str, str] | None = None, kept: Any = None
) -> Answer:
    """Write ``data`` as JSON; Decimals are money, datetimes instants. ``kept``: the same without its secret."""
    body = b"" if data is None else to_json(data)
    response = Answer(body, status=status, content_type=JSONRenderer.media_type, headers=dict(headers or {}))
    if kept is not None:
        response.kept_body = to_json(kept)
    return response


class ProblemView(APIView):
    """DRF's view with one parser, one renderer, problems for errors and Idempotency-Key on POST."""

    http_method_names = METHODS
    parser_classes: Sequence[type[BaseParser]] = (StrictJSONParser,)
    renderer_classes = (JSONRenderer,)
    # False where a body is not looked at, however malformed.
    takes_body: ClassVar[bool] = True
    now: datetime

    @property
    def caller(self) -> Caller:
        return cast(Caller, self.request.auth)

    @property
    def actor(self) -> Actor:
        return self.caller.actor

    # In DRF's place: it settles the answer's format, version and Allow header anew for every request.
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.args, self.kwargs = args, kwargs
        self.now = timezone.now()
        self.headers: dict[str, str] = {}
        self.request = self.initialize_request(request, *args, **kwargs)
        try:
            _refuse_nul(request)
            self.initial(self.request, *args, **kwargs)
            return _finished(self._respond())
        except Exception as error:  # noqa: BLE001 - those nobody planned are raised again
            return self.handle_exception(error)

    def _respond(self) -> HttpResponseBase:
        method = (self.request.method or "").lower()
        known = method in self.http_method_names
        handler = getattr(self, method, self.http_method_not_allowed) if known else self.http_method_not_allowed

        def handle() -> HttpResponseBase:
            return cast(HttpResponseBase, handler(self.request, *self.args, **self.kwargs))

        if method != "post":
            return handle()
        key = once.key_of(self.request)
        if key is not None:
            return self._respond_once(key, handle)
        self.prepare()
        return handle()

    def _respond_once(self, key: str, handle: Callable[[], HttpResponseBase]) -> HttpResponseBase:
        def work() -> HttpResponseBase:
            return _finished(handle())

        return once.respond(
            self.request,
            caller=self.caller,
            key=key,
            takes_body=self.takes_body,
            now=self.now,
            prepare=self.prepare,
            work=work,
        )

    def prepare(self) -> None:
        """Do what a POST does before its handler and outside of any transaction: calls over the network."""

    def http_method_not_allowed(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        raise MethodNotAllowed(request.method or "")

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        problem = problems.of_exception(exc)
        if problem is None:
            raise exc
        response = problem.response()
        if problem.status == 401:
            response["WWW-Authenticate"] = self.get_authenticate_header(self.request)
        if problem.status == 405:
            response["Allow"] = ", ".join(self.allowed_methods)
        return response

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[JSONRenderer, str]:
        return RENDERER, RENDERER.media_type


class AccountAPIView(ProblemView):
    """A view below /pigeon/v1/{account}: for that account's credentials, within its organization's rate."""

    authentication_classes = (AccountBasicAuthentication,)

    @property
    def account(self) -> Account:
        return cast(Account, self.caller.account)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        caller = cast(Caller, request.auth)
        # One answer for another's account and for none: which names exist is nobody's business.
        if caller.account is None or caller.organization is None or caller.account.username != kwargs["account"]:
            raise Forbidden("These credentials are another account's.")
        rate_limits.take(caller.organization)


class ResourceView(ViewSetMixin, ProblemView):
    """Actions below /api/v1 for staff, members and keys, by the policy table; as it is, for what there is one of.

    Subclasses set ``resource`` and, for an action whose name differs from the table's, ``policy_actions``.
    """

    # The first one's header goes with a 401. A bearer credential counts before a cookie.
    authentication_classes = (BearerAuthentication, StaffSessionAuthentication)
    resource: ClassVar[str]
    policy_actions: ClassVar[Mapping[str, str]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        actor = cast(Caller, request.auth).actor
        rate_limits.take_for(actor)
        # DRF sets none where the method has no action.
        if not self.action:
            raise MethodNotAllowed(request.method or "")
        policy.require(actor, self.resource, self.policy_actions.get(self.action, self.action))


class ResourceViewSet(ResourceView, GenericAPIView[Any]):
    """A collection below /api/v1: subclasses add DRF's mixins, ``orderings`` and their filters and serializers.

    Of a ``TenantQuerySet`` a caller comes upon what it may know of, and of other rows staff alone; where those are for
    everybody, override ``get_queryset``.
    """

    pagination_class = CursorPagination
    filter_backends: Sequence[type[BaseFilterBackend]] = (StrictFilterBackend, StrictSearchFilter)
    orderings: ClassVar[Mapping[str, tuple[str, ...]]]
    format_kwarg = None

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if isinstance(rows, TenantQuerySet):
            return rows.visible_to(self.actor)
        return rows if self.actor.is_of_the_house else rows.none()

    def orderings_of(self, request: Request) -> Mapping[str, tuple[str, ...]]:
        """Those this request may choose from."""
        return self.orderings

    def get_object(self) -> Any:
        """The one the address names. Filters are for lists, and narrow nothing here."""
        name = self.lookup_url_kwarg or self.lookup_field
        return get_object_or_404(self.get_queryset(), **{self.lookup_field: self.kwargs[name]})


def _finished(response: HttpResponseBase) -> HttpResponseBase:
    """The response with its body written, for those of DRF write theirs late."""
    if isinstance(response, Response):
        response.accepted_renderer = RENDERER
        response.accepted_media_type = RENDERER.media_type
        response.renderer_context = {}  # type: ignore[attr-defined]
        response.render()
    return response


def _refuse_nul(request: HttpRequest) -> None:
    if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
        raise problems.InvalidParameter([], "A NUL character in the address.")
