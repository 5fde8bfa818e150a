"""/api/v1/credentials."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request

from ops_console.access import services
from ops_console.access.filters import CredentialFilter
from ops_console.access.models import AccountCredential
from ops_console.access.serializers.credentials import (
    CredentialSerializer,
    IssuedCredentialSerializer,
    NewCredentialSerializer,
)
from ops_console.errors import NotFound
from ops_console.ledger.models import Account
from ops_console.rest.pagination import Orderings
from ops_console.rest.references import referred_to_by
from ops_console.rest.serializers import ReasonSerializer
from ops_console.rest.views import ResourceViewSet, answer


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListCredentials",
        summary="List credentials",
        description="The Auth IDs of accounts, revoked ones too. `search` is the beginning of an Auth ID.",
    ),
)
class CredentialViewSet(ListModelMixin, ResourceViewSet):
    resource = "credentials"
    # Ids grow with time.
    orderings: ClassVar[Orderings] = {"-createdAt": ("-id",), "createdAt": ("id",)}
    filterset_class = CredentialFilter
    search_fields = ("auth_id__startswith",)
    serializer_class = CredentialSerializer
    queryset = AccountCredential.objects.for_list()

    @extend_schema(
        operation_id="opsCreateCredential",
        summary="Make a credential",
        description="Gives an account a further Auth ID with its Auth Key, which this answer shows once.",
        request=NewCredentialSerializer,
        responses={201: IssuedCredentialSerializer},
    )
    def create(self, request: Request) -> HttpResponse:
        parsed = NewCredentialSerializer(data=request.data).parsed()
        with referred_to_by("account"):
            new = services.create_account_credential(
                account_id=_account_id(parsed["account"]),
                label=parsed.get("label", ""),
                actor=self.actor,
                now=self.now,
            )
        shown: dict[str, Any] = dict(self.get_serializer(new.credential).data)
        return answer(shown | {"authKey": new.auth_key}, status=201, kept=shown | {"authKey": None})

    @extend_schema(
        operation_id="opsRevokeCredential",
        summary="Revoke a credential",
        description="Refuses it from its next request on.",
        request=ReasonSerializer,
        responses=CredentialSerializer,
    )
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> HttpResponse:
        revoked = services.revoke_credential(
            credential_id=self.get_object().pk,
            actor=self.actor,
            now=self.now,
            **ReasonSerializer(data=request.data).parsed(),
        )
        return answer(self.get_serializer(revoked).data)


def _account_id(username: str) -> UUID:
    account_id = Account.objects.filter(username=username).values_list("pk", flat=True).first()
    if account_id is None:
        raise NotFound("There is no such account.")
    return account_id
