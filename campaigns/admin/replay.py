"""Recordings of visits in the console: a list from whichever provider has them, and a page that plays one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.staticfiles import finders
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from campaigns.admin import replay_lists as lists
from campaigns.admin.replay_settings import SET_UP, facts, set_up_url
from campaigns.models import Recording, ReplayProviderName
from campaigns.replay import recordings, settings
from campaigns.replay.provider import Visit
from ops_console.access.actors import Actor
from ops_console.console import display, forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction
from ops_console.console.base import ConsoleAdmin
from ops_console.console.callers import actor_of, may
from ops_console.console.confirmation import Confirmation
from ops_console.console.registry import Part, extend
from ops_console.console.trail import trail
from ops_console.errors import InvalidInput, NotFound, UpstreamError
from ops_console.organizations.models import Organization
from ops_console.rest.middleware import ADMIN_POLICY

# What is recorded is a stranger's: beside the policy that the player gives its frame, nothing may be framed here.
PLAYER_POLICY = f"{ADMIN_POLICY}; frame-src 'none'; media-src 'none'; worker-src 'none'"


@dataclass(frozen=True)
class Shown:
    """A recording and whose it is: what actions and pages are about."""

    visit: Visit
    organization: Organization

    @property
    def pk(self) -> str:
        return self.visit.id

    def __str__(self) -> str:
        return f"{lists.who(self.visit)}, {self.visit.started_at:%Y-%m-%d %H:%M:%S}"


def delete(call: Call) -> Report:
    target: Shown = call.target
    recordings.delete_recording(
        recording_id=target.visit.id,
        organization_id=target.organization.pk,
        actor=call.actor,
        now=call.now,
        **call.given,
    )
    return Report(text="The recording is deleted.", url=lists.recordings_url(target.organization.pk))


def preview_deletion(call: Call) -> Sequence[str]:
    target: Shown = call.target
    if settings.of_organization(target.organization.pk).provider == ReplayProviderName.POSTHOG:
        return ("PostHog deletes it from the project. Nobody can watch it any more, there neither.",)
    return ("Its events are deleted with their files. Nobody can watch it any more.",)


DELETE = ServiceAction(
    name="delete",
    label="Delete the recording",
    resource="recordings",
    right="delete",
    run=delete,
    preview=preview_deletion,
    # Of no row: what another keeps has none.
    scope=Scope.NEW,
    form=forms.OptionalReasonForm,
    icon="delete",
    is_dangerous=True,
    calls_out=True,
)


@admin.register(Recording)
class RecordingAdmin(ConsoleAdmin):
    """Not all recordings are rows of ours, so its pages show what the service tells."""

    resource = "recordings"

    def get_urls(self) -> list[URLPattern]:
        wrap, of_one = self.admin_site.admin_view, "replay/<uuid:organization_id>/<str:recording_id>/"
        ours = [
            path(of_one, wrap(self.replay_view), name="campaigns_recording_replay"),
            path(f"{of_one}delete/", wrap(self.delete_recording_view), name="campaigns_recording_replay_delete"),
        ]
        return ours + super().get_urls()

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        actor = self._actor(request, "list")
        form = lists.form_of(request)
        context = {
            **self._context(request, "Recordings"),
            "form": form,
            "organizations": None if form.owner else lists.organizations(),
            **self._listed(request, form, actor),
        }
        return TemplateResponse(request, "campaigns/recordings.html", context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The address of a row of ours, as the audit trail and others know it."""
        self._actor(request, "retrieve")
        if object_id is None or request.method == "POST":
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[attr-defined]
        return self.replay_view(request, row.organization_id, str(row.pk))

    def replay_view(self, request: HttpRequest, organization_id: UUID, recording_id: str) -> HttpResponse:
        actor = self._actor(request, "retrieve")
        try:
            shown = _shown(organization_id, recording_id, actor)
        except UpstreamError as error:
            return self._page(request, organization_id, problem=error.message)
        response = self._page(request, organization_id, **self._of_one(request, shown))
        response["Content-Security-Policy"] = PLAYER_POLICY
        return response

    def delete_recording_view(self, request: HttpRequest, organization_id: UUID, recording_id: str) -> HttpResponse:
        actor = self._actor(request, "delete")
        try:
            shown = _shown(organization_id, recording_id, actor)
        except UpstreamError as error:
            return self._page(request, organization_id, problem=error.message)
        back = lists.recording_url(organization_id, recording_id)
        return Confirmation(self, request, DELETE, (shown,), back=back).response()

    def _page(self, request: HttpRequest, organization_id: UUID, **values: Any) -> TemplateResponse:
        context = {**self._context(request, "Recording"), "back": lists.recordings_url(organization_id), **values}
        return TemplateResponse(request, "campaigns/recording.html", context)

    def _actor(self, request: HttpRequest, right: str) -> Actor:
        actor = actor_of(request)
        if actor is None or not may(request, self.resource, right):
            raise PermissionDenied
        return actor

    def _context(self, request: HttpRequest, title: str) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "title": title, "opts": self.opts}

    def _listed(self, request: HttpRequest, form: lists.RecordingsForm, actor: Actor) -> dict[str, Any]:
        """What the form asks for; nothing, with the form's faults, where that can't be told."""
        if form.owner is None or not form.is_valid():
            return {}
        owner = form.owner
        found_settings = settings.of_organization(owner.pk)
        context: dict[str, Any] = {"owner": owner, "facts": facts(found_settings)}
        if may(request, "replay-settings", "update"):
            context["set_up_url"] = set_up_url(owner)
        try:
            asked = form.asked(timezone.now())
            found = recordings.list_recordings(
                asked=asked,
                following=lists.following_in(request, owner),
                size=lists.PAGE_SIZE,
                actor=actor,
                organization_id=owner.pk,
            )
        except UpstreamError as error:
            return {**context, "problem": error.message}
        except InvalidInput as error:
            form.add_error("last" if error.errors[0].path == ("date_to",) else None, error.errors[0].message)
            return context
        return {
            **context,
            "table": lists.table(found, owner, lists.nothing(found_settings), form.cleaned_data["campaign"]),
            "n_total": found.total,
            "asked": asked,
            "following_url": lists.following_url(request, owner, found),
        }

    def _of_one(self, request: HttpRequest, shown: Shown) -> dict[str, Any]:
        visit, owner = shown.visit, shown.organization
        campaigns = lists.campaigns_of([visit], owner).get(visit.id, [])
        return {
            "is_built": finders.find("player/player.js") is not None,
            "visit": visit,
            "owner": owner,
            "who": lists.who(visit),
            "length": lists.length(visit),
            "started": display.moment(visit.started_at),
            "campaigns": lists.names(campaigns),
            "data": {
                "url": f"/api/v1/recordings/{visit.id}/snapshots?{urlencode({'organization': owner.pk})}",
                "lengthMs": round((visit.ended_at - visit.started_at).total_seconds() * 1000),
                "campaigns": {str(campaign.pk): campaign.name for campaign in campaigns},
            },
            "trail": trail("recording", "pk", shown) if may(request, "audit", "list") else None,  # type: ignore[arg-type]
            "delete_url": lists.recording_url(owner.pk, visit.id, "replay_delete")
            if may(request, self.resource, "delete")
            else "",
        }


def _shown(organization_id: UUID, recording_id: str, actor: Actor) -> Shown:
    """Raises: Http404, UpstreamError."""
    try:
        visit = recordings.find(recording_id=recording_id, organization_id=organization_id, actor=actor)
    except NotFound as error:
        raise Http404(error.message) from error
    return Shown(visit, Organization.objects.for_list().get(pk=organization_id))


def of_organization(organization: Organization) -> dict[str, Any]:
    return display.table(
        "Replay",
        ("What", "As set up"),
        facts(settings.of_organization(organization.pk)),
        empty="",
        more_url=lists.recordings_url(organization.pk),
        note="Visits of members, watched one by one; each time is in the audit trail.",
    )


extend("organizations.organization", parts=[Part("recordings", of_organization)], actions=[SET_UP])
