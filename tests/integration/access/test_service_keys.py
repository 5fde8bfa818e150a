"""Keys of services: made and revoked by staff and commands, audited in the platform's chain."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.utils import timezone

from ops_console.access import services as access
from ops_console.access.actors import Actor
from ops_console.access.key_texts import digest_of
from ops_console.access.models import ServiceKey
from ops_console.audit.models import AuditEntry
from ops_console.errors import Forbidden, InvalidInput, InvalidTransition, NotFound
from ops_console.organizations.rights import Right
from tests import bearers, factories, tenants

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def test_only_the_digest_is_kept_and_all_is_audited() -> None:
    staff = Actor.staff(factories.superuser())
    new = access.create_service_key(name=" biller ", scope="organizations", actor=staff, now=NOW)
    kept = ServiceKey.objects.get()
    assert bytes(kept.key_digest) == digest_of(new.text)
    assert (kept.name, kept.scope, kept.created_by) == ("biller", "organizations", staff.label)
    assert new.text.startswith("pidgr_s_")
    access.revoke_service_key(service_key_id=kept.pk, actor=staff, now=NOW, reason="Replaced.")
    made, revoked = AuditEntry.objects.filter(target_id=str(kept.pk)).order_by("position")
    assert (made.action, made.chain_id, made.after["scope"]) == ("service_key.create", "platform", "organizations")
    assert (revoked.action, revoked.reason) == ("service_key.revoke", "Replaced.")
    assert new.text not in str([vars(entry) for entry in AuditEntry.objects.all()])


def test_every_fault_is_named() -> None:
    with pytest.raises(InvalidInput) as refusal:
        access.create_service_key(name="", scope="everything", actor=factories.COMMAND, now=NOW)
    assert [fault.path for fault in refusal.value.errors] == [("name",), ("scope",)]
    assert not ServiceKey.objects.exists()


def test_no_member_key_or_service_makes_or_revokes_one() -> None:
    service_key = bearers.service_key("render").service_key
    member = tenants.member(factories.organization(), *Right)
    service = Actor.service(prefix="p", key_id=service_key.pk, scope="organizations", address=None)
    for actor in (tenants.signed_in(member), tenants.key_of(member, *Right), service, Actor.anyone(None)):
        with pytest.raises(Forbidden):
            access.create_service_key(name="x", scope="render", actor=actor, now=NOW)
        with pytest.raises(Forbidden):
            access.revoke_service_key(service_key_id=service_key.pk, actor=actor, now=NOW)


def test_revoking_again_and_what_is_not_there() -> None:
    service_key = bearers.service_key("render").service_key
    access.revoke_service_key(service_key_id=service_key.pk, actor=factories.COMMAND, now=NOW)
    with pytest.raises(InvalidTransition):
        access.revoke_service_key(service_key_id=service_key.pk, actor=factories.COMMAND, now=NOW)
    with pytest.raises(NotFound):
        access.revoke_service_key(service_key_id=uuid4(), actor=factories.COMMAND, now=NOW)
