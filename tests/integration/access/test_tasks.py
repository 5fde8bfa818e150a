from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from ops_console.access import tasks
from ops_console.access.models import PasskeyChallenge, RefreshToken, Session, SignInCode
from ops_console.access.services import codes, passkeys
from ops_console.access.services.sessions import Client
from tests import factories
from tests.bearers import session_of

pytestmark = pytest.mark.django_db
CLIENT = Client("2001:db8:aaaa::1")


def test_what_is_over_is_deleted_and_the_rest_stays() -> None:
    long_ago = timezone.now() - timedelta(days=100)
    for now in (long_ago, timezone.now()):
        codes.start(email=f"sleeper{next(factories.numbers)}@example.com", client=CLIENT, now=now)
        passkeys.sign_in_options(client=CLIENT, now=now)
    session_over, session = session_of(factories.outsider()), session_of(factories.outsider())
    Session.objects.filter(pk=session_over.pk).update(expires_at=long_ago)
    RefreshToken.objects.filter(session=session).update(used_at=long_ago)
    RefreshToken.objects.create(session=session, token_digest=bytes(32), created_at=timezone.now())
    tasks.purge_sign_ins()
    counts = [model.objects.count() for model in (SignInCode, PasskeyChallenge, Session, RefreshToken)]
    assert counts == [1, 1, 1, 1]


def test_keys_are_rotated_when_their_time_has_come() -> None:
    tasks.rotate_signing_keys()


@pytest.mark.parametrize("entry", settings.CELERY_BEAT_SCHEDULE.values(), ids=lambda entry: entry["task"])
def test_beat_rings_for_tasks_there_are(entry: dict[str, str]) -> None:
    assert import_string(entry["task"]).name == entry["task"]
