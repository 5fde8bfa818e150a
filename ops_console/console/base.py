"""The base of every admin page: read-only, its changes made by actions that call services."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from django.contrib.admin import ShowFacets
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin

from ops_console.audit.models import AuditEntry
from ops_console.console import display, registry
from ops_console.console.actions import Scope, ServiceAction
from ops_console.console.callers import may
from ops_console.console.confirmation import MOST_SELECTED, Confirmation
from ops_console.console.paginator import CappedPaginator
from ops_console.console.trail import trail


class ConsoleAdmin(ModelAdmin):
    """Shows rows and never writes one.

    ``resource`` is what the policy knows the model as. ``service_actions`` and ``parts`` are the page's own; other
    apps add theirs with ``registry.extend``. ``empty_text`` tells a reader of an empty list what to do.
    """

    resource: ClassVar[str]
    service_actions: ClassVar[Sequence[ServiceAction]] = ()
    parts: ClassVar[Sequence[registry.Part]] = ()
    empty_text: ClassVar[str] = ""
    # What the audit trail calls it, and the field that names it there.
    audited_as: ClassVar[tuple[str, str] | None] = None

    paginator = CappedPaginator
    list_per_page = 50
    list_max_show_all = 0
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_disable_select_all = True
    # Only what an index serves is sortable: a class that has one names it.
    sortable_by: ClassVar[tuple[str, ...]] = ()
    list_before_template: Any = "console/_list_head.html"
    change_form_outer_before_template: Any = "console/_object_head.html"
    change_form_outer_after_template: Any = "console/_object_parts.html"

    # --- Rights ---------------------------------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return may(request, self.resource, "list")

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    # --- Reads ----------------------------------------------------------------------------------------------------

    def list_rows(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """What the list needs of each row, and no more."""
        return rows

    def object_rows(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """What an object's page needs."""
        return rows

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = self.model._default_manager.all()
        match = request.resolver_match
        is_list = match is not None and str(match.url_name).endswith("_changelist")
        rows = self.list_rows(rows) if is_list else self.object_rows(rows)
        return rows.order_by(*self.get_ordering(request))

    # --- Pages ----------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        wrap, prefix = self.admin_site.admin_view, self._url_prefix
        ours = [
            path("do/<slug:name>/", wrap(self.new_view), name=f"{prefix}_do_new"),
            path("<path:object_id>/do/<slug:name>/", wrap(self.object_action_view), name=f"{prefix}_do"),
        ]
        return ours + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if request.method == "POST":
            self._refuse_forced(request)
        context = {
            "new_actions": self._buttons(request, Scope.NEW),
            "empty_text": self.empty_text,
            "title": str(self.opts.verbose_name_plural).capitalize(),
            **(extra_context or {}),
        }
        return super().changelist_view(request, context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        target = self.get_object(request, unquote(object_id)) if object_id else None
        context = dict(extra_context or {})
        if target is not None and self.has_view_permission(request, target):
            context |= {
                "object_actions": self._buttons(request, Scope.ONE, Scope.MANY, target=target),
                "object_parts": self._parts(request, target),
                "title": str(self.opts.verbose_name).capitalize(),
            }
        return super().changeform_view(request, object_id, form_url, context)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Django's own log stays empty here: the audit trail tells more."""
        return HttpResponseRedirect(display.list_url(AuditEntry))

    # --- Actions --------------------------------------------------------------------------------------------------

    def actions_for(self, request: HttpRequest, *scopes: Scope) -> list[ServiceAction]:
        """Those the person may do."""
        return [
            action
            for action in self._all_actions()
            if action.scope in scopes and may(request, action.resource, action.right)
        ]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {
            action.name: (_confirm_selection, action.name, action.label)
            for action in self.actions_for(request, Scope.MANY)
        }

    def new_view(self, request: HttpRequest, name: str) -> HttpResponse:
        action = self._action(request, name, Scope.NEW)
        back = reverse(f"admin:{self._url_prefix}_changelist")
        return Confirmation(self, request, action, (), back=back).response()

    def object_action_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        action = self._action(request, name, Scope.ONE, Scope.MANY)
        target = self.get_object(request, unquote(object_id))
        if target is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        back = reverse(f"admin:{self._url_prefix}_change", args=[target.pk])
        return Confirmation(self, request, action, (target,), back=back).response()

    @property
    def _url_prefix(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def _all_actions(self) -> list[ServiceAction]:
        return [*self.service_actions, *registry.actions_of(self.opts.label_lower)]

    def _action(self, request: HttpRequest, name: str, *scopes: Scope) -> ServiceAction:
        found = [action for action in self._all_actions() if action.name == name and action.scope in scopes]
        if not found:
            raise Http404
        if not may(request, found[0].resource, found[0].right):
            raise PermissionDenied
        return found[0]

    def _refuse_forced(self, request: HttpRequest) -> None:
        """Turn away whoever asks for an action that was not offered."""
        for name in filter(None, request.POST.getlist("action")):
            if name not in self.get_actions(request):
                raise PermissionDenied

    def _buttons(self, request: HttpRequest, *scopes: Scope, target: Model | None = None) -> list[dict[str, Any]]:
        return [
            {"label": action.label, "icon": action.icon, "is_dangerous": action.is_dangerous, "url": url}
            for action in self.actions_for(request, *scopes)
            if target is None or action.applies(target)
            for url in [self._action_url(action, target)]
        ]

    def _action_url(self, action: ServiceAction, target: Model | None) -> str:
        if target is None:
            return reverse(f"admin:{self._url_prefix}_do_new", args=[action.name])
        return reverse(f"admin:{self._url_prefix}_do", args=[target.pk, action.name])

    def _parts(self, request: HttpRequest, target: Model) -> list[dict[str, Any]]:
        parts = [*self.parts, *registry.parts_of(self.opts.label_lower)]
        if self.audited_as:
            parts.append(registry.Part("audit", partial(trail, *self.audited_as)))
        return [
            {"template": part.template, "values": part.read(target)}
            for part in parts
            if may(request, part.resource, "list")
        ]


def _confirm_selection(model_admin: ConsoleAdmin, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse:
    name = request.POST.getlist("action")[int(request.POST.get("index", 0))]
    action = model_admin._action(request, name, Scope.MANY)
    selected = list(rows[: MOST_SELECTED + 1])
    return Confirmation(model_admin, request, action, selected, back=request.path).response()
