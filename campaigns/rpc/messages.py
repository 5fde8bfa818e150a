"""Templates and rendered content as messages of ``pidgr.v1``: one function for each message."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from protobuf.wkt import Timestamp

from campaigns.models import TemplateVersion
from campaigns.rendering.contents import NewContent
from campaigns.services.templates import NewVariable
from ops_console.gen.pidgr.v1.common_pb import Message
from ops_console.gen.pidgr.v1.template_pb import Template, TemplateType, TemplateVariable, TemplateVariableSource


def template_message(version: TemplateVersion) -> Template:
    """One version; comes with its template."""
    template = version.template
    return Template(
        id=str(template.pk),
        name=template.name,
        title=template.title,
        type=TemplateType[template.type.upper()],
        body=version.body,
        variables=[
            TemplateVariable(**{**variable, "source": TemplateVariableSource[variable["source"].upper()]})
            for variable in version.variables
        ],
        version=version.version,
        created_at=Timestamp.from_datetime(template.created_at),
        updated_at=Timestamp.from_datetime(version.created_at),
    )


def rendered_message(content: NewContent, now: datetime) -> Message:
    """A message without campaign, sender and actions."""
    return Message(
        content_id=content.content_id,
        title=content.title,
        summary=content.summary,
        preview=content.preview,
        body=content.body,
        created_at=Timestamp.from_datetime(now),
    )


def type_from_wire(type: TemplateType) -> str:  # noqa: A002 - the field's own name
    """The stored form; "rich" for a type that is not stored."""
    return (TemplateType.MARKDOWN if type is TemplateType.UNSPECIFIED else type).name.lower()


def variables_from_wire(variables: Iterable[TemplateVariable]) -> list[NewVariable]:
    return [
        NewVariable(
            name=variable.name,
            description=variable.description,
            required=variable.required,
            source="profile" if variable.source is TemplateVariableSource.PROFILE else "custom",
            default_value=variable.default_value,
        )
        for variable in variables
    ]
