from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import jwt
import pytest
from django.core.management import call_command
from django.utils import timezone

from ops_console import secrets_at_rest
from ops_console.access.models import Session, SigningKey, SignInMethod
from ops_console.access.services import sessions, signing_keys, tokens
from ops_console.audit.models import AuditEntry
from ops_console.errors import Unauthenticated
from tests import factories

pytestmark = pytest.mark.django_db
NOW = timezone.now()
LATER = NOW + signing_keys.CACHE_PERIOD + timedelta(hours=1)


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """What a process remembers of keys that the next test does not have."""
    signing_keys.known.forget()
    yield
    signing_keys.known.forget()


def session() -> Session:
    client = sessions.Client()
    opened = sessions.open_session(
        person=factories.outsider(), member=None, method=SignInMethod.CODE, client=client, now=NOW
    )
    return opened.session


def states() -> dict[str, str]:
    return dict(SigningKey.objects.values_list("state", "id"))


def published() -> set[str]:
    return {key["kid"] for key in signing_keys.key_set()["keys"]}


def test_keys_are_made_on_demand_and_kept_encrypted() -> None:
    SigningKey.objects.all().delete()
    kid, private = signing_keys.current()
    assert set(states()) == {"current", "next"}
    assert states()["current"] == kid
    assert private.key_size >= 2048
    row = SigningKey.objects.get(pk=kid)
    assert b"PRIVATE KEY" not in bytes(row.private_key)
    assert "PRIVATE KEY" in secrets_at_rest.decrypt(row.private_key)


def test_the_key_set_is_what_others_check_tokens_by() -> None:
    text = tokens.issue(session=session(), now=NOW).text
    key_set = jwt.PyJWKSet.from_dict(signing_keys.key_set())
    key = key_set[jwt.get_unverified_header(text)["kid"]]
    assert jwt.decode(text, key, algorithms=["RS256"], options={"verify_exp": False})["sid"]
    assert all(set(each) == {"kty", "use", "alg", "kid", "n", "e"} for each in signing_keys.key_set()["keys"])


def test_a_key_is_published_a_cache_period_before_it_signs() -> None:
    signing_keys.ensure(now=NOW)
    before, following = states()["current"], states()["next"]
    assert following in published()
    ready_at = SigningKey.objects.get(pk=following).created_at + signing_keys.CACHE_PERIOD
    soon = ready_at - timedelta(seconds=1)
    planned = signing_keys.rotate(actor=factories.COMMAND, now=soon)
    assert planned == signing_keys.Rotation(following, ready_at)
    assert not signing_keys.rotate_when_due(now=soon)
    assert states()["current"] == before
    assert signing_keys.rotate_when_due(now=ready_at)
    assert states()["current"] == following
    assert not signing_keys.rotate_when_due(now=ready_at + timedelta(days=1))
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
        "signing_keys.plan",
        "signing_keys.rotate",
    ]


def test_one_published_long_enough_signs_at_once() -> None:
    signing_keys.ensure(now=NOW)
    following = states()["next"]
    assert signing_keys.rotate(actor=factories.COMMAND, now=LATER) == signing_keys.Rotation(following, LATER)
    assert states()["current"] == following
    assert states()["next"] not in ("", following)


def test_a_retired_key_is_kept_while_its_tokens_live() -> None:
    old = signing_keys.current()[0]
    text = tokens.issue(session=session(), now=LATER).text
    signing_keys.rotate(actor=factories.COMMAND, now=LATER)
    assert signing_keys.current()[0] != old
    assert tokens.verify(text, now=LATER)
    end = LATER + timedelta(minutes=15)
    signing_keys.rotate_when_due(now=end)
    assert old in published()
    signing_keys.rotate_when_due(now=end + timedelta(minutes=3))
    assert old not in published()


def test_rotation_by_age() -> None:
    kid = signing_keys.current()[0]
    activated = SigningKey.objects.get(pk=kid).activated_at
    assert activated
    assert not signing_keys.rotate_when_due(now=activated + timedelta(days=89))
    assert signing_keys.rotate_when_due(now=activated + timedelta(days=90))
    assert states()["retired"] == kid
    assert not signing_keys.rotate_when_due(now=activated + timedelta(days=90, hours=2))
    entry = AuditEntry.objects.get(action="signing_keys.rotate")
    assert (entry.actor, entry.before, entry.target_id) == ("system", {"current": kid}, states()["current"])


def test_replacing_all_at_once_refuses_what_was_signed() -> None:
    text = tokens.issue(session=session(), now=NOW).text
    before = published()
    signing_keys.replace_all(actor=factories.COMMAND, now=NOW)
    assert not before & published()
    with pytest.raises(Unauthenticated):
        tokens.verify(text, now=NOW)


def test_a_process_takes_tokens_of_a_key_it_has_not_read_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    signing_keys.current()
    stale = signing_keys.Known()
    stale.get()
    signing_keys.replace_all(actor=factories.COMMAND, now=NOW)
    text = tokens.issue(session=session(), now=NOW).text
    monkeypatch.setattr(signing_keys, "known", stale)
    # Unknown names make it read at most so often.
    with pytest.raises(Unauthenticated):
        tokens.verify(text, now=NOW)
    stale._read_at -= signing_keys.READ_FOR_UNKNOWN_EVERY_S
    assert tokens.verify(text, now=NOW)


def test_unknown_names_do_not_make_it_read_again_and_again(django_assert_max_num_queries: Any) -> None:
    _, key = signing_keys.current()
    unknown = [jwt.encode({}, key, algorithm="RS256", headers={"kid": str(number)}) for number in range(5)]
    with django_assert_max_num_queries(0):
        for text in unknown:
            with pytest.raises(Unauthenticated):
                tokens.verify(text, now=NOW)


def test_keys_move_to_a_new_secret_key(settings: Any) -> None:
    kid, private = signing_keys.current()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new one"
    assert signing_keys.reencrypt_keys() == 2
    settings.SECRET_KEY_FALLBACKS = []
    signing_keys.known.forget()
    assert signing_keys.current()[0] == kid
    assert signing_keys.current()[1].private_numbers() == private.private_numbers()


def test_keys_nobody_can_read_any_more_are_replaced(settings: Any) -> None:
    signing_keys.ensure(now=NOW)
    settings.SECRET_KEY = "lost"
    with pytest.raises(secrets_at_rest.Undecipherable):
        signing_keys.current()
    signing_keys.replace_all(actor=factories.COMMAND, now=NOW)
    assert signing_keys.current()


def test_the_command() -> None:
    signing_keys.ensure(now=NOW)
    SigningKey.objects.filter(state="next").update(created_at=NOW - timedelta(days=1))
    following = states()["next"]
    assert f"{following} signs from now on" in command()
    assert AuditEntry.objects.get(action="signing_keys.rotate").actor == "command:rotatekeys"
    later = SigningKey.objects.get(state="next")
    assert f"{later.id} signs from {later.created_at + signing_keys.CACHE_PERIOD:%Y-%m-%d %H:%M}" in command()
    assert states()["current"] == following
    assert "signs from now on" in command("--at-once")
    assert AuditEntry.objects.get(action="signing_keys.replace").actor == "command:rotatekeys"
    assert set(states()) == {"current", "next"}
    assert following not in published()


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("rotatekeys", *arguments, stdout=out)
    return out.getvalue()
