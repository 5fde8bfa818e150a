from __future__ import annotations

from ops_console.organizations.rights import SEEDED_ROLES, Right

ROLES = {role.slug: role for role in SEEDED_ROLES}


def test_there_are_twenty_rights() -> None:
    assert len(Right) == 20


def test_the_super_admin_holds_all_and_the_admin_all_but_writing_the_organization() -> None:
    assert set(ROLES["super_admin"].rights) == set(Right)
    assert set(Right) - set(ROLES["admin"].rights) == {Right.ORG_WRITE}


def test_the_manager_runs_campaigns_without_managing_members() -> None:
    assert set(Right) - set(ROLES["manager"].rights) == {
        Right.ORG_WRITE,
        Right.MEMBERS_INVITE,
        Right.MEMBERS_MANAGE,
        Right.GROUPS_ALL_WRITE,
        Right.TEAMS_ALL_WRITE,
    }


def test_the_employee_is_the_default_and_only_reads_and_acts_on_the_inbox() -> None:
    assert [role.slug for role in SEEDED_ROLES if role.is_default] == ["employee"]
    assert set(ROLES["employee"].rights) == {Right.INBOX_READ, Right.INBOX_ACT}


def test_only_the_super_admin_is_a_system_role() -> None:
    assert [role.slug for role in SEEDED_ROLES if role.is_system] == ["super_admin"]
