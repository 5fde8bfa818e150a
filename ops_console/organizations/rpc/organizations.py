"""OrganizationService."""

from __future__ import annotations

from ops_console.errors import FieldError
from ops_console.gen.pidgr.v1.organization_pb import (
    CreateOrganizationRequest,
    CreateOrganizationResponse,
    GetOrganizationRequest,
    GetOrganizationResponse,
    UpdateOrganizationRequest,
    UpdateOrganizationResponse,
    UpdateSsoAttributeMappingsRequest,
    UpdateSsoAttributeMappingsResponse,
)
from ops_console.organizations import services
from ops_console.organizations.models import Organization
from ops_console.organizations.rpc.messages import (
    company_size_from_wire,
    industry_from_wire,
    organization_message,
    user_message,
)
from ops_console.rpc.call import Call, Prepared, Services


def create_organization(request: CreateOrganizationRequest, call: Call) -> CreateOrganizationResponse:
    founded = services.create_organization(
        name=request.name,
        admin_email=request.admin_email,
        industry=industry_from_wire(request.industry),
        company_size=company_size_from_wire(request.company_size),
        actor=call.actor,
        now=call.now,
    )
    return CreateOrganizationResponse(
        organization=organization_message(founded.organization), admin_user=user_message(founded.admin)
    )


def get_organization(request: GetOrganizationRequest, call: Call) -> GetOrganizationResponse:
    organization = Organization.objects.visible_to(call.actor).get()
    return GetOrganizationResponse(organization=organization_message(organization))


def check_workflow(request: UpdateOrganizationRequest, call: Call) -> list[FieldError]:
    return services.default_workflow_faults(request.default_workflow, organization_id=call.actor.organization.pk)


def update_organization(
    request: UpdateOrganizationRequest, call: Call, workflow_faults: list[FieldError]
) -> UpdateOrganizationResponse:
    organization = services.update_organization(
        organization_id=call.actor.organization.pk,
        name=request.name,
        industry=industry_from_wire(request.industry),
        company_size=company_size_from_wire(request.company_size),
        default_workflow=request.default_workflow,
        workflow_faults=workflow_faults,
        actor=call.actor,
        now=call.now,
    )
    return UpdateOrganizationResponse(organization=organization_message(organization))


def update_sso_attribute_mappings(
    request: UpdateSsoAttributeMappingsRequest, call: Call
) -> UpdateSsoAttributeMappingsResponse:
    organization = services.update_sso_attribute_mappings(
        organization_id=call.actor.organization.pk,
        mappings=[
            services.AttributeMapping(mapping.idp_claim, mapping.profile_field)
            for mapping in request.sso_attribute_mappings
        ],
        actor=call.actor,
        now=call.now,
    )
    return UpdateSsoAttributeMappingsResponse(organization=organization_message(organization))


SERVICES: Services = {
    "OrganizationService": {
        "CreateOrganization": create_organization,
        "GetOrganization": get_organization,
        "UpdateOrganization": Prepared(check_workflow, update_organization),
        "UpdateSsoAttributeMappings": update_sso_attribute_mappings,
    },
}
