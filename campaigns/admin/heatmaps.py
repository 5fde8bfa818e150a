"""Screens in the console, each with the heatmap of its touches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from campaigns.admin.periods import PeriodForm
from campaigns.heatmaps import privacy, queries, screenshots
from campaigns.heatmaps.distribution import Bar, distribution
from campaigns.heatmaps.queries import Asked, Heatmap, Mode, UserCount
from campaigns.heatmaps.touches import EventType
from campaigns.models import Screen, Screenshot
from ops_console.access.actors import Actor
from ops_console.console import display, forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction
from ops_console.console.base import ConsoleAdmin
from ops_console.console.callers import actor_of, may
from ops_console.console.registry import Part, extend
from ops_console.errors import InvalidInput
from ops_console.organizations.addresses import normal_email
from ops_console.organizations.models import Member, Organization

RESOLUTIONS = [(str(step / 200), f"{step / 2:g} %") for step in (1, 2, 4, 6, 10, 20)]
BUSIEST = 20
SHOWN = 50


class HeatmapForm(PeriodForm):
    """What is asked for; it stands in the address, so that a heatmap can be found again."""

    field_order = ("mode", "first", "last")
    mode = forms.choice("Show", Mode.choices)
    member = forms.line("Member", required=False, max_length=254, help_text="E-mail address or id.")
    event_type = forms.choice("Touches", [("", "All touches"), *EventType.choices], required=False)
    resolution = forms.choice("Side of a cell", RESOLUTIONS, required=False)

    def asked(self, screen: Screen) -> Asked:
        """Raises: InvalidInput, where nobody of the organization is the member that is named."""
        given = self.cleaned_data
        kind = given["event_type"]
        return Asked(
            screen_name=screen.name,
            date_from=self.date_from,
            date_to=self.date_to,
            user_id=_member_named(given["member"].strip(), screen.organization_id),
            resolution=float(given["resolution"] or 0),
            mode=given["mode"],
            event_types=[kind] if kind else [],
        )


def _member_named(text: str, organization_id: UUID) -> UUID | None:
    if not text:
        return None
    members = Member.objects.filter(organization=organization_id)
    try:
        found = members.filter(pk=UUID(text)).first()
    except ValueError:
        found = members.filter(person__email=normal_email(text)).first()
    if found is None:
        raise InvalidInput.field("member", message="The organization has no such member.")
    return found.pk


def set_min_users(call: Call) -> Report:
    made = privacy.set_min_users(organization_id=call.target.pk, actor=call.actor, now=call.now, **call.given)
    shown = made.min_users if made.min_users is not None else "as many as the installation says"
    return Report(text=f"Cells are shown that {shown} people touched, or more.")


class MinUsersForm(forms.OptionalReasonForm):
    field_order = ("min_users", "reason")
    min_users = forms.whole_number(
        "People", help_text=f"From 1 to {privacy.MOST_MIN_USERS}; empty is the installation's number."
    )


SET_MIN_USERS = ServiceAction(
    name="heatmap-people",
    label="Set who heatmaps show",
    resource="heatmap-settings",
    right="update",
    run=set_min_users,
    preview=lambda call: ("Cells of heatmaps that fewer people touched are left out.",),
    initial=lambda organization: {"min_users": privacy.of_organization(organization.pk).min_users},
    scope=Scope.ONE,
    form=MinUsersForm,
    icon="visibility_off",
)


def heatmap_url(screen: Screen) -> str:
    return reverse("admin:campaigns_screen_heatmap", args=[screen.pk])


def heatmap_link(screen: Screen) -> SafeString:
    return format_html('<a class="text-link" href="{}">{}</a>', heatmap_url(screen), screen.name)


def pictures(screen: Screen) -> dict[str, Any]:
    rows = Screenshot.objects.filter(screen=screen).order_by("-uploaded_at", "-id")
    return display.table(
        "Pictures",
        ("Version", "Size", "Uploaded"),
        [
            (
                format_html('<a class="text-link" href="{}">{}</a>', screenshots.path_of(row), row),
                f"{row.width} x {row.height}",
                display.moment(row.uploaded_at),
            )
            for row in rows
        ],
        empty="Nobody has uploaded one.",
    )


def of_organization(organization: Organization) -> dict[str, Any]:
    rows = Screen.objects.filter(organization=organization).order_by("-seen_on", "name")[:SHOWN]
    return display.table(
        "Heatmaps",
        ("Screen", "Last seen"),
        [(heatmap_link(row), row.seen_on.isoformat()) for row in rows],
        empty="Nobody has touched a screen.",
        more_url=display.list_url(Screen, f"organization__id__exact={organization.pk}"),
        note=f"Cells are shown that {queries.min_users_of(organization.pk)} people touched, or more.",
    )


@admin.register(Screen)
class ScreenAdmin(ConsoleAdmin):
    resource = "screens"
    parts = (Part("screenshots", pictures),)
    empty_text = "No screen has been touched yet. Members' apps tell of their touches."

    list_display = ("heatmap", "organization", "seen_on")
    list_display_links = None
    list_filter = (("organization", AutocompleteSelectFilter),)
    list_filter_submit = True
    search_fields = ("name__startswith",)
    search_help_text = "The beginning of a name"
    ordering = ("-id",)
    fields = ("name", "organization", "seen_on")

    def list_rows(self, rows: Any) -> Any:
        return rows.for_list()

    def object_rows(self, rows: Any) -> Any:
        return rows.for_list()

    @admin.display(description="screen")
    def heatmap(self, screen: Screen) -> SafeString:
        return heatmap_link(screen)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.heatmap_view)
        return [path("<path:object_id>/heatmap/", view, name="campaigns_screen_heatmap"), *super().get_urls()]

    def heatmap_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        actor = actor_of(request)
        if actor is None or not may(request, "heatmaps", "retrieve"):
            raise PermissionDenied
        screen = self.get_object(request, unquote(object_id))
        if screen is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined,no-any-return]
        form = HeatmapForm({"mode": Mode.TOTAL, "resolution": "0.02", **request.GET.dict()})
        context = {
            **self.admin_site.each_context(request),
            "title": "Heatmap",
            "opts": self.opts,
            "original": screen,
            "form": form,
            "back": display.list_url(Screen),
            **self._shown(screen, form, actor),
        }
        return TemplateResponse(request, "campaigns/heatmap.html", context)

    def _shown(self, screen: Screen, form: HeatmapForm, actor: Actor) -> dict[str, Any]:
        """What the form asks for; nothing, with the form's faults, where that can't be told."""
        if not form.is_valid():
            return {}
        try:
            asked = form.asked(screen)
            found = queries.query(asked=asked, organization_id=screen.organization_id, actor=actor, now=timezone.now())
        except InvalidInput as error:
            for fault in error.errors:
                form.add_error(
                    {"user_id": "member", "date_to": "last"}.get(str(fault.path[0]), "member"), fault.message
                )
            return {}
        return shown(screen, asked, found)

    def _buttons(self, request: HttpRequest, *scopes: Scope, target: Model | None = None) -> list[dict[str, Any]]:
        buttons = super()._buttons(request, *scopes, target=target)
        if isinstance(target, Screen) and may(request, "heatmaps", "retrieve"):
            buttons.insert(
                0,
                {
                    "label": "Heatmap",
                    "icon": "local_fire_department",
                    "is_dangerous": False,
                    "url": heatmap_url(target),
                },
            )
        return buttons


def shown(screen: Screen, asked: Asked, found: Heatmap) -> dict[str, Any]:
    """The template's variables for a heatmap."""
    picture = found.screenshot
    bars = distribution([each.n for each in found.user_counts])
    return {
        "heatmap": found,
        "mode": Mode(asked.mode),
        "is_of_one": asked.mode == Mode.USER_SPECIFIC,
        "picture": picture,
        "picture_path": screenshots.path_of(picture) if picture else "",
        # Pictures of phones and of desktops; without one, a phone.
        "ratio": f"{picture.width} / {picture.height}" if picture else "9 / 16",
        "data": {
            "resolution": found.grid.resolution,
            "isOfOne": asked.mode == Mode.USER_SPECIFIC,
            "points": [[point.x, point.y, point.value] for point in found.points],
        },
        "hottest": hottest(found),
        "bars": bars,
        "n_users": len(found.user_counts),
        "spread": spread(bars),
        "busiest": busiest(queries.with_emails(found.user_counts[:BUSIEST])),
    }


def hottest(found: Heatmap) -> dict[str, Any]:
    """The heatmap for who does not see it, and for who wants numbers."""
    points = sorted(found.points, key=lambda point: (-abs(point.value), point.y, point.x))[:BUSIEST]
    return display.table(
        "Cells touched most",
        ("From the left", "From the top", "Value"),
        [(f"{point.x:.1%}", f"{point.y:.1%}", f"{point.value:,.2f}".rstrip("0").rstrip(".")) for point in points],
        empty=f"There is no cell to show: none that {found.min_users} people touched, or none that stands out.",
    )


def spread(bars: Sequence[Bar]) -> dict[str, Any]:
    rows = [(bar.label, f"{bar.n_users:,}") for bar in bars]
    return display.table("Touches per user", ("Touches", "Users"), rows, empty="Nobody touched it.")


def busiest(counts: Sequence[UserCount]) -> dict[str, Any]:
    return display.table(
        "Users with the most touches",
        ("User", "Touches"),
        [(each.email or str(each.user_id), f"{each.n:,}") for each in counts],
        empty="Nobody touched it.",
    )


extend(
    "organizations.organization",
    parts=[Part("screens", of_organization)],
    actions=[SET_MIN_USERS],
)
