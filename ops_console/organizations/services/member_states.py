"""The life of a member. A founder starts as active, everybody else as invited."""

from __future__ import annotations

from ops_console.organizations.models import Member, MemberEvent, MemberStatus
from ops_console.state_machine import StateMachine

INVITED, ACTIVE, DEACTIVATED = MemberStatus.INVITED, MemberStatus.ACTIVE, MemberStatus.DEACTIVATED

MEMBERS = StateMachine(
    Member,
    MemberEvent,
    {
        ACTIVE: frozenset({INVITED}),
        DEACTIVATED: frozenset({INVITED, ACTIVE}),
        # Invited again.
        INVITED: frozenset({DEACTIVATED}),
    },
)
