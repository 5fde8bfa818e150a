"""Everything that writes organizations, their members, roles, teams and groups."""

from __future__ import annotations

from ops_console.organizations.services.founding import Founded, create_organization
from ops_console.organizations.services.organizations import (
    AttributeMapping,
    default_workflow_faults,
    set_rate,
    update_organization,
    update_sso_attribute_mappings,
)

__all__ = [
    "AttributeMapping",
    "Founded",
    "create_organization",
    "default_workflow_faults",
    "set_rate",
    "update_organization",
    "update_sso_attribute_mappings",
]
