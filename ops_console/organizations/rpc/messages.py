"""Organizations, members and roles as messages of ``pidgr.v1``: one function for each message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from protobuf import message_from_json_value
from protobuf.wkt import Timestamp

from ops_console.gen.pidgr.v1 import common_pb, organization_pb
from ops_console.gen.pidgr.v1.common_pb import Permission, WorkflowDefinition
from ops_console.gen.pidgr.v1.user_pb import ThemePreference, User, UserProfile, UserSettings, UserStatus
from ops_console.organizations.models import Member, Organization, Role, Theme
from ops_console.organizations.profiles import PROFILE_FIELDS, Profile
from ops_console.organizations.rights import Right

# The wire's CompanySize keeps its prefix, for its names would begin with a digit.
SIZE_PREFIX = "COMPANY_SIZE_"


def organization_message(organization: Organization) -> organization_pb.Organization:
    workflow = organization.default_workflow
    mappings: Iterable[Mapping[str, str]] = organization.sso_attribute_mappings
    return organization_pb.Organization(
        id=str(organization.pk),
        name=organization.name,
        default_workflow=None if workflow is None else message_from_json_value(WorkflowDefinition, workflow),
        created_at=Timestamp.from_datetime(organization.created_at),
        industry=industry_to_wire(organization.industry),
        company_size=company_size_to_wire(organization.company_size),
        sso_attribute_mappings=[organization_pb.SsoAttributeMapping(**mapping) for mapping in mappings],
    )


def user_message(member: Member) -> User:
    """A member; comes with person and role."""
    return User(
        id=str(member.pk),
        email=member.person.email,
        name=member.name,
        status=UserStatus[member.status.upper()],
        created_at=Timestamp.from_datetime(member.created_at),
        role=role_message(member.role),
        role_id=str(member.role_id),
        profile=profile_message(Profile.read(member.profile)),
    )


def role_message(role: Role) -> common_pb.Role:
    return common_pb.Role(
        id=str(role.pk),
        slug=role.slug,
        name=role.name,
        is_default=role.is_default,
        permissions=permissions_to_wire(role.rights),
        is_system=role.is_system,
    )


def profile_message(profile: Profile) -> UserProfile:
    return UserProfile(**{**asdict(profile), "custom_attributes": dict(profile.custom_attributes)})


def profile_from_wire(message: UserProfile) -> Profile:
    texts: dict[str, Any] = {name: getattr(message, name) for name in PROFILE_FIELDS}
    return Profile(**texts, custom_attributes=dict(message.custom_attributes))


def settings_message(theme: Theme) -> UserSettings:
    return UserSettings(theme_preference=ThemePreference[theme.upper()])


def theme_from_wire(settings: UserSettings | None) -> Theme:
    """The theme chosen; who chooses none gets what the device says."""
    chosen = settings.theme_preference if settings else ThemePreference.UNSPECIFIED
    return Theme.SYSTEM if chosen is ThemePreference.UNSPECIFIED else Theme(chosen.name.lower())


def permissions_to_wire(rights: Iterable[str]) -> list[Permission]:
    return [Permission[right] for right in rights]


def rights_from_wire(permissions: Iterable[Permission]) -> list[Right]:
    return [Right(permission.name) for permission in permissions]


def industry_to_wire(industry: str) -> organization_pb.Industry:
    return organization_pb.Industry[industry.upper() or "UNSPECIFIED"]


def industry_from_wire(industry: organization_pb.Industry) -> str:
    """The stored form; empty for none."""
    return "" if industry is organization_pb.Industry.UNSPECIFIED else industry.name.lower()


def company_size_to_wire(size: str) -> organization_pb.CompanySize:
    if not size:
        return organization_pb.CompanySize.UNSPECIFIED
    return organization_pb.CompanySize[f"{SIZE_PREFIX}{size.upper()}"]


def company_size_from_wire(size: organization_pb.CompanySize) -> str:
    """The stored form; empty for none."""
    if size is organization_pb.CompanySize.UNSPECIFIED:
        return ""
    return size.name.removeprefix(SIZE_PREFIX).lower()
