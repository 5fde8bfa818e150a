"""Recordings in the console: found, opened, deleted; and what an organization says of replay."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from campaigns.admin import replay_lists
from campaigns.models import Recording, ReplaySettings
from campaigns.replay import settings as replay_settings
from campaigns.replay.settings import Wanted
from ops_console import secrets_at_rest
from ops_console.audit.models import AuditEntry
from ops_console.organizations.models import Organization
from tests import campaigns, factories, replays, tenants
from tests.fakes.posthog import KEY, PROJECT, READ, WRITE, FakePosthog, Recorded, recording_sessions
from tests.fakes.webhook_receiver import Answer

from .conftest import action_of, confirm, list_of, page_of, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def house() -> Organization:
    return factories.organization("Feathers & Sons")


@pytest.fixture
def posthog(settings: Settings) -> Iterator[FakePosthog]:
    settings.POSTHOG_ALLOW_LOOPBACK = True
    with recording_sessions() as fake:
        yield fake


def keep_at(house: Organization, posthog: FakePosthog) -> None:
    wanted = Wanted(provider="posthog", posthog_host=posthog.url(""), posthog_project=PROJECT, posthog_key=KEY)
    replay_settings.set_settings(wanted=wanted, organization_id=house.pk, actor=factories.COMMAND, now=timezone.now())


def an_hour_ago() -> datetime:
    return timezone.now() - timedelta(hours=1)


def list_for(of: Organization, **more: Any) -> str:
    return replay_lists.recordings_url(of.pk, **more)


def text_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, url
    return unescape(answer.content.decode())


def rows_of(client: Client, url: str) -> list[list[str]]:
    """The cells of the list, without their markup."""
    table = client.get(url).context["table"]
    return [[re.sub("<[^>]+>", "", str(cell)) for cell in row] for row in table["rows"]]


def n_queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        client.get(url)
    return len(queries)


def test_recordings_are_found_by_organization_campaign_and_time(
    operator: Client, house: Organization, monkeypatch: pytest.MonkeyPatch, subtests: pytest.Subtests
) -> None:
    ann, ben = tenants.members(house, 2)
    shown, other = (campaigns.campaign(house, ann, name=name) for name in ("Loft inspection", "Seed"))
    first = replays.recorded(ann, shown, now=an_hour_ago())
    second = replays.recorded(ben, now=an_hour_ago() + timedelta(minutes=5))
    replays.recorded(tenants.member(factories.organization("Strangers")), now=an_hour_ago())

    with subtests.test("an organization is chosen first"):
        page = text_of(operator, list_of(Recording))
        assert list_for(house) in page.replace("&amp;", "&")
        assert "Strangers" in page
        assert 'href="/admin/campaigns/recording/"' in text_of(operator, "/admin/")
    with subtests.test("all of it, the newest first"):
        [newer, older] = rows_of(operator, list_for(house))
        assert newer == [f"{second.started_at:%Y-%m-%d %H:%M:%S}", "0:09", ben.person.email, "50 %", "-"]
        assert older[2:] == [ann.person.email, "50 %", "Loft inspection"]
        page = text_of(operator, list_for(house))
        assert replay_lists.recording_url(house.pk, str(first.pk)) in page
        assert "Recordings are kept by: This installation. Members are asked: yes. Text is masked: yes." in page
        assert rows_of(operator, f"{list_of(Recording)}?organization=Feathers+%26+Sons") == [newer, older]
    with subtests.test("of a campaign"):
        assert rows_of(operator, list_for(house, campaign=shown.pk)) == [older]
        assert rows_of(operator, list_for(house, campaign=other.pk)) == []
        assert "a message of this campaign was shown" in text_of(operator, list_for(house, campaign=other.pk))
        assert list_for(house, campaign=shown.pk) in text_of(operator, page_of(shown)).replace("&amp;", "&")
    with subtests.test("of a time"):
        for asked in ({"last": "2026-01-01"}, {"first": "2999-01-01", "last": "9999-12-31"}):
            assert rows_of(operator, list_for(house, **asked)) == []
        assert len(rows_of(operator, list_for(house, first="2026-01-01"))) == 2
    with subtests.test("at no greater cost where there are more"):
        few = n_queries(operator, list_for(house))
        for _ in range(3):
            replays.recorded(ann, shown, now=an_hour_ago() - timedelta(days=40))
        assert n_queries(operator, list_for(house, first="2026-01-01")) == few
        assert len(rows_of(operator, list_for(house, first="2026-01-01"))) == 5
    with subtests.test("page by page"):
        monkeypatch.setattr(replay_lists, "PAGE_SIZE", 1)
        answer = operator.get(list_for(house))
        assert answer.context["n_total"] == 2
        following = f"{list_of(Recording)}{answer.context['following_url']}"
        assert rows_of(operator, following) == [older]
        assert "Older recordings" not in text_of(operator, following)
    with subtests.test("what can't be told is told in words"):
        for query, told_so in {
            "organization=Nobody": "There is no organization Nobody",
            f"organization={house.pk}&campaign={uuid4()}": "Select a valid choice.",
            f"organization={house.pk}&first=2026-02-02&last=2026-01-01": "before",
            f"organization={house.pk}&first=yesterday": "Enter a valid date.",
            f"organization={house.pk}&after=of-my-own": "begin with the first",
        }.items():
            answer = operator.get(f"{list_of(Recording)}?{query}")
            assert "table" not in answer.context, query
            assert told_so in unescape(answer.content.decode()), query


def test_where_there_is_none_the_page_says_what_to_do(root: Client, house: Organization) -> None:
    assert "once they have agreed to it in the inbox" in text_of(root, list_for(house))
    ReplaySettings.objects.create(organization=house, is_offered=False, updated_at=timezone.now())
    page = text_of(root, list_for(house))
    assert "Members are not asked whether they may be recorded." in page
    assert action_of(house, "replay") in page


def test_a_recordings_page_plays_it_and_opening_the_page_is_no_viewing(
    viewer: Client, house: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = tenants.member(house)
    campaign = campaigns.campaign(house, ann, name="Loft inspection")
    made = replays.recorded(ann, campaign, now=an_hour_ago())
    url = replay_lists.recording_url(house.pk, str(made.pk))
    answer = viewer.get(url)
    page = unescape(answer.content.decode())
    for text in (ann.person.email, "0:09", "Loft inspection", "audit trail as soon as it is loaded"):
        assert text in page, text
    data = json.loads(re.search(r'id="recording-data"[^>]*>(.*?)</script>', answer.content.decode())[1])  # type: ignore[index]
    assert data["url"] == f"/api/v1/recordings/{made.pk}/snapshots?organization={house.pk}"
    assert (data["lengthMs"], data["campaigns"]) == (9_000, {str(campaign.pk): "Loft inspection"})
    assert "frame-src 'none'" in answer["Content-Security-Policy"]
    assert "/delete/" not in page
    assert not AuditEntry.objects.filter(action="replay.view").exists()
    monkeypatch.setattr(finders, "find", lambda name: None)
    assert "Install Node.js 20" in text_of(viewer, url)


def test_nobody_gets_at_what_is_not_his_to_see(
    operator: Client, clerk: Client, root: Client, house: Organization
) -> None:
    made = replays.recorded(tenants.member(house), now=an_hour_ago())
    stranger = factories.organization("Strangers")
    page = replay_lists.recording_url(house.pk, str(made.pk))
    asked = replay_lists.recording_url(house.pk, str(made.pk), "replay_delete")
    for client, url, status in (
        (clerk, page, 403),
        (clerk, asked, 403),
        (clerk, list_for(house), 403),
        (clerk, action_of(house, "replay"), 403),
        (operator, asked, 403),
        (operator, action_of(house, "replay"), 403),
        (root, replay_lists.recording_url(stranger.pk, str(made.pk)), 404),
        (root, replay_lists.recording_url(stranger.pk, str(made.pk), "replay_delete"), 404),
        (root, replay_lists.recording_url(house.pk, str(uuid4())), 404),
        (root, replay_lists.recording_url(house.pk, "nonsense"), 404),
        (root, replay_lists.recording_url(uuid4(), str(made.pk)), 404),
    ):
        assert client.get(url).status_code == status, url
    assert "Recordings" not in text_of(clerk, "/admin/")
    assert (
        clerk.post(asked, {"confirmed": "1"}).status_code == operator.post(asked, {"confirmed": "1"}).status_code == 403
    )
    assert Recording.objects.count() == 1


def test_deleting_asks_and_says_what_will_happen(root: Client, house: Organization) -> None:
    ann = tenants.member(house)
    made = replays.recorded(ann, now=an_hour_ago())
    url = replay_lists.recording_url(house.pk, str(made.pk), "replay_delete")
    assert url in text_of(root, page_of(made))
    page = text_of(root, url)
    assert ann.person.email in page
    assert "Its events are deleted with their files." in page
    answer = confirm(root, url, reason="She asked for it.")
    assert (told(answer), answer.url) == ("The recording is deleted.", list_for(house))
    assert not Recording.objects.exists()
    entry = AuditEntry.objects.get(action="replay.delete")
    assert (entry.target_id, entry.reason) == (str(made.pk), "She asked for it.")
    assert root.get(url).status_code == 404


def test_what_posthog_keeps_is_shown_the_same_and_its_failures_in_words(
    root: Client, house: Organization, posthog: FakePosthog
) -> None:
    at = an_hour_ago()
    posthog.recordings = [Recorded("019ab-session", at, seconds=4500, distinct_id="7", email="ann@acme.example")]
    keep_at(house, posthog)
    page = replay_lists.recording_url(house.pk, "019ab-session")
    asked = replay_lists.recording_url(house.pk, "019ab-session", "replay_delete")
    [row] = rows_of(root, list_for(house))
    assert row == [f"{at:%Y-%m-%d %H:%M:%S}", "1:15:00", "ann@acme.example", "41 %", "-"]
    told_so = f"Recordings are kept by: PostHog. Address: {posthog.url('')}. Project: {PROJECT}."
    assert told_so in text_of(root, list_for(house))
    assert "PostHog tells of none in this time." in text_of(root, list_for(house, last="2026-01-01"))
    assert "ann@acme.example" in text_of(root, page)
    assert root.get(replay_lists.recording_url(house.pk, "another")).status_code == 404

    posthog.scopes.clear()
    for url in (list_for(house), page, asked):
        assert re.search(r'role="alert">The recordings? could not be .*? PostHog', text_of(root, url)), url
    posthog.scopes |= {READ, WRITE}
    assert "PostHog deletes it from the project." in text_of(root, asked)
    assert told(confirm(root, asked)) == "The recording is deleted."
    assert posthog.recordings[0].is_deleted


def test_what_breaks_off_midway_ends_by_saying_so(root: Client, house: Organization, posthog: FakePosthog) -> None:
    begun = [("main", event) for event in replays.beginning(0)]
    parts = [begun, *([("main", {"type": 3, "timestamp": n, "data": {"source": 3}})] for n in range(1, 25))]
    posthog.recordings = [Recorded("019ab-session", an_hour_ago(), parts=parts)]
    keep_at(house, posthog)
    # Found, its sources and its first 20 parts told.
    posthog.script += [posthog.otherwise] * 3 + [Answer(500)]
    answer: Any = root.get(f"/api/v1/recordings/019ab-session/snapshots?organization={house.pk}")
    *events, last = [json.loads(line) for line in b"".join(answer).splitlines()]
    assert (answer.status_code, len(events)) == (200, 21)
    assert (last["type"], last["timestamp"], last["data"]["tag"]) == (5, events[-1]["timestamp"], "broken_off")
    assert "PostHog" in last["data"]["payload"]["reason"]


def test_replay_is_set_up_and_nobody_sees_the_key(
    root: Client, viewer: Client, house: Organization, posthog: FakePosthog
) -> None:
    url, host = action_of(house, "replay"), posthog.url("")
    assert root.get(url).context["form"].initial == {
        "provider": "local",
        "is_offered": True,
        "masks_text": True,
        "posthog_host": "",
        "posthog_project": "",
    }
    assert told(confirm(root, url, provider="local", masks_text="on", reason="Not yet.")) == "Replay is set up."
    found = ReplaySettings.objects.get(organization=house)
    assert (found.provider, found.is_offered, found.masks_text) == ("local", False, True)
    assert AuditEntry.objects.get(action="replay.set_settings").reason == "Not yet."

    given = {"provider": "posthog", "posthog_host": host, "posthog_project": PROJECT, "posthog_key": KEY}
    for changes, at in (
        ({"posthog_key": ""}, "posthog_key"),
        ({"posthog_key": "phx_another"}, "posthog_key"),
        ({"posthog_project": "1"}, "posthog_project"),
        ({"posthog_host": "https://127.0.0.1:1"}, "posthog_host"),
    ):
        page = confirm(root, url, **{**given, **changes})
        assert list(page.context["form"].errors) == [at], changes
        assert "phx_" not in page.content.decode()
    assert told(confirm(root, url, **given)) == "Replay is set up."
    # Without a key the one that is there stays; without an address it goes.
    assert told(confirm(root, url, **{**given, "posthog_key": "", "masks_text": "on"})) == "Replay is set up."
    found.refresh_from_db()
    assert (found.posthog_project, secrets_at_rest.decrypt(found.posthog_key)) == (PROJECT, KEY)
    for client, seen in ((root, url), (root, page_of(house)), (viewer, page_of(house)), (root, list_for(house))):
        html = text_of(client, seen)
        assert host in html
        assert KEY not in html
    assert KEY not in str(list(AuditEntry.objects.values_list("before", "after")))
    confirm(root, url, provider="local", is_offered="on")
    found.refresh_from_db()
    assert (found.posthog_host, bytes(found.posthog_key)) == ("", b"")
