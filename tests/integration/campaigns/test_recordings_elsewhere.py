"""Recordings that another provider has: listed, watched and deleted as those that are kept here."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from campaigns.models import ReplaySettings
from campaigns.replay import local, recordings
from campaigns.replay import settings as replay_settings
from campaigns.replay.provider import Asked, Listed, Visit
from ops_console import secrets_at_rest
from ops_console.audit.models import AuditEntry
from ops_console.errors import InvalidInput, NotFound, UpstreamError
from ops_console.gen.pidgr.v1 import replay_pb as pb
from ops_console.gen.pidgr.v1.common_pb import Pagination
from ops_console.organizations.rights import Right
from tests import ops, replays, tenants
from tests.factories import NOW
from tests.pidgr import Tenant, call, code, faults

pytestmark = pytest.mark.django_db
LIST = "ReplayService.ListSessionRecordings"
SNAPSHOTS = "ReplayService.GetSessionSnapshots"


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.new()


class Elsewhere:
    """A provider that answers as it is told."""

    def __init__(self, *visits: Visit) -> None:
        self.visits = visits
        self.asked: list[Any] = []

    def list(self, asked: Asked, *, following: str, size: int) -> Listed:
        self.asked.append((asked, following, size))
        if following == "stale":
            raise InvalidInput.field("page_token", message="This is no page token of ours.")
        return Listed(self.visits, "" if following else "stale", None)

    def find(self, recording_id: str) -> Visit:
        for visit in self.visits:
            if visit.id == recording_id:
                return visit
        raise NotFound()

    def snapshots(self, recording_id: str) -> Iterator[bytes]:
        # On record, and committed, before anything is asked for.
        assert replays.views()
        raise UpstreamError("PostHog is away.")
        yield b""

    def delete(self, recording_id: str) -> None:
        raise UpstreamError("PostHog is away.")


def test_any_provider_is_listed_and_watched_in_the_same_way(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    own, other = tenants.member(tenant.organization), Tenant.new("Others").founder
    known = {str(own.pk): own.person.email, str(other.pk): "p@other.example", "distinct": "p@posthog.example"}
    visits = [
        Visit(f"{user:_<70}", user, NOW, NOW + timedelta(seconds=90), 12.5, "p@other.example" if "-" in user else email)
        for user, email in known.items()
    ]
    provider = Elsewhere(*visits)
    monkeypatch.setattr(recordings, "provider_of", lambda organization_id: provider)
    client = replays.watcher(tenant.organization, Right.CAMPAIGNS_READ, Right.CAMPAIGNS_WRITE)
    page = client.get("/api/v1/recordings").json()
    assert [row["email"] for row in page["results"]] == list(known.values())
    stale = client.get("/api/v1/recordings", {"cursor": page["nextCursor"]})
    assert [fault["parameter"] for fault in stale.json()["errors"]] == ["cursor"]
    token = tenant.key()
    answer = call(LIST, pb.ListSessionRecordingsRequest(pagination=Pagination(page_size=7)), token)
    assert (answer.pagination.total_count, answer.recordings[0].duration_seconds) == (0, 90)
    assert provider.asked[-1][1:] == ("", 7)
    stale_page = Pagination(page_size=7, page_token=answer.pagination.next_page_token)
    request = pb.ListSessionRecordingsRequest(pagination=stale_page)
    assert faults(LIST, request, token) == ["pagination.page_token"]
    path = f"/api/v1/recordings/{visits[0].id}"
    answers = [client.get(f"{path}/snapshots"), client.delete(path)]
    assert [answer.status_code for answer in answers] == [502, 502]
    assert code(SNAPSHOTS, pb.GetSessionSnapshotsRequest(recording_id=visits[0].id), token) == "UNAVAILABLE"
    assert len(replays.views()) == 2
    # It may be deleted there, though its answer was lost.
    assert AuditEntry.objects.filter(action="replay.delete").count() == 1
    staff = ops.client(("recordings", "retrieve"))
    assert staff.get(path).status_code == 404
    assert staff.get(path, {"organization": str(tenant.organization.pk)}).status_code == 200


def test_who_chose_posthog_is_shown_what_is_there(tenant: Tenant) -> None:
    assert isinstance(replay_settings.provider_of(tenant.organization.pk), local.LocalProvider)
    kept = ReplaySettings(organization=tenant.organization, provider="posthog", posthog_host="https://eu.posthog.com")
    kept.posthog_project, kept.updated_at = "7", NOW
    kept.posthog_key = secrets_at_rest.encrypt("phx_secret")
    kept.save()
    provider: Any = replay_settings.provider_of(tenant.organization.pk)
    calls = provider._calls
    assert (calls.host, calls.project, calls.key) == ("https://eu.posthog.com", "7", "phx_secret")
    assert calls.organization_id == tenant.organization.pk
    assert "phx_secret" not in repr(provider)
    assert replay_settings.reencrypt_settings() == 1
    again: Any = replay_settings.provider_of(tenant.organization.pk)
    assert again._calls == calls
