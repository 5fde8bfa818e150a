from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django import Settings

from ops_console.access.actors import Actor
from ops_console.access.models import ProofAnswer, SsoProvider
from ops_console.access.services import sso_proofs, sso_providers
from ops_console.access.sso import dns_proof
from ops_console.access.tasks import ask_for_proofs
from ops_console.audit.models import AuditEntry
from ops_console.errors import Forbidden, NotFound, RateLimited
from ops_console.organizations.rights import Right
from tests import factories, sso, tenants
from tests.factories import NOW
from tests.fakes.name_server import NameServer
from tests.threads import in_threads

RECORD = "_pigeon-ops.acme.example"
FOUND, MISSING, SILENT, TAKEN = ProofAnswer.FOUND, ProofAnswer.MISSING, ProofAnswer.SILENT, ProofAnswer.TAKEN
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


@pytest.fixture
def made(db: None) -> SsoProvider:
    return sso.provider(domain="acme.example")


@pytest.fixture
def admin(made: SsoProvider) -> Actor:
    return sso.administrator(made.organization)


def prove(made: SsoProvider, actor: Actor, now: datetime = NOW, answer: ProofAnswer | None = None) -> SsoProvider:
    ask = dns_proof.ask if answer is None else sso.asks(answer)
    sso_proofs.prove(provider_id=made.pk, actor=actor, now=now, ask=ask)
    made.refresh_from_db()
    return made


def run(now: datetime, answer: ProofAnswer = MISSING) -> int:
    """What the task does at that time."""
    return sso_proofs.ask_due(clock=lambda: now, stop_at=now + MINUTE, ask=sso.asks(answer))


# --- What the DNS says ---------------------------------------------------------------------------------------------


def test_the_record_proves_the_domain(name_server: NameServer, made: SsoProvider, admin: Actor) -> None:
    name_server.texts[RECORD] = ["v=spf1 -all", made.proof]
    prove(made, admin)
    assert (made.proved_at, made.asked_at, made.answer) == (NOW, NOW, FOUND)
    assert (made.updated_at, made.due_at) == (NOW, NOW + DAY)
    entry = AuditEntry.objects.get(action="sso_provider.prove")
    assert (entry.actor, entry.target_id) == (admin.label, str(made.pk))
    assert name_server.asked == [RECORD]


def test_the_domain_s_own_record_proves_it_too(name_server: NameServer, made: SsoProvider, admin: Actor) -> None:
    name_server.texts["acme.example"] = [f" {made.proof} "]
    assert prove(made, admin).is_proved
    assert name_server.asked == [RECORD, "acme.example"]


def test_an_answer_too_long_for_udp_is_asked_for_by_tcp(
    name_server: NameServer, made: SsoProvider, admin: Actor
) -> None:
    name_server.texts[RECORD] = [*("x" * 700 for _ in range(20)), made.proof]
    assert prove(made, admin).is_proved
    assert name_server.asked == [RECORD, RECORD]


@pytest.mark.parametrize(
    "texts",
    [
        {},
        {RECORD: []},
        {RECORD: ["pigeon-ops-verification=", "v=spf1 -all"]},
        {RECORD: ["pigeon-ops-verification=of-another"], "acme.example": ["x"]},
        {f"{RECORD}.evil.example": ["PROOF"], "www.acme.example": ["PROOF"], "example": ["PROOF"]},
        {RECORD: ["PROOF-and-more"], "acme.example": ["xPROOF"]},
        {RECORD: ["proof"]},
    ],
)
def test_anything_else_does_not(
    name_server: NameServer, made: SsoProvider, admin: Actor, texts: dict[str, list[str]]
) -> None:
    name_server.texts = {
        name: [text.replace("PROOF", made.proof).replace("proof", made.proof.lower()) for text in found]
        for name, found in texts.items()
    }
    prove(made, admin)
    assert (made.proved_at, made.asked_at, made.answer) == (None, NOW, MISSING)
    assert not AuditEntry.objects.filter(action="sso_provider.prove").exists()


def test_the_proof_of_another_organization_proves_nothing(
    name_server: NameServer, made: SsoProvider, admin: Actor
) -> None:
    name_server.texts[RECORD] = [sso.provider(domain="acme.example").proof]
    assert prove(made, admin).answer == MISSING


def test_silence_is_told_from_a_missing_record(name_server: NameServer, made: SsoProvider, admin: Actor) -> None:
    name_server.failing.add(RECORD)
    assert prove(made, admin).answer == SILENT
    # What the other name says counts all the same.
    name_server.texts["acme.example"] = [made.proof]
    assert prove(made, admin, NOW + MINUTE).answer == FOUND


def test_a_name_server_that_says_nothing_is_not_waited_for_long(
    name_server: NameServer, made: SsoProvider, admin: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dns_proof, "LOOKUP_TIMEOUT_S", 0.5)
    name_server.silent |= {RECORD, "acme.example"}
    assert prove(made, admin).answer == SILENT


@pytest.mark.parametrize("given", ["127.0.0.1:1", "127.0.0.1:1, [::1]:1"])
def test_the_setting_names_the_servers(settings: Settings, made: SsoProvider, admin: Actor, given: str) -> None:
    settings.SSO_DNS_RESOLVER = given
    assert prove(made, admin).answer == SILENT


# --- By hand -------------------------------------------------------------------------------------------------------


def test_asking_again_at_once_is_asking_too_often(made: SsoProvider, admin: Actor) -> None:
    prove(made, admin, answer=MISSING)
    with pytest.raises(RateLimited) as refusal:
        prove(made, admin, NOW + timedelta(seconds=4), FOUND)
    assert refusal.value.retry_after_s == 6
    assert prove(made, admin, NOW + sso_proofs.PAUSE, FOUND).is_proved


def test_proving_what_is_proved_changes_nothing(made: SsoProvider, admin: Actor) -> None:
    prove(made, admin, answer=FOUND)
    prove(made, admin, NOW + MINUTE, FOUND)
    assert (made.proved_at, made.asked_at) == (NOW, NOW + MINUTE)
    assert AuditEntry.objects.filter(action="sso_provider.prove").count() == 1


def test_who_may_ask(made: SsoProvider) -> None:
    for who in (tenants.caller(made.organization, Right.ORG_READ), Actor.anyone("192.0.2.1")):
        with pytest.raises(Forbidden):
            prove(made, who, answer=FOUND)
    with pytest.raises(NotFound):
        prove(made, sso.administrator(factories.organization()), answer=FOUND)
    made.refresh_from_db()
    assert (made.asked_at, made.is_proved) == (None, False)
    assert prove(made, Actor.staff(factories.superuser()), answer=FOUND).is_proved


# --- One domain, one organization ----------------------------------------------------------------------------------


def test_a_domain_that_is_proved_stays_whose_it_is(made: SsoProvider, admin: Actor) -> None:
    late = sso.provider(domain="acme.example")
    prove(made, admin, answer=FOUND)
    prove(late, sso.administrator(late.organization), answer=FOUND)
    assert (late.is_proved, late.answer) == (False, TAKEN)
    # Once the first lets go, the second has it.
    sso_providers.delete_provider(provider_id=made.pk, actor=admin, now=NOW)
    assert prove(late, sso.administrator(late.organization), NOW + MINUTE, FOUND).is_proved


def test_of_organizations_that_prove_a_domain_at_once_one_has_it(committed_db: None) -> None:
    rivals = [sso.provider(domain="acme.example") for _ in range(4)]
    outcomes = in_threads(4, lambda number: sso.prove(rivals[number]))
    assert all(isinstance(outcome, SsoProvider) for outcome in outcomes), outcomes
    assert SsoProvider.objects.proved("acme.example").count() == 1
    assert SsoProvider.objects.filter(answer=TAKEN).count() == 3
    assert AuditEntry.objects.filter(action="sso_provider.prove").count() == 1


# --- The task ------------------------------------------------------------------------------------------------------


def test_a_new_claim_is_asked_after_a_minute_and_proved_without_anybody_asking(made: SsoProvider) -> None:
    assert run(NOW + MINUTE / 2, FOUND) == 0
    assert run(NOW + MINUTE, FOUND) == 1
    made.refresh_from_db()
    assert made.proved_at == NOW + MINUTE
    assert AuditEntry.objects.get(action="sso_provider.prove").actor == "system"
    assert run(NOW + MINUTE, FOUND) == 0


@pytest.mark.parametrize(
    ("age", "wait"),
    [
        (MINUTE, MINUTE),
        (timedelta(minutes=30), timedelta(minutes=3)),
        (DAY, timedelta(hours=2, minutes=24)),
        (10 * DAY, timedelta(hours=6)),
        (30 * DAY, timedelta(hours=6)),
        (30 * DAY + MINUTE, None),
    ],
)
def test_the_longer_a_claim_stands_the_less_often_it_is_asked(
    made: SsoProvider, age: timedelta, wait: timedelta | None
) -> None:
    now = NOW + age
    assert run(now) == 1
    made.refresh_from_db()
    assert made.due_at == (now + wait if wait else None)
    assert made.asked_at == now


def test_a_claim_nobody_asks_about_any_more_can_still_be_proved_by_hand(made: SsoProvider, admin: Actor) -> None:
    run(NOW + 31 * DAY)
    assert run(NOW + 300 * DAY, FOUND) == 0
    assert prove(made, admin, NOW + 300 * DAY, FOUND).is_proved


def test_a_worker_that_dies_loses_no_claim_and_holds_none(made: SsoProvider) -> None:
    def die(domain: str, proof: str) -> ProofAnswer:
        raise SystemExit

    now = NOW + MINUTE
    with pytest.raises(SystemExit):
        sso_proofs.ask_due(clock=lambda: now, stop_at=now + MINUTE, ask=die)
    assert run(now, FOUND) == 0
    assert run(now + MINUTE, FOUND) == 1


def test_a_provider_deleted_while_the_dns_is_asked_is_let_be(made: SsoProvider, admin: Actor) -> None:
    other = sso.provider(now=NOW + MINUTE / 4)

    def meanwhile(domain: str, proof: str) -> ProofAnswer:
        if domain == made.domain:
            sso_providers.delete_provider(provider_id=made.pk, actor=admin, now=NOW)
        return FOUND

    now = NOW + 2 * MINUTE
    assert sso_proofs.ask_due(clock=lambda: now, stop_at=now + MINUTE, ask=meanwhile) == 2
    assert list(SsoProvider.objects.filter(proved_at=now)) == [other]


def test_a_run_ends_in_time(made: SsoProvider) -> None:
    for _ in range(3):
        sso.provider()
    now = NOW + MINUTE
    times = iter([now, now + MINUTE / 2, now + MINUTE])
    n_asked = sso_proofs.ask_due(clock=lambda: next(times), stop_at=now + MINUTE, ask=sso.asks(MISSING))
    assert n_asked == 2


def test_workers_at_once_ask_each_domain_once(committed_db: None) -> None:
    domains = {sso.provider().domain for _ in range(12)}
    asked: list[str] = []
    lock = Lock()

    def ask(domain: str, proof: str) -> ProofAnswer:
        with lock:
            asked.append(domain)
        return MISSING

    def work(number: int) -> int:
        return sso_proofs.ask_due(clock=lambda: NOW + MINUTE, stop_at=NOW + 2 * MINUTE, ask=ask)

    counts = in_threads(4, work)
    assert sum(count for count in counts if isinstance(count, int)) == 12, counts
    assert sorted(asked) == sorted(domains)


# --- Proved domains ------------------------------------------------------------------------------------------------


@pytest.fixture
def see(made: SsoProvider) -> Callable[[timedelta, ProofAnswer], SsoProvider]:
    """Let the task ask at that time, counted from when the domain was proved."""
    sso.prove(made)

    def see(after: timedelta, answer: ProofAnswer) -> SsoProvider:
        assert run(NOW + after, answer) == 1
        made.refresh_from_db()
        return made

    return see


Sees = Callable[[timedelta, ProofAnswer], SsoProvider]


def test_a_record_that_stays_away_loses_the_domain_after_three_days(see: Sees) -> None:
    seen = see(DAY, MISSING)
    assert (seen.is_proved, seen.missing_since, seen.due_at) == (True, NOW + DAY, NOW + 2 * DAY)
    assert see(2 * DAY, MISSING).is_proved
    assert see(3 * DAY, SILENT).is_proved
    lost = see(4 * DAY, MISSING)
    assert (lost.proved_at, lost.missing_since, lost.answer) == (None, None, MISSING)
    assert lost.due_at == NOW + 4 * DAY + MINUTE
    entry = AuditEntry.objects.get(action="sso_provider.lose")
    assert (entry.actor, entry.after["proved_at"]) == ("system", None)
    # It is a claim like any other again, asked for thirty days.
    assert see(4 * DAY + MINUTE, FOUND).is_proved


def test_a_record_that_comes_back_in_time_loses_nothing(see: Sees) -> None:
    see(DAY, MISSING)
    back = see(2 * DAY, FOUND)
    assert (back.is_proved, back.proved_at, back.missing_since) == (True, NOW, None)
    see(3 * DAY, MISSING)
    assert see(5 * DAY, MISSING).is_proved


def test_name_servers_that_are_silent_for_months_lose_nothing(see: Sees) -> None:
    for day in range(1, 90, 10):
        assert see(day * DAY, SILENT).is_proved


def test_the_task_asks_what_is_due_by_the_clock(name_server: NameServer, db: None) -> None:
    due, early = sso.provider(now=timezone.now() - MINUTE), sso.provider(now=timezone.now())
    for each in (due, early):
        name_server.texts[dns_proof.record_name(each.domain)] = [each.proof]
    ask_for_proofs()
    assert list(SsoProvider.objects.filter(proved_at__isnull=False)) == [due]
    assert settings.CELERY_BEAT_SCHEDULE["ask-for-proofs"]["task"] == ask_for_proofs.name
