"""The page between a button and a service: says what will happen, asks, calls once, reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.contrib import messages as flash
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from ops_console.access.idempotency import Answer, answer_once, scope_of
from ops_console.console.actions import Call, Report, Scope, ServiceAction
from ops_console.console.callers import actor_of
from ops_console.console.forms import ConsoleForm
from ops_console.errors import DomainError, InvalidInput

if TYPE_CHECKING:
    from ops_console.console.base import ConsoleAdmin

MOST_SELECTED = 1000
# Of a long selection, how many are named.
NAMED = 20


class Confirmation:
    """One request for one action on the objects chosen; ``back`` is where to return."""

    def __init__(
        self,
        model_admin: ConsoleAdmin,
        request: HttpRequest,
        action: ServiceAction,
        objects: Sequence[Any],
        *,
        back: str,
    ) -> None:
        actor = actor_of(request)
        if actor is None:
            raise PermissionDenied
        self.model_admin, self.request, self.action = model_admin, request, action
        self.back = f"{back}?{self._filters}" if self._filters else back
        self.call = Call(actor, timezone.now(), tuple(objects))

    def response(self) -> HttpResponse:
        """The page, or what came of confirming it."""
        if len(self.call.objects) > MOST_SELECTED:
            flash.error(self.request, f"Select at most {MOST_SELECTED:,} at once.")
            return HttpResponseRedirect(self.back)
        if "confirmed" not in self.request.POST:
            return self._page(self.action.form(initial=dict(self._initial())))
        form = self.action.form(self.request.POST)
        return self._carry_out(form) if form.is_valid() else self._page(form)

    def _carry_out(self, form: ConsoleForm) -> HttpResponse:
        call = Call(self.call.actor, self.call.now, self.call.objects, form.service_data())
        try:
            report = self._run(call, form.cleaned_data["once"])
        except InvalidInput as error:
            form.add_faults(error)
            return self._page(form)
        except DomainError as error:
            flash.error(self.request, error.message)
            return HttpResponseRedirect(self.back)
        if report is None:
            flash.warning(self.request, "This page was confirmed already; nothing more was done.")
            return HttpResponseRedirect(self.back)
        return self._answer(report)

    def _run(self, call: Call, once: str) -> Report | None:
        """Call the service, or return None when this very page was confirmed before."""
        if not self.action.is_once:
            return self.action.run(call)
        reports: list[Report] = []

        def work() -> Answer:
            reports.append(self.action.run(call))
            return Answer(204, b"")

        endpoint = f"console {self.request.path}"
        scope = scope_of(organization_id=None, caller=str(self.request.user.pk), endpoint=endpoint, key=once)
        digest = sha256(endpoint.encode()).digest()
        _, is_kept = answer_once(scope=scope, request_digest=digest, now=call.now, work=work)
        return None if is_kept else reports[0]

    def _answer(self, report: Report) -> HttpResponse:
        if report.done or report.text:
            flash.success(self.request, report.text or f"{self._count(len(report.done))} {self.action.done}.")
        if report.refused:
            flash.warning(self.request, self._refusals(report.refused))
        if report.secrets:
            values = {"secrets": report.secrets.items(), "next_url": report.url or self.back}
            return self._render("console/secrets.html", values)
        return HttpResponseRedirect(report.url or self.back)

    def _refusals(self, refused: Mapping[str, str]) -> str:
        listed = list(refused.items())[:NAMED]
        rest = len(refused) - len(listed)
        return format_html(
            "{} refused: {}{}",
            self._count(len(refused)),
            format_html_join(" ", "<br><strong>{}</strong>: {}", listed),
            f" And {rest:,} more." if rest else "",
        )

    def _page(self, form: ConsoleForm) -> HttpResponse:
        objects = self.call.objects
        values = {
            "form": form,
            "lines": self.action.preview(self.call),
            "n_selected": self._count(len(objects)),
            "named": objects[:NAMED],
            "n_unnamed": max(0, len(objects) - NAMED),
            "hidden": self._selection(),
            # Without the list's filters: a row that has left them since is then refused by name, not passed over.
            "url": self.request.path,
        }
        return self._render("console/confirm.html", values)

    @property
    def _filters(self) -> str:
        """The query of the list the selection was made on."""
        return str(self.request.POST.get("filters", self.request.META.get("QUERY_STRING", "")))

    def _selection(self) -> list[tuple[str, str]]:
        """The fields that bring the list's action back here."""
        if self.request.resolver_match and not str(self.request.resolver_match.url_name).endswith("_changelist"):
            return []
        chosen = [(ACTION_CHECKBOX_NAME, str(target.pk)) for target in self.call.objects]
        return [("action", self.action.name), ("filters", self._filters), *chosen]

    def _render(self, template: str, values: Mapping[str, Any]) -> HttpResponse:
        context = {
            **self.model_admin.admin_site.each_context(self.request),
            "title": self.action.label,
            "opts": self.model_admin.opts,
            "original": self.call.objects[0] if self.action.scope is not Scope.NEW and self._is_single() else None,
            "action": self.action,
            "back": self.back,
            **values,
        }
        return TemplateResponse(self.request, template, context)

    def _is_single(self) -> bool:
        return len(self.call.objects) == 1

    def _count(self, n: int) -> str:
        opts = self.model_admin.opts
        return f"{n:,} {opts.verbose_name if n == 1 else opts.verbose_name_plural}"

    def _initial(self) -> Mapping[str, Any]:
        return self.action.initial(self.call.target) if self._is_single() else {}
