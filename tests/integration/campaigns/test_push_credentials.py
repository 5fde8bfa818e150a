"""What push providers know organizations by: checked, encrypted, replaced, and never shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.management import call_command
from pytest_django import Settings

from campaigns.models import PushCredential
from campaigns.push_keys import ApnsKey, FcmKey, WebPushKey, base64url, pem_of
from campaigns.services import push_credentials
from campaigns.services.push_credentials import delete_credentials, of_organizations, set_credentials
from ops_console.access.actors import Actor
from ops_console.audit.models import AuditEntry
from ops_console.errors import Forbidden, InvalidInput, NotFound
from ops_console.organizations.rights import Right
from tests import factories, tenants
from tests.factories import NOW
from tests.fakes import apns, fcm
from tests.threads import in_threads

SUBJECT = "mailto:loft@customer.example"
database = pytest.mark.django_db


def owner() -> Actor:
    return tenants.caller(factories.organization(), Right.ORG_READ, Right.ORG_WRITE)


def keep(actor: Actor, provider: str = "apns", **changes: Any) -> PushCredential:
    given = {
        "apns": apns.signing_key,
        "fcm": fcm.service_account,
        "webpush": lambda: {
            "private_key": pem_of(ec.generate_private_key(ec.SECP256R1())),
            "subject": "mailto:a@b.example",
        },
    }
    secret = {**given[provider](), **changes} if provider in given else changes
    return set_credentials(provider=provider, secret=secret, actor=actor, now=NOW)


def faults(actor: Actor, provider: str, **changes: Any) -> list[tuple[str | int, ...]]:
    """Where they are; within the secret with the name of its member."""
    with pytest.raises(InvalidInput) as refused:
        keep(actor, provider, **changes)
    faults = refused.value.errors
    return [(*one.path, *([one.message.split(":")[0]] if one.path == ("secret",) else [])) for one in faults]


@database
def test_they_are_kept_encrypted_and_found_by_organization() -> None:
    one, other = owner(), owner()
    made = [keep(one), keep(one, "fcm"), keep(one, "webpush"), keep(other)]
    assert one.organization_id
    found = of_organizations({one.organization_id})
    assert {provider for _, provider in found} == {"apns", "fcm", "webpush"}
    kinds = [type(found[one.organization_id, provider].key) for provider in ("apns", "fcm", "webpush")]
    assert kinds == [ApnsKey, FcmKey, WebPushKey]
    for row in made:
        assert b"PRIVATE KEY" not in bytes(row.ciphertext)
    assert "PRIVATE KEY" not in repr(found)


@database
def test_labels_show_what_may_be_shown() -> None:
    actor = owner()
    assert keep(actor).label == f"{apns.KEY} {apns.TOPIC}"
    assert keep(actor, sandbox=True).label == f"{apns.KEY} {apns.TOPIC} (sandbox)"
    assert keep(actor, "fcm").label == fcm.PROJECT
    assert len(keep(actor, "webpush").label) == 87


@database
def test_new_ones_take_the_place_of_the_old() -> None:
    actor = owner()
    first = keep(actor)
    second = keep(actor, topic="example.other.app")
    assert list(PushCredential.objects.values_list("pk", "label")) == [(second.pk, f"{apns.KEY} example.other.app")]
    assert first.pk != second.pk
    entry = AuditEntry.objects.filter(target_type="push_credential").latest("id")
    assert (entry.action, entry.before["label"]) == ("push_credential.set", first.label)


@database
def test_they_are_deleted() -> None:
    actor, other = owner(), owner()
    made = keep(actor)
    with pytest.raises(NotFound):
        delete_credentials(credential_id=made.pk, actor=other, now=NOW)
    delete_credentials(credential_id=made.pk, actor=actor, now=NOW)
    assert not PushCredential.objects.exists()
    entry = AuditEntry.objects.filter(target_type="push_credential").latest("id")
    assert (entry.action, entry.target_id) == ("push_credential.delete", str(made.pk))


@database
def test_the_trail_holds_no_key() -> None:
    actor = owner()
    for provider in ("apns", "fcm", "webpush"):
        delete_credentials(credential_id=keep(actor, provider).pk, actor=actor, now=NOW)
    entries = AuditEntry.objects.filter(target_type="push_credential")
    assert entries.count() == 6
    assert "PRIVATE" not in json.dumps([[entry.before, entry.after] for entry in entries])


@database
def test_the_right_is_needed_and_staff_name_the_organization() -> None:
    reader = tenants.caller(factories.organization(), Right.ORG_READ)
    with pytest.raises(Forbidden):
        keep(reader)
    with pytest.raises(Forbidden):
        delete_credentials(credential_id=keep(owner()).pk, actor=reader, now=NOW)
    house = Actor.staff(factories.superuser())
    assert faults(house, "apns") == [("organization",)]
    made = set_credentials(
        provider="apns", secret=apns.signing_key(), actor=house, now=NOW, organization_id=reader.organization_id
    )
    assert made.organization_id == reader.organization_id


OTHER_CURVE = pem_of(ec.generate_private_key(ec.SECP384R1()))
BROKEN = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
SHORT = base64url(b"x" * 31)


@database
@pytest.mark.parametrize(
    ("provider", "changes", "at"),
    [
        ("sms", {}, ("provider",)),
        ("apns", {"team_id": "short"}, ("secret", "team_id")),
        ("apns", {"key_id": None}, ("secret", "key_id")),
        ("apns", {"topic": "a b"}, ("secret", "topic")),
        ("apns", {"private_key": OTHER_CURVE}, ("secret", "private_key")),
        (
            "apns",
            {"private_key": BROKEN},
            ("secret", "private_key"),
        ),
        ("apns", {"private_key": 7}, ("secret", "private_key")),
        ("fcm", {"private_key": OTHER_CURVE}, ("secret", "private_key")),
        ("fcm", {"project_id": "../x"}, ("secret", "project_id")),
        ("fcm", {"client_email": ""}, ("secret", "client_email")),
        ("webpush", {"subject": "me"}, ("secret", "subject")),
        ("webpush", {"private_key": SHORT}, ("secret", "private_key")),
        ("webpush", {"private_key": "no base64!"}, ("secret", "private_key")),
    ],
)
def test_unfit_ones_are_refused(provider: str, changes: dict[str, Any], at: tuple[str, ...]) -> None:
    assert faults(owner(), provider, **changes) == [at]
    assert not PushCredential.objects.exists()


@database
def test_a_vapid_key_may_be_written_as_browsers_tools_write_it() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    raw = base64url(key.private_numbers().private_value.to_bytes(32))
    actor = owner()
    assert keep(actor, "webpush", private_key=raw).label == keep(actor, "webpush", private_key=pem_of(key)).label


@database
def test_where_a_service_account_says_tokens_are_is_not_asked() -> None:
    actor = owner()
    keep(actor, "fcm", token_uri="http://169.254.169.254/")
    assert actor.organization_id
    assert "169.254" not in repr(vars(of_organizations({actor.organization_id})[actor.organization_id, "fcm"].key))


@database
def test_the_old_secret_key_can_go(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    actor = owner()
    keep(actor)
    assert actor.organization_id
    old = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another secret key, as long as it ought to be", [old]
    call_command("reencryptsecrets")
    assert "Encrypted 1 push credentials" in capsys.readouterr().out
    settings.SECRET_KEY_FALLBACKS = []
    push_credentials._opened.cache_clear()
    assert of_organizations({actor.organization_id})


def test_two_who_set_them_at_once_follow_each_other(committed_db: None) -> None:
    actor = owner()
    assert not [made for made in in_threads(4, lambda number: keep(actor)) if isinstance(made, Exception)]
    assert PushCredential.objects.count() == 1


@database
def test_an_rsa_key_in_an_older_form_is_taken() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    assert keep(owner(), "fcm", private_key=pem).label == fcm.PROJECT
