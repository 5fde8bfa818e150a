"""/api/v1/organizations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request

from ops_console.access.onboarding import open_customer
from ops_console.organizations import services
from ops_console.organizations.filters import OrganizationFilter
from ops_console.organizations.models import Organization
from ops_console.organizations.serializers.organizations import (
    NewOrganizationSerializer,
    OpenedOrganizationSerializer,
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
    retrieve=extend_schema(
        operation_id="opsGetOrganization", summary="Read an organization", description="One tenant by its id."
    ),
)
class OrganizationViewSet(ListModelMixin, RetrieveModelMixin, ResourceViewSet):
    resource = "organizations"
    orderings: ClassVar[Orderings] = {"-createdAt": ("-created_at", "-id"), "createdAt": ("created_at", "id")}
    policy_actions: ClassVar[Mapping[str, str]] = {"rate": "set_rate"}
    filterset_class = OrganizationFilter
    # Reads them all, which is bounded by the number of customers.
    search_fields = ("name__icontains",)
    serializer_class = OrganizationSerializer
    queryset = Organization.objects.all()

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
        operation_id="opsSetRate",
        summary="Set a request rate",
        description="Sets how many requests a second, and how many at once, the organization may make.",
        request=RateSerializer,
        responses=OrganizationSerializer,
    )
    @action(detail=True, methods=["post"])
    def rate(self, request: Request, pk: str) -> HttpResponse:
        changed = services.set_rate(
            organization_id=self.get_object().pk,
            actor=self.actor,
            now=self.now,
            **RateSerializer(data=request.data).parsed(),
        )
        return answer(OrganizationSerializer(changed).data)
