from __future__ import annotations

from datetime import timedelta
from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from ops_console.access.actors import SYSTEM, Actor
from ops_console.access.models import SigningKey
from ops_console.audit.models import AuditEntry
from ops_console.errors import Conflict, Forbidden, NotFound
from ops_console.organizations.models import Organization, Person
from ops_console.outbox import services
from ops_console.outbox.models import WebhookSecret
from ops_console.outbox.services.delivery import live_secrets
from tests.integration.outbox.conftest import Clock


@pytest.fixture
def viewer(db: None) -> Actor:
    return Actor.staff(Person.objects.create_user("viewer@example.com", is_staff=True))


def test_the_secret_is_kept_encrypted(organization: Organization, secret: str, clock: Clock) -> None:
    kept = WebhookSecret.objects.get()
    assert secret.startswith("whsec_")
    assert secret.encode() not in bytes(kept.ciphertext)
    assert live_secrets([organization.id], clock()) == {organization.id: [secret]}


def test_a_second_first_secret_is_refused(organization: Organization, secret: str, clock: Clock) -> None:
    with pytest.raises(Conflict):
        services.create_secret(organization_id=organization.id, now=clock())


def test_rotation_keeps_the_old_one_for_a_day(organization: Organization, secret: str, clock: Clock) -> None:
    new = services.rotate_secret(organization_id=organization.id, actor=SYSTEM, now=clock())
    state = services.secret_state(organization_id=organization.id, actor=SYSTEM, now=clock())
    assert state == services.SecretState(True, clock(), clock() + timedelta(hours=24))
    assert live_secrets([organization.id], clock())[organization.id][0] == new
    clock.forward(hours=24)
    assert live_secrets([organization.id], clock()) == {organization.id: [new]}
    state = services.secret_state(organization_id=organization.id, actor=SYSTEM, now=clock())
    assert state.previous_expires_at is None


def test_rotation_is_audited_without_the_secret(organization: Organization, secret: str, clock: Clock) -> None:
    new = services.rotate_secret(organization_id=organization.id, actor=Actor.command("test"), now=clock())
    entry = AuditEntry.objects.get(action="webhook_secret.rotate")
    assert (entry.actor, entry.target_id) == ("command:test", str(organization.id))
    text = f"{entry.before} {entry.after} {entry.reason}"
    assert "whsec_" not in text
    assert new not in text


def test_who_may_not_does_not(organization: Organization, secret: str, viewer: Actor, clock: Clock) -> None:
    with pytest.raises(Forbidden):
        services.rotate_secret(organization_id=organization.id, actor=viewer, now=clock())
    with pytest.raises(Forbidden):
        services.secret_state(organization_id=organization.id, actor=viewer, now=clock())
    assert WebhookSecret.objects.count() == 1


def test_no_such_organization(db: None, clock: Clock) -> None:
    with pytest.raises(NotFound):
        services.rotate_secret(organization_id=UUID(int=0), actor=SYSTEM, now=clock())


def test_reencryptsecrets_lets_the_old_key_go(
    organization: Organization, secret: str, clock: Clock, settings: Settings
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key"
    out = StringIO()
    call_command("reencryptsecrets", stdout=out)
    settings.SECRET_KEY_FALLBACKS = []
    counts = ["1 webhook secrets", "2 signing keys", "0 identity providers' secrets", "0 waiting e-mails"]
    counts.insert(1, "0 webhooks' headers")
    counts += ["0 push credentials", "0 PostHog keys"]
    assert out.getvalue().splitlines() == [f"Encrypted {count} under the current SECRET_KEY." for count in counts]
    assert live_secrets([organization.id], clock()) == {organization.id: [secret]}
    entry = AuditEntry.objects.get(action="secrets.reencrypt")
    assert (entry.chain_id, entry.actor) == ("platform", "command:reencryptsecrets")
    assert {f"{n} {kind}" for kind, n in entry.after.items()} == set(counts)
    settings.SECRET_KEY = "a-third-key"
    with pytest.raises(CommandError, match="SECRET_KEY_FALLBACKS"):
        call_command("reencryptsecrets")
    assert AuditEntry.objects.get(action="secrets.reencrypt") == entry


def test_reencryptsecrets_leaves_all_as_it_is_when_one_cannot_be_read(
    organization: Organization, secret: str, clock: Clock, settings: Settings
) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key"
    before = bytes(WebhookSecret.objects.get().ciphertext)
    SigningKey.objects.update(private_key=b"who knows")
    with pytest.raises(CommandError, match="SECRET_KEY_FALLBACKS"):
        call_command("reencryptsecrets")
    assert bytes(WebhookSecret.objects.get().ciphertext) == before
    assert not AuditEntry.objects.filter(action="secrets.reencrypt").exists()
