"""How people sign in: their passkeys and sessions, on the person's page."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.safestring import SafeString

from ops_console.access.models import Passkey, Session
from ops_console.access.services import sessions as services
from ops_console.console import display
from ops_console.console.actions import Call, Report, ServiceAction, each
from ops_console.console.registry import Part, extend
from ops_console.organizations.models import Person

RECENT = 20


def passkeys(person: Person) -> dict[str, Any]:
    rows = Passkey.objects.filter(person=person).defer("credential_id", "public_key").order_by("-id")
    return display.table(
        "Passkeys",
        ("Name", "Added", "Last used"),
        [(row.name, display.moment(row.created_at), display.moment(row.last_used_at)) for row in rows],
        empty="None: this person signs in with codes.",
    )


def sessions(person: Person) -> dict[str, Any]:
    rows = Session.objects.filter(person=person).select_related("member__organization").order_by("-id")[:RECENT]
    return display.table(
        "Sign-ins",
        ("Organization", "By", "State", "At", "From", "With"),
        [
            (
                row.member.organization.name if row.member else "-",
                row.get_method_display(),
                state(row),
                display.moment(row.created_at),
                row.address or "-",
                row.client or "-",
            )
            for row in rows
        ],
        empty="This person has not signed in.",
    )


def state(session: Session) -> SafeString | str:
    if session.ended_at:
        return display.badge("ended", session.ended_for.replace("_", " ") or "ended")
    return display.badge("active" if session.expires_at > timezone.now() else "expired")


def end_sessions(call: Call) -> Report:
    return each(
        call,
        lambda person: services.end_sessions_of_person(
            person_id=person.pk, actor=call.actor, now=call.now, **call.given
        ),
    )


END_SESSIONS = ServiceAction(
    name="end-sessions",
    label="End all sessions",
    resource="people",
    right="end_sessions",
    run=end_sessions,
    preview=lambda call: (
        "Who is signed in anywhere has to sign in again: in every organization, and in the console.",
        "API keys and passkeys stay.",
    ),
    done="signed out everywhere",
    icon="logout",
    is_dangerous=True,
)


extend("organizations.person", actions=[END_SESSIONS], parts=[Part("people", passkeys), Part("people", sessions)])
