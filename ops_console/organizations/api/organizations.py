"""/api/v1/organizations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request

from ops_console.access.onboarding import open_customer
from ops_console.organizations import services
from ops_console.organizations.filters import OrganizationFilter
from ops_console.organizations.models import Organization
from ops_console.organizations.querysets import OrganizationQuerySet
from ops_console.organizations.serializers.organizations import (
    AttributeMappingsSerializer,
    NewOrganizationSerializer,
    OpenedOrganizationSerializer,
    OrganizationChangeSerializer,
    OrganizationDetailSerializer,
    OrganizationSerializer,
    RateSerializer,
)
from ops_console.rest.pagination import Orderings
from ops_console.rest.views import ResourceViewSet, answer

CUSTOMER = OpenApiExample(
    "A customer in Santa Fe",
    value={"name": "Roost & Co.", "adminEmail": "ann@roost.example", "account": "roost", "region": "US_SW"},
    request_only=True,
)


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListOrganizations",
        summary="List organizations",
        description="All tenants. `search` is any part of a name.",
    ),
)
class OrganizationViewSet(ListModelMixin, ResourceViewSet):
    resource = "organizations"
    orderings: ClassVar[Orderings] = {"-createdAt": ("-created_at", "-id"), "createdAt": ("created_at", "id")}
    policy_actions: ClassVar[Mapping[str, str]] = {
        "rate": "set_rate",
        "partial_update": "update",
        "sso_attribute_mappings": "update",
    }
    filterset_class = OrganizationFilter
    # Reads them all, which is bounded by the number of customers.
    search_fields = ("name__icontains",)
    serializer_class = OrganizationSerializer
    queryset = Organization.objects.all()

    def get_queryset(self) -> OrganizationQuerySet:
        rows: OrganizationQuerySet = super().get_queryset()
        return rows.for_list() if self.action == "list" else rows

    @extend_schema(
        operation_id="opsGetOrganization",
        summary="Read an organization",
        description="One tenant by its id.",
        responses=OrganizationDetailSerializer,
    )
    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        return shown(self.get_object())

    @extend_schema(
        operation_id="opsOpenOrganization",
        summary="Take in a customer",
        description="Opens an organization with its roles, first administrator, account, credential and webhook "
        "secret. A person with that e-mail address who is known already becomes its administrator as well.",
        request=NewOrganizationSerializer,
        responses={201: OpenedOrganizationSerializer},
        examples=[CUSTOMER],
    )
    def create(self, request: Request) -> HttpResponse:
        parsed = NewOrganizationSerializer(data=request.data).parsed()
        customer = open_customer(
            name=parsed["name"],
            admin_email=parsed["admin_email"],
            username=parsed["account"],
            region=parsed["region"],
            actor=self.actor,
            now=self.now,
        )
        shown: dict[str, Any] = {
            "organization": customer.admin.organization_id,
            "admin": {"id": customer.admin.pk, "email": customer.admin.person.email},
            "account": customer.account.account.username,
            "authId": customer.account.auth_id,
        }
        secrets = {"authKey": customer.account.auth_key, "webhookSecret": customer.webhook_secret}
        location = f"/api/v1/organizations/{customer.admin.organization_id}"
        return answer(
            shown | secrets, status=201, headers={"Location": location}, kept=shown | dict.fromkeys(secrets, None)
        )

    @extend_schema(
        operation_id="opsUpdateOrganization",
        summary="Change an organization",
        description="What is left out stays.",
        request=OrganizationChangeSerializer,
        responses=OrganizationDetailSerializer,
    )
    def partial_update(self, request: Request, pk: str) -> HttpResponse:
        return self._do(services.update_organization, **OrganizationChangeSerializer(data=request.data).parsed())

    @extend_schema(
        operation_id="opsSetSsoAttributeMappings",
        summary="Replace the mappings of claims to profiles",
        description="Which claims of the identity provider fill which fields of members' profiles.",
        request=AttributeMappingsSerializer,
        responses=OrganizationDetailSerializer,
    )
    @action(detail=True, methods=["put"], url_path="sso-attribute-mappings")
    def sso_attribute_mappings(self, request: Request, pk: str) -> HttpResponse:
        parsed = AttributeMappingsSerializer(data=request.data).parsed()
        mappings = [services.AttributeMapping(**mapping) for mapping in parsed.pop("sso_attribute_mappings")]
        return self._do(services.update_sso_attribute_mappings, mappings=mappings, **parsed)

    @extend_schema(
        operation_id="opsSetRate",
        summary="Set a request rate",
        description="Sets how many requests a second, and how many at once, the organization may make.",
        request=RateSerializer,
        responses=OrganizationDetailSerializer,
    )
    @action(detail=True, methods=["post"])
    def rate(self, request: Request, pk: str) -> HttpResponse:
        return self._do(services.set_rate, **RateSerializer(data=request.data).parsed())

    def _do(self, service: Callable[..., Organization], **given: Any) -> HttpResponse:
        organization_id = self.get_object().pk
        return shown(service(organization_id=organization_id, actor=self.actor, now=self.now, **given))


def shown(organization: Organization) -> HttpResponse:
    return answer(OrganizationDetailSerializer(organization).data)
