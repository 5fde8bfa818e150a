"""An organization's recordings at PostHog: listed, deleted, and the settings checked, by a stand-in over a socket."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings

from campaigns.replay.posthog import PosthogProvider
from campaigns.replay.provider import Asked, Listed, ReplayProvider, Visit
from ops_console.errors import InvalidInput, NotFound, UpstreamError
from tests.fakes.posthog import KEY, READ, FakePosthog, Recorded
from tests.fakes.webhook_receiver import Answer
from tests.posthogs import DAY, NOW, parts, provider, visit

CAMPAIGN, OTHER = UUID(int=1), UUID(int=2)


def ids(listed: Listed) -> list[str]:
    return [each.id for each in listed.visits]


def all_pages(from_: ReplayProvider, asked: Asked, size: int) -> list[list[str]]:
    found, following = [], ""
    while True:
        page = from_.list(asked, following=following, size=size)
        found.append(ids(page))
        following = page.following
        if not following:
            return found


def refuse(of: PosthogProvider, setting: str, why: str) -> None:
    """The check finds just this setting at fault, and says why."""
    with pytest.raises(InvalidInput) as refused:
        of.check()
    (found,) = refused.value.errors
    assert found.path == (setting,)
    assert why in found.message


def test_a_recording_is_told_as_posthog_has_it(posthog: FakePosthog, subtests: pytest.Subtests) -> None:
    recorded = visit(1, distinct_id="ada", email="ada@example.com", seconds=90)
    posthog.recordings = [recorded]
    wanted = Visit(
        id="0190-0001",
        analytics_user_id="ada",
        started_at=recorded.started_at,
        ended_at=recorded.started_at + timedelta(seconds=90),
        activity_score=41.25,
        email="ada@example.com",
    )
    with subtests.test("listed and found alike"):
        listed = provider(posthog).list(DAY, following="", size=10)
        assert listed == Listed([wanted])
        assert provider(posthog).find("0190-0001") == wanted
        assert [request.headers["Authorization"] for request in posthog.received] == [f"Bearer {KEY}"] * 2
    told: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "a score past 100": ({"activity_score": 131.5}, {"activity_score": 100.0}),
        "a score below 0": ({"activity_score": -3}, {"activity_score": 0.0}),
        # (45 active + 3 clicks + 7 keys) of (20 moves + 90 seconds)
        "no score": ({"activity_score": None}, {"activity_score": 50.0}),
        "no score, and the console": (
            {"activity_score": None, "console_error_count": 5, "console_log_count": 3, "console_warn_count": 2},
            {"activity_score": 50.0},
        ),
        "nothing to compute it of": (
            {"activity_score": "high", "mouse_activity_count": None, "recording_duration": 0, "active_seconds": True},
            {"activity_score": 0.0},
        ),
        "no number": ({"activity_score": 10**400}, {"activity_score": 50.0}),
        "no end": ({"end_time": None}, {}),
        "an end before the start": ({"end_time": "2020-01-01T00:00:00Z"}, {"ended_at": recorded.started_at}),
        "no end in sight": (
            {"end_time": "2199-01-01T00:00:00Z"},
            {"ended_at": recorded.started_at + timedelta(days=7)},
        ),
        "no person": ({"person": None}, {"email": ""}),
        "an address that is none": ({"person": {"properties": {"email": ["a"]}}}, {"email": ""}),
        "no properties": ({"person": {"properties": None}}, {"email": ""}),
        "nobody": ({"distinct_id": None}, {"analytics_user_id": ""}),
        "half of a pair": ({"distinct_id": "a\ud83d"}, {"analytics_user_id": "a?"}),
    }
    for name, (changed, shown) in told.items():
        with subtests.test(name):
            posthog.recordings = [replace(recorded, told=changed)]
            assert provider(posthog).find("0190-0001") == replace(wanted, **shown)


def test_only_what_began_in_the_range_and_showed_the_campaign_is_listed(posthog: FakePosthog) -> None:
    mine, others = f"MessageDetail::{CAMPAIGN}", f"MessageDetail::{OTHER}"
    posthog.recordings = [
        visit(1, screens=["Home", mine]),
        visit(2, screens=[others]),
        visit(3, screens=[others, mine]),
        visit(4),
        # At the end of the range, which PostHog takes in and we do not; and a microsecond before its beginning.
        visit(0, screens=[mine]),
        Recorded("early", DAY.date_from - timedelta(microseconds=1), screens=[mine]),
        Recorded("first", DAY.date_from, screens=[mine]),
    ]
    asked = replace(DAY, campaign_id=CAMPAIGN)
    assert ids(provider(posthog).list(asked, following="", size=10)) == ["0190-0001", "0190-0003", "first"]
    assert len(ids(provider(posthog).list(DAY, following="", size=10))) == 5
    assert posthog.queries()[1] == {
        "date_from": "2026-11-19T12:00:00.000000Z",
        "date_to": "2026-11-20T12:00:00.000000Z",
        "order": "start_time",
        "limit": "10",
    }


@pytest.mark.parametrize("has_cursors", [True, False])
def test_every_recording_is_on_one_page_though_new_ones_come_meanwhile(posthog: FakePosthog, has_cursors: bool) -> None:
    posthog.gives_cursors = has_cursors
    posthog.recordings = [visit(number) for number in range(1, 10)]
    wanted = [each.id for each in posthog.recordings]
    assert all_pages(provider(posthog), DAY, 4) == [wanted[:4], wanted[4:8], wanted[8:]]
    assert all_pages(provider(posthog), DAY, 9) == [wanted]

    first = provider(posthog).list(DAY, following="", size=4)
    posthog.recordings += [Recorded(f"new-{n}", NOW - timedelta(seconds=n + 1)) for n in range(3)]
    found, following = ids(first), first.following
    while following:
        page = provider(posthog).list(DAY, following=following, size=4)
        found, following = found + ids(page), page.following
    assert found == wanted
    assert any(("after" if has_cursors else "offset") in query for query in posthog.queries())


def test_whatever_posthog_names_is_handed_back_to_it(posthog: FakePosthog) -> None:
    posthog.recordings = [visit(1), visit(2)]
    for cursor in ("&limit=1000#", "\ud83d", "ä" * 80, "ä" * 100):
        page = {"results": [visit(1).answer()], "has_next": True, "next_cursor": cursor}
        posthog.script += [Answer(body=json.dumps(page).encode()), Answer(body=b'{"results": []}')]
        following = provider(posthog).list(DAY, following="", size=1).following
        assert provider(posthog).list(DAY, following=following, size=1) == Listed([])
    sent = [(query.get("after"), query.get("offset"), query["limit"]) for query in posthog.queries()[1::2]]
    longest = provider(posthog, host=f"{posthog.url('')}/{'x' * 170}", project="/" * 100)
    asked = Asked(DAY.date_from, DAY.date_to, UUID(int=2**128 - 1))
    with pytest.raises(UpstreamError, match="no project"):
        longest.list(asked, following=json.dumps({"after": "x" * 500}), size=100)
    assert sent == [("&limit=1000#", None, "1"), ("?", None, "1"), ("ä" * 80, None, "1"), (None, "1", "1")]


def test_a_token_of_nobody_is_refused(posthog: FakePosthog) -> None:
    for text in ["x", "1", "[]", "{}", '{"offset": "x", "start": "2026-01-01T00:00:00Z", "id": ""}', '{"offset": 1}']:
        with pytest.raises(InvalidInput) as refused:
            provider(posthog).list(DAY, following=text, size=4)
        assert refused.value.errors[0].path == ("page_token",)
    assert posthog.received == []


def test_what_is_deleted_is_gone_and_what_never_was_is_not_found(posthog: FakePosthog) -> None:
    posthog.recordings = [visit(1, parts=parts(1))]
    asked = provider(posthog)
    asked.delete("0190-0001")
    assert [request.method for request in posthog.received] == ["DELETE"]
    assert posthog.recordings[0].is_deleted
    with pytest.raises(NotFound):
        asked.snapshots("0190-0001")
    n_calls = len(posthog.received)
    for id_ in ["", "../4712", "a/b", "a?b=1", "x" * 71, "ä"]:
        for use in (asked.find, asked.snapshots, asked.delete):
            with pytest.raises(NotFound):
                use(id_)
    assert len(posthog.received) == n_calls
    for use in (asked.find, asked.snapshots):
        with pytest.raises(NotFound):
            use("0190-0002")


def test_the_check_says_what_is_wrong_with_address_project_or_key(
    posthog: FakePosthog, settings: Settings, subtests: pytest.Subtests
) -> None:
    with subtests.test("right"):
        provider(posthog).check()
        assert posthog.queries() == [{"limit": "1"}]
        provider(posthog, host=posthog.url("/")).check()
    other_key = KEY[:-1] + "8"
    cases: dict[str, tuple[dict[str, Any], str, str]] = {
        "key": ({"key": other_key}, "posthog_key", "does not know the key"),
        "no key": ({"key": ""}, "posthog_key", "no key of PostHog's"),
        "a key of two lines": ({"key": f"{other_key}\r\nHost: else.example"}, "posthog_key", "no key of PostHog's"),
        "project": ({"project": "4712"}, "posthog_project", "no project of that number"),
        "a project that is a path": ({"project": "1/../4711 ?#"}, "posthog_project", "no project of that number"),
        "a query": ({"host": posthog.url("?a=")}, "posthog_host", "may not hold a query"),
        "no address": ({"host": "posthog"}, "posthog_host", "may not be called"),
        "a private address": ({"host": "https://10.0.0.1"}, "posthog_host", "may not be called"),
        "metadata": ({"host": "https://169.254.169.254"}, "posthog_host", "may not be called"),
        "plain": ({"host": "http://us.posthog.com"}, "posthog_host", "Plain http://"),
    }
    for name, (changed, setting, why) in cases.items():
        with subtests.test(name):
            refuse(provider(posthog, **changed), setting, why)
            with pytest.raises(UpstreamError, match=why) as failed:
                provider(posthog, **changed).list(DAY, following="", size=1)
            assert failed.value.permanent
            assert "phx_" not in failed.value.message
    with subtests.test("a host that sends elsewhere"):
        posthog.script.append(Answer(301, {"Location": "http://127.0.0.1:9/"}))
        refuse(provider(posthog), "posthog_host", "redirects are not followed")
    with subtests.test("scope"):
        posthog.scopes = set()
        refuse(provider(posthog), "posthog_key", "session_recording:read")
        posthog.scopes = {READ}
        posthog.recordings = [visit(1)]
        with pytest.raises(UpstreamError, match="session_recording:write"):
            provider(posthog).delete("0190-0001")
    with subtests.test("nothing is wrong with them where PostHog fails"):
        posthog.script += [Answer(503), Answer(body=b"<html>")]
        for _ in range(2):
            with pytest.raises(UpstreamError):
                provider(posthog).check()
    with subtests.test("loopback is closed unless the setting opens it"):
        settings.POSTHOG_ALLOW_LOOPBACK = False
        n_connections = posthog.n_connections
        for host in (posthog.url(""), posthog.url("").replace("http:", "https:"), "https://localhost"):
            refuse(provider(posthog, host=host), "posthog_host", "may not be called")
        assert posthog.n_connections == n_connections
