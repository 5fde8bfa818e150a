"""What is revoked or ended counts at once in every process and over every face."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from django.utils import timezone

from ops_console.access import services as access
from ops_console.access.services import sessions
from ops_console.organizations.models import Member
from ops_console.organizations.rights import Right
from ops_console.organizations.services import members
from tests import bearers, faces, factories, tenants

# Connections enough for both web workers to have answered several.
N_CONNECTIONS = 12
RIGHT = Right.GROUPS_ALL_READ


def revoke(member: Member) -> None:
    access.revoke_keys_of(member_id=member.pk, actor=factories.COMMAND, now=timezone.now())


def sign_out(member: Member) -> None:
    sessions.end_sessions_of_member(member_id=member.pk, reason="signed_out", now=timezone.now())


def deactivate(member: Member) -> None:
    members.deactivate(member_id=member.pk, actor=factories.COMMAND, now=timezone.now())


CASES: list[tuple[Callable[[Member], str], Callable[[Member], None], str]] = [
    (lambda member: bearers.api_key(member, RIGHT).text, revoke, "unauthenticated"),
    (lambda member: bearers.api_key(member, RIGHT).text, deactivate, "unauthenticated"),
    (bearers.token_of, sign_out, "unauthenticated"),
    (bearers.token_of, deactivate, "unauthenticated"),
]


def test_no_process_takes_what_another_has_refused(committed_db: None) -> None:
    organization = factories.organization()
    cases = [(tenants.member(organization, RIGHT), *case) for case in CASES]
    with faces.processes(FAILED_AUTH_PER_MINUTE="1000") as running:
        for member, credential, end, expected in cases:
            text = credential(member)
            assert outcomes(running, text) == {"ok": 3 * N_CONNECTIONS}
            end(member)
            assert outcomes(running, text) == {expected: 3 * N_CONNECTIONS}


def outcomes(running: faces.Processes, text: str) -> Counter[str]:
    found = Counter[str]()
    for _ in range(N_CONNECTIONS):
        with running.faces() as each:
            found.update(face(text) for face in each)
    return found
