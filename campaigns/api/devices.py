"""/api/v1/devices and push-credentials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request

from campaigns.filters import DeviceFilter, PushCredentialFilter
from campaigns.models import Device, PushCredential
from campaigns.serializers.devices import (
    DeviceSerializer,
    NewPushCredentialSerializer,
    PushCredentialSerializer,
    VapidKeySerializer,
)
from campaigns.services import push_credentials
from ops_console.rest.pagination import Orderings
from ops_console.rest.views import ResourceView, ResourceViewSet, answer

FCM = OpenApiExample(
    "Firebase Cloud Messaging: a service account's file",
    value={
        "provider": "fcm",
        "secret": {
            "project_id": "loft-42",
            "client_email": "pusher@loft-42.iam.gserviceaccount.com",
            "private_key_id": "...",
            "private_key": "-----BEGIN PRIVATE KEY-----...",
        },
    },
    request_only=True,
)
APNS = OpenApiExample(
    "Apple: a signing key",
    value={
        "provider": "apns",
        "secret": {
            "team_id": "TEAM123456",
            "key_id": "KEY1234567",
            "topic": "com.example.loft",
            "private_key": "-----BEGIN PRIVATE KEY-----...",
            "sandbox": False,
        },
    },
    request_only=True,
)
WEBPUSH = OpenApiExample(
    "Browsers: a VAPID key",
    value={"provider": "webpush", "secret": {"subject": "mailto:loft@example.com", "private_key": "..."}},
    request_only=True,
)


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListDevices",
        summary="List devices",
        description="What members registered to be pushed to, ended ones too; never their tokens.",
    ),
    retrieve=extend_schema(
        operation_id="opsGetDevice", summary="Read a device", description="By its id here, which no client knows."
    ),
)
class DeviceViewSet(ListModelMixin, RetrieveModelMixin, ResourceViewSet):
    resource = "devices"
    # Ids grow with time.
    orderings: ClassVar[Orderings] = {"-createdAt": ("-id",), "createdAt": ("id",)}
    filterset_class = DeviceFilter
    serializer_class = DeviceSerializer
    queryset = Device.objects.for_list()


class VapidKeyView(ResourceView):
    resource = "devices"
    policy_actions: ClassVar[Mapping[str, str]] = {"retrieve": "own"}

    @extend_schema(
        operation_id="opsGetVapidKey",
        summary="Read the key that browsers subscribe with",
        description="The public key of the caller's organization for Web Push. For people in an organization: a "
        "browser gives it to `PushManager.subscribe`, and registers its subscription over RPC.",
        responses=VapidKeySerializer,
    )
    def retrieve(self, request: Request) -> HttpResponse:
        return answer(VapidKeySerializer({"public_key": push_credentials.vapid_key(actor=self.actor)}).data)


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListPushCredentials",
        summary="List push credentials",
        description="What push providers know organizations by: one each, without its secret.",
    ),
    retrieve=extend_schema(
        operation_id="opsGetPushCredential", summary="Read a push credential", description="Without its secret."
    ),
)
class PushCredentialViewSet(ListModelMixin, RetrieveModelMixin, ResourceViewSet):
    resource = "push-credentials"
    # Ids grow with time.
    orderings: ClassVar[Orderings] = {"-createdAt": ("-id",), "createdAt": ("id",)}
    policy_actions: ClassVar[Mapping[str, str]] = {"destroy": "delete"}
    filterset_class = PushCredentialFilter
    serializer_class = PushCredentialSerializer
    queryset = PushCredential.objects.for_list()

    @extend_schema(
        operation_id="opsSetPushCredential",
        summary="Set a push credential",
        description="In place of the one the organization had for the provider. The secret is kept encrypted and shown "
        "to nobody again. Of Google's file and Apple's key the members below count; `sandbox` is Apple's development "
        "environment. Browsers subscribe with the public key, which is the label.",
        request=NewPushCredentialSerializer,
        responses={201: PushCredentialSerializer},
        examples=[FCM, APNS, WEBPUSH],
    )
    def create(self, request: Request) -> HttpResponse:
        parsed = NewPushCredentialSerializer(data=request.data).parsed()
        made = push_credentials.set_credentials(
            organization_id=parsed.get("organization"),
            provider=parsed["provider"],
            secret=parsed["secret"],
            actor=self.actor,
            now=self.now,
        )
        location = f"/api/v1/push-credentials/{made.pk}"
        return answer(self.get_serializer(made).data, status=201, headers={"Location": location})

    @extend_schema(
        operation_id="opsDeletePushCredential",
        summary="Delete a push credential",
        description="Nothing is handed to the provider for the organization any more.",
        responses={204: None},
    )
    def destroy(self, request: Request, pk: str) -> HttpResponse:
        push_credentials.delete_credentials(credential_id=self.get_object().pk, actor=self.actor, now=self.now)
        return answer(status=204)
