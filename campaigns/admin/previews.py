"""A page that shows what members would be sent, beside the page of what is sent to them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from campaigns.rendering.sheets import as_html
from campaigns.services.rendering import Rendering
from ops_console.access.actors import Actor
from ops_console.console import display
from ops_console.console.actions import Scope
from ops_console.console.base import ConsoleAdmin
from ops_console.console.callers import actor_of, may
from ops_console.console.forms import ConsoleForm
from ops_console.errors import InvalidInput, NotFound


class PreviewAdmin(ConsoleAdmin):
    """The base of pages that offer a preview of their objects."""

    preview_form: ClassVar[type[ConsoleForm]]

    def renderings(self, target: Any, given: dict[str, Any], actor: Actor) -> tuple[str, list[Rendering]]:
        """The type of the template, and a rendering for each member.

        Raises:
            InvalidInput, NotFound: it can't be told, for what was typed in.
        """
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        return [path("<path:object_id>/preview/", view, name=f"{self._url_prefix}_preview"), *super().get_urls()]

    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        actor = actor_of(request)
        if actor is None or not self._may_preview(request):
            raise PermissionDenied
        target = self.get_object(request, unquote(object_id))
        if target is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        form = self.preview_form(request.POST) if request.method == "POST" else self.preview_form()
        context = {
            **self.admin_site.each_context(request),
            "title": "Preview",
            "opts": self.opts,
            "original": target,
            "form": form,
            "sheets": self._sheets(target, form, actor) if form.is_bound and form.is_valid() else None,
            "back": display.url_of(target),
        }
        return TemplateResponse(request, "campaigns/preview.html", context)

    def _may_preview(self, request: HttpRequest) -> bool:
        wanted = ((self.resource, "retrieve"), ("members", "list"), ("templates", "retrieve"))
        return all(may(request, resource, action) for resource, action in wanted)

    def _sheets(self, target: Model, form: ConsoleForm, actor: Actor) -> list[dict[str, Any]] | None:
        """What each member would get; None, with the form's faults, if it can't be told."""
        try:
            type_, made = self.renderings(target, form.service_data(), actor)
        except InvalidInput as error:
            form.add_faults(error)
            return None
        except NotFound as error:
            form.add_error("version", error.message)
            return None
        return [_sheet(each, type_) for each in made]

    def _buttons(self, request: HttpRequest, *scopes: Scope, target: Model | None = None) -> list[dict[str, Any]]:
        buttons = super()._buttons(request, *scopes, target=target)
        if target is not None and self._may_preview(request):
            url = reverse(f"admin:{self._url_prefix}_preview", args=[target.pk])
            buttons.insert(0, {"label": "Preview", "icon": "visibility", "is_dangerous": False, "url": url})
        return buttons


def _sheet(made: Rendering, type_: str) -> dict[str, Any]:
    content = made.content
    document = as_html(content.body, type_) if content else ""
    return {"recipient": made.recipient, "content": content, "document": document, "error": made.error}
