"""Steering messages from the console: works, not permitted, wrong state, malformed, repeated."""

from __future__ import annotations

import pytest
from django.test import Client

from couriers.models import Courier
from messages.models import Flight, Message
from messages.services import steering
from ops_console.audit.models import AuditEntry
from tests import factories, fleets
from tests.factories import COMMAND, NOW, PHOENIX

from .conftest import action_of, confirm, list_of, page_of, select, told

STEERING = ("dispatch", "hold", "release", "reassign", "refund", "deliver", "lost")


def status_of(message: Message) -> str:
    return Message.objects.values_list("status", flat=True).get(pk=message.pk)


def is_held(message: Message) -> bool:
    return Message.objects.filter(pk=message.pk, held_at__isnull=False).exists()


def test_the_page_says_what_will_happen_and_does_nothing_yet(operator: Client, queued: Message):
    page = operator.get(action_of(queued, "hold"))
    html = page.content.decode()
    assert queued.msg_id in html
    assert "They stay on the ground until released" in html
    assert "Now: 1 queued." in html
    assert not is_held(queued)


def test_hold_and_release(operator: Client, queued: Message):
    assert told(confirm(operator, action_of(queued, "hold"), reason="Storm.")) == "1 message held."
    assert is_held(queued)
    entry = AuditEntry.objects.get(action="message.hold")
    assert (entry.target_id, entry.reason, entry.address) == (queued.msg_id, "Storm.", "127.0.0.1")
    assert entry.actor.startswith("operations")
    assert told(confirm(operator, action_of(queued, "release"), reason="Calm.")) == "1 message released."
    assert not is_held(queued)


def test_a_selection_reports_what_was_refused_and_why(operator: Client, enroute: Message):
    waiting = [factories.message(enroute.account) for _ in range(2)]
    page = select(operator, "hold", *waiting, enroute)
    assert "Now: 1 enroute, 2 queued. 1 will be refused." in page.content.decode()
    report = told(select(operator, "hold", *waiting, enroute, reason="Storm."))
    assert "2 messages held." in report
    assert f"1 message refused: <br><strong>{enroute.msg_id}</strong>: It is enroute, not queued." in report
    assert all(is_held(message) for message in waiting)


def test_a_selection_returns_to_the_list_as_it_was_filtered(operator: Client, queued: Message):
    url = f"{list_of(Message)}?status__exact=queued"
    data = {"action": "hold", "_selected_action": [str(queued.pk)]}
    page = operator.post(url, {**data, "index": "0"})
    once = page.context["form"]["once"].value()
    answer = operator.post(
        page.context["url"],
        {**data, "filters": "status__exact=queued", "confirmed": "1", "once": once, "reason": "Storm."},
    )
    assert (answer.status_code, answer["Location"]) == (302, url)


def test_dispatch_now(operator: Client, queued: Message, pigeon: Courier):
    assert told(confirm(operator, action_of(queued, "dispatch"), reason="Urgent.")) == "1 message dispatched."
    assert status_of(queued) == "enroute"


def test_dispatch_without_a_courier_is_refused(operator: Client, queued: Message):
    report = told(confirm(operator, action_of(queued, "dispatch"), reason="Urgent."))
    assert "No available courier can carry it" in report
    assert status_of(queued) == "queued"


def test_mark_delivered(operator: Client, enroute: Message):
    assert told(confirm(operator, action_of(enroute, "deliver"), reason="Seen.")) == "1 message marked delivered."
    assert status_of(enroute) == "delivered"


def test_lost_says_how_much_money_goes_back(operator: Client, enroute: Message):
    page = operator.get(action_of(enroute, "lost"))
    assert f"${enroute.cost} goes back to the accounts at once." in page.content.decode()
    told(confirm(operator, action_of(enroute, "lost"), reason="Hawk."))
    assert status_of(enroute) == "refunded"
    assert Courier.objects.get().status == "offline"


def test_reassign_pins_a_queued_message(operator: Client, queued: Message, pigeon: Courier):
    report = told(confirm(operator, action_of(queued, "reassign"), reason="Asked.", pgn_id=pigeon.pgn_id.lower()))
    assert report == f"{queued.msg_id} waits for {pigeon.pgn_id} now."
    assert Message.objects.get(pk=queued.pk).pinned_courier == pigeon


def test_reassign_flies_with_another(operator: Client, enroute: Message):
    other = fleets.courier(9, *PHOENIX)
    other.save()
    told(confirm(operator, action_of(enroute, "reassign"), reason="Tired.", pgn_id=other.pgn_id))
    assert Flight.objects.aloft().get().courier == other


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"pgn_id": "ZZZ999Z", "reason": "Asked."}, "There is no courier ZZZ999Z."),
        ({"pgn_id": "", "reason": "Asked."}, "This field is required."),
        ({"pgn_id": "ZZZ999ZZZ", "reason": "Asked."}, "at most 7 characters"),
        ({"pgn_id": "ZZZ999Z", "reason": ""}, "This field is required."),
        ({"pgn_id": "ZZZ999Z", "reason": "x" * 201}, "at most 200 characters"),
        ({"pgn_id": "ZZZ999Z", "reason": "\0"}, "Null characters are not allowed."),
    ],
)
def test_a_malformed_form_is_shown_again(operator: Client, queued: Message, given: dict[str, str], complaint: str):
    answer = confirm(operator, action_of(queued, "reassign"), **given)
    assert answer.status_code == 200
    assert complaint in answer.content.decode()
    assert Message.objects.get(pk=queued.pk).pinned_courier is None


def test_a_form_that_does_not_come_from_the_page_is_shown_again(operator: Client, queued: Message):
    answer = operator.post(action_of(queued, "hold"), {"confirmed": "1", "reason": "Storm."})
    assert answer.status_code == 200
    assert not is_held(queued)


def test_holding_twice_is_refused(operator: Client, queued: Message):
    confirm(operator, action_of(queued, "hold"), reason="Storm.")
    assert "It is held: release it first." in told(confirm(operator, action_of(queued, "hold"), reason="Storm."))
    assert AuditEntry.objects.filter(action="message.hold").count() == 1


def test_buttons_are_those_the_state_allows(operator: Client, queued: Message):
    def offered() -> set[str]:
        html = operator.get(page_of(queued)).content.decode()
        return {name for name in STEERING if f"/do/{name}/" in html}

    assert offered() == {"dispatch", "hold", "reassign", "refund"}
    steering.hold_messages(msg_ids=[queued.msg_id], reason="Storm.", actor=COMMAND, now=NOW)
    assert offered() == {"release", "reassign", "refund"}


def test_finance_may_refund_and_nothing_else(financier: Client, queued: Message):
    html = financier.get(page_of(queued)).content.decode()
    assert [name for name in STEERING if f"/do/{name}/" in html] == ["refund"]


@pytest.mark.parametrize("who", ["viewer", "clerk"])
@pytest.mark.parametrize("name", STEERING)
def test_forcing_an_action_is_forbidden(request: pytest.FixtureRequest, queued: Message, who: str, name: str):
    client: Client = request.getfixturevalue(who)
    forced = {"confirmed": "1", "once": "x", "reason": "Mine.", "amount": "0.01", "pgn_id": "CPL593H"}
    answers = [
        client.get(action_of(queued, name)),
        client.post(action_of(queued, name), forced),
        client.post(list_of(Message), {**forced, "action": name, "_selected_action": queued.pk}),
        client.post(list_of(Message), {"index": "0", "action": name, "_selected_action": queued.pk}),
    ]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert AuditEntry.objects.filter(target_type__in=["message", "refund"]).count() == 0


def test_an_action_needs_signing_in(client: Client, queued: Message):
    answer = client.post(action_of(queued, "hold"), {"confirmed": "1", "once": "x", "reason": "Mine."})
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")
    assert not is_held(queued)


def test_an_unknown_action_is_not_found(operator: Client, queued: Message):
    assert operator.get(action_of(queued, "delete")).status_code == 404


def test_too_large_a_selection_is_refused(operator: Client, queued: Message, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ops_console.console.confirmation.MOST_SELECTED", 1)
    other = factories.message(queued.account)
    assert told(select(operator, "hold", queued, other)) == "Select at most 1 at once."
