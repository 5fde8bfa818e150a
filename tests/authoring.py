"""Templates, made as the service makes them."""

from __future__ import annotations

from typing import Any

from campaigns.models import TemplateVersion
from campaigns.services.templates import NewVariable, create_template
from ops_console.organizations.models import Member, Organization
from tests import tenants
from tests.factories import COMMAND, NOW, numbers

BODY = "Dear **{{first_name}}**,\n\nyou fly on {{day}}."
FIRST_NAME = NewVariable("first_name", source="profile", default_value="colleague")
DAY = NewVariable("day", description="Of the week", required=True)


def template(of: Organization, **given: Any) -> TemplateVersion:
    """Of Markdown, with a PROFILE variable that has a default and a CUSTOM one that is required."""
    wanted: dict[str, Any] = {
        "name": f"Shift {next(numbers)}",
        "title": "Your {{day}}",
        "body": BODY,
        "variables": [FIRST_NAME, DAY],
        **given,
    }
    return create_template(organization_id=of.pk, actor=COMMAND, now=NOW, **wanted)


def known_member(of: Organization, **profile: Any) -> Member:
    """Somebody of whom the organization knows this."""
    member = tenants.member(of)
    member.profile = profile
    member.save(update_fields=["profile"])
    return member
