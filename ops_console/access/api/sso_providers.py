"""/api/v1/sso-providers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request

from ops_console.access.filters import SsoProviderFilter
from ops_console.access.models import SsoProvider
from ops_console.access.serializers.sso_providers import (
    NewSsoProviderSerializer,
    ProvingSerializer,
    SsoProviderChangeSerializer,
    SsoProviderSerializer,
)
from ops_console.access.services import sso_metadata, sso_proofs, sso_providers
from ops_console.access.services.sso_metadata import ReadAgain
from ops_console.access.services.sso_proofs import Asked
from ops_console.access.services.sso_providers import AttributeMapping, Change, NewProvider, ReadProvider
from ops_console.rest.pagination import Orderings
from ops_console.rest.views import ResourceViewSet, answer

SAML = OpenApiExample(
    "SAML",
    value={"domain": "acme.example", "type": "saml", "metadataUrl": "https://idp.acme.example/saml/metadata"},
    request_only=True,
)
OIDC = OpenApiExample(
    "OpenID Connect",
    value={
        "domain": "acme.example",
        "type": "oidc",
        "metadataUrl": "https://login.acme.example/.well-known/openid-configuration",
        "clientId": "pigeon",
        "clientSecret": "...",
    },
    request_only=True,
)


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListSsoProviders",
        summary="List identity providers",
        description="An organization has at most one. `search` is the beginning of a domain.",
    ),
    retrieve=extend_schema(
        operation_id="opsGetSsoProvider",
        summary="Read an identity provider",
        description="With what is to be put into the DNS of its domain, and what came of looking for it.",
    ),
)
class SsoProviderViewSet(ListModelMixin, RetrieveModelMixin, ResourceViewSet):
    resource = "sso-providers"
    # Ids grow with time.
    orderings: ClassVar[Orderings] = {"-createdAt": ("-id",), "createdAt": ("id",)}
    policy_actions: ClassVar[Mapping[str, str]] = {"partial_update": "update", "destroy": "delete"}
    filterset_class = SsoProviderFilter
    search_fields = ("domain__startswith",)
    serializer_class = SsoProviderSerializer
    queryset = SsoProvider.objects.for_list()
    # What others' servers said, and what was given for it to be written down.
    read: ReadProvider
    asked: Asked
    again: ReadAgain
    given: Mapping[str, Any]

    def prepare(self) -> None:
        if self.action == "create":
            given = NewSsoProviderSerializer(data=self.request.data).parsed()
            organization_id = given.pop("organization", None)
            self.read = sso_providers.read_provider(
                organization_id=organization_id, wanted=_wanted(given), actor=self.actor, now=self.now
            )
        elif self.action == "prove":
            provider = self.get_object()
            self.given = ProvingSerializer(data=self.request.data).parsed()
            self.asked = sso_proofs.ask_now(provider_id=provider.pk, actor=self.actor, now=self.now)
        elif self.action == "read_again":
            provider = self.get_object()
            self.given = ProvingSerializer(data=self.request.data).parsed()
            self.again = sso_metadata.read_again(provider_id=provider.pk, actor=self.actor, now=self.now)

    @extend_schema(
        operation_id="opsCreateSsoProvider",
        summary="Set up an identity provider",
        description="Reads and checks its metadata, which takes seconds. It counts once the domain is proved: put "
        "`dnsRecord` into the DNS; it is looked for by itself from then on.",
        request=NewSsoProviderSerializer,
        responses={201: SsoProviderSerializer},
        examples=[SAML, OIDC],
    )
    def create(self, request: Request) -> HttpResponse:
        made = sso_providers.save_provider(read=self.read, actor=self.actor, now=self.now)
        location = f"/api/v1/sso-providers/{made.pk}"
        return answer(self.get_serializer(made).data, status=201, headers={"Location": location})

    @extend_schema(
        operation_id="opsProveSsoProvider",
        summary="Look for the proof of its domain now",
        description="Asks the DNS, at most once in ten seconds, and answers with what came of it.",
        request=ProvingSerializer,
        responses=SsoProviderSerializer,
    )
    @action(detail=True, methods=["post"])
    def prove(self, request: Request, pk: str) -> HttpResponse:
        proved = sso_proofs.write_down(asked=self.asked, actor=self.actor, now=self.now, **self.given)
        return answer(self.get_serializer(proved).data)

    @extend_schema(
        operation_id="opsReadSsoProviderAgain",
        summary="Read its metadata again",
        description="For a SAML provider that has other keys or addresses by now. What cannot be read, or is unfit, "
        "changes nothing; the domain's proof and the sessions stay.",
        request=ProvingSerializer,
        responses=SsoProviderSerializer,
    )
    @action(detail=True, methods=["post"], url_path="read-again")
    def read_again(self, request: Request, pk: str) -> HttpResponse:
        kept = sso_metadata.keep(again=self.again, actor=self.actor, now=self.now, **self.given)
        return answer(self.get_serializer(kept).data)

    @extend_schema(
        operation_id="opsUpdateSsoProvider",
        summary="Change an identity provider",
        description="Whether it may send people who did not begin here (SAML), and which super_admin may sign in "
        "without it. What is left out stays.",
        request=SsoProviderChangeSerializer,
        responses=SsoProviderSerializer,
    )
    def partial_update(self, request: Request, pk: str) -> HttpResponse:
        provider = self.get_object()
        given = SsoProviderChangeSerializer(data=request.data).parsed()
        reason = given.pop("reason", "")
        changed = sso_providers.update_provider(
            provider_id=provider.pk, change=Change(**given), actor=self.actor, now=self.now, reason=reason
        )
        return answer(self.get_serializer(changed).data)

    @extend_schema(
        operation_id="opsDeleteSsoProvider",
        summary="Delete an identity provider",
        description="Its domain signs in by code and passkey again, and may be claimed by others.",
        responses={204: None},
    )
    def destroy(self, request: Request, pk: str) -> HttpResponse:
        sso_providers.delete_provider(provider_id=self.get_object().pk, actor=self.actor, now=self.now)
        return answer(status=204)


def _wanted(parsed: Mapping[str, Any]) -> NewProvider:
    mapping = AttributeMapping(**parsed.get("attribute_mapping", {}))
    return NewProvider(**{**parsed, "attribute_mapping": mapping})
