"""/api/v1/api-keys and service-keys."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request

from ops_console.access import services
from ops_console.access.filters import ApiKeyFilter, ServiceKeyFilter
from ops_console.access.models import ApiKey, ServiceKey
from ops_console.access.serializers.keys import (
    ApiKeySerializer,
    IssuedApiKeySerializer,
    IssuedServiceKeySerializer,
    NewApiKeySerializer,
    NewServiceKeySerializer,
    ServiceKeySerializer,
)
from ops_console.rest.pagination import Orderings
from ops_console.rest.serializers import ReasonSerializer
from ops_console.rest.views import ResourceViewSet, answer

# Ids grow with time.
BY_AGE: Orderings = {"-createdAt": ("-id",), "createdAt": ("id",)}
TILL = OpenApiExample(
    "A key that reads", value={"name": "till", "permissions": ["ORG_READ", "CAMPAIGNS_READ"]}, request_only=True
)
BILLER = OpenApiExample(
    "A key that opens organizations", value={"name": "biller", "scope": "organizations"}, request_only=True
)


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListApiKeys",
        summary="List API keys",
        description="Keys of organizations, revoked ones too. `search` is the beginning of a key.",
    ),
    retrieve=extend_schema(operation_id="opsGetApiKey", summary="Read an API key", description="One key by its id."),
)
class ApiKeyViewSet(ListModelMixin, RetrieveModelMixin, ResourceViewSet):
    resource = "api-keys"
    orderings: ClassVar[Orderings] = BY_AGE
    filterset_class = ApiKeyFilter
    search_fields = ("key_prefix__startswith",)
    serializer_class = ApiKeySerializer
    queryset = ApiKey.objects.for_list()

    @extend_schema(
        operation_id="opsCreateApiKey",
        summary="Make an API key",
        description="Gives the organization a key that acts as its maker, which this answer shows once. For members "
        "and keys; staff use `manage.py createapikey`.",
        request=NewApiKeySerializer,
        responses={201: IssuedApiKeySerializer},
        examples=[TILL],
    )
    def create(self, request: Request) -> HttpResponse:
        parsed = NewApiKeySerializer(data=request.data).parsed()
        new = services.create_api_key(actor=self.actor, now=self.now, **parsed)
        shown = self.get_serializer(self.get_queryset().get(pk=new.api_key.pk)).data
        return _issued(shown, new.text, f"/api/v1/api-keys/{new.api_key.pk}")

    @extend_schema(
        operation_id="opsRevokeApiKey",
        summary="Revoke an API key",
        description="Refuses it from its next request on.",
        request=ReasonSerializer,
        responses=ApiKeySerializer,
    )
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> HttpResponse:
        revoked = services.revoke_api_key(
            api_key_id=self.get_object().pk,
            actor=self.actor,
            now=self.now,
            **ReasonSerializer(data=request.data).parsed(),
        )
        return answer(self.get_serializer(revoked).data)


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListServiceKeys",
        summary="List the keys of services",
        description="Keys of programs beside this one, revoked ones too. `search` is the beginning of a key.",
    ),
)
class ServiceKeyViewSet(ListModelMixin, ResourceViewSet):
    resource = "service-keys"
    orderings: ClassVar[Orderings] = BY_AGE
    filterset_class = ServiceKeyFilter
    search_fields = ("key_prefix__startswith",)
    serializer_class = ServiceKeySerializer
    queryset = ServiceKey.objects.for_list()

    @extend_schema(
        operation_id="opsCreateServiceKey",
        summary="Make a service's key",
        description="Makes a key that may do what its scope names, in no organization; this answer shows it once.",
        request=NewServiceKeySerializer,
        responses={201: IssuedServiceKeySerializer},
        examples=[BILLER],
    )
    def create(self, request: Request) -> HttpResponse:
        parsed = NewServiceKeySerializer(data=request.data).parsed()
        new = services.create_service_key(actor=self.actor, now=self.now, **parsed)
        return _issued(self.get_serializer(new.service_key).data, new.text)

    @extend_schema(
        operation_id="opsRevokeServiceKey",
        summary="Revoke a service's key",
        description="Refuses it from its next request on.",
        request=ReasonSerializer,
        responses=ServiceKeySerializer,
    )
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> HttpResponse:
        revoked = services.revoke_service_key(
            service_key_id=self.get_object().pk,
            actor=self.actor,
            now=self.now,
            **ReasonSerializer(data=request.data).parsed(),
        )
        return answer(self.get_serializer(revoked).data)


def _issued(data: Any, text: str, location: str = "") -> HttpResponse:
    headers = {"Location": location} if location else {}
    shown: dict[str, Any] = dict(data)
    return answer({**shown, "key": text}, status=201, headers=headers, kept={**shown, "key": None})
