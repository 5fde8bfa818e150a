"""TemplateService."""

from __future__ import annotations

from uuid import UUID

from campaigns.models import TemplateVersion
from campaigns.rpc.messages import template_message, type_from_wire, variables_from_wire
from campaigns.services import templates
from ops_console.gen.pidgr.v1 import template_pb as pb
from ops_console.rpc.call import Call, Services
from ops_console.rpc.pages import page


def create_template(request: pb.CreateTemplateRequest, call: Call) -> pb.CreateTemplateResponse:
    made = templates.create_template(
        name=request.name,
        title=request.title,
        body=request.body,
        type=type_from_wire(request.type),
        variables=variables_from_wire(request.variables),
        actor=call.actor,
        now=call.now,
    )
    return pb.CreateTemplateResponse(template=template_message(made))


def update_template(request: pb.UpdateTemplateRequest, call: Call) -> pb.UpdateTemplateResponse:
    changed = templates.update_template(
        template_id=UUID(request.template_id),
        body=request.body or None,
        variables=variables_from_wire(request.variables) or None,
        actor=call.actor,
        now=call.now,
    )
    return pb.UpdateTemplateResponse(template=template_message(changed))


def get_template(request: pb.GetTemplateRequest, call: Call) -> pb.GetTemplateResponse:
    found = templates.get_template(template_id=UUID(request.template_id), version=request.version, actor=call.actor)
    return pb.GetTemplateResponse(template=template_message(found))


def list_templates(request: pb.ListTemplatesRequest, call: Call) -> pb.ListTemplatesResponse:
    wanted = None if request.type is pb.TemplateType.UNSPECIFIED else type_from_wire(request.type)
    rows = templates.list_templates(actor=call.actor, type=wanted)
    found = page(rows, request.pagination, call, total=rows.count, order=("template_id",), weigh=weight)
    return pb.ListTemplatesResponse(templates=list(map(template_message, found.rows)), pagination=found.meta)


def weight(version: TemplateVersion) -> int:
    """The bytes it takes of an answer."""
    return len(template_message(version).to_binary())


SERVICES: Services = {
    "TemplateService": {
        "CreateTemplate": create_template,
        "UpdateTemplate": update_template,
        "GetTemplate": get_template,
        "ListTemplates": list_templates,
    }
}
