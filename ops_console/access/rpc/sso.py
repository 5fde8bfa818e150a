"""SSOService. What the domain's TXT record must hold is no field of the contract: /api/v1 and the console show it."""

from __future__ import annotations

from uuid import UUID

from protobuf.wkt import Timestamp

from ops_console.access.models import SsoProvider, SsoProviderType
from ops_console.access.services import sso_providers
from ops_console.access.services.sso_providers import AttributeMapping, NewProvider, ReadProvider
from ops_console.gen.pidgr.v1 import sso_pb as pb
from ops_console.rpc.call import Call, Prepared, Services

TYPES = {pb.SSOProviderType.SAML: SsoProviderType.SAML, pb.SSOProviderType.OIDC: SsoProviderType.OIDC}
TYPES_ON_THE_WIRE = {ours: wire for wire, ours in TYPES.items()}


def check_sso_by_domain(request: pb.CheckSSOByDomainRequest, call: Call) -> pb.CheckSSOByDomainResponse:
    found = sso_providers.check_by_domain(email=request.email, actor=call.actor)
    return pb.CheckSSOByDomainResponse(sso_enabled=found.is_enabled, provider_name=found.provider_name)


def read_sso_provider(request: pb.CreateSSOProviderRequest, call: Call) -> ReadProvider:
    wanted = NewProvider(
        domain=request.domain,
        type=TYPES[request.type],
        metadata_url=request.metadata_url,
        client_id=request.client_id,
        client_secret=request.client_secret,
        attribute_mapping=_mapping(request.attribute_mapping),
    )
    return sso_providers.read_provider(wanted=wanted, actor=call.actor, now=call.now)


def save_sso_provider(
    request: pb.CreateSSOProviderRequest, call: Call, read: ReadProvider
) -> pb.CreateSSOProviderResponse:
    provider = sso_providers.save_provider(read=read, actor=call.actor, now=call.now)
    return pb.CreateSSOProviderResponse(provider=_message(provider))


def get_sso_provider(request: pb.GetSSOProviderRequest, call: Call) -> pb.GetSSOProviderResponse:
    return pb.GetSSOProviderResponse(provider=_message(sso_providers.get_provider(actor=call.actor)))


def delete_sso_provider(request: pb.DeleteSSOProviderRequest, call: Call) -> pb.DeleteSSOProviderResponse:
    sso_providers.delete_provider(provider_id=UUID(request.provider_id), actor=call.actor, now=call.now)
    return pb.DeleteSSOProviderResponse()


def _message(provider: SsoProvider) -> pb.SSOProvider:
    return pb.SSOProvider(
        id=str(provider.pk),
        domain=provider.domain,
        type=TYPES_ON_THE_WIRE[SsoProviderType(provider.type)],
        metadata_url=provider.metadata_url,
        idp_provider_name=provider.idp_provider_name,
        created_at=Timestamp.from_datetime(provider.created_at),
        updated_at=Timestamp.from_datetime(provider.updated_at),
        attribute_mapping=pb.SSOAttributeMapping(**provider.attribute_mapping),
    )


def _mapping(given: pb.SSOAttributeMapping | None) -> AttributeMapping:
    if given is None:
        return AttributeMapping()
    return AttributeMapping(given.email, given.given_name, given.family_name)


SERVICES: Services = {
    "SSOService": {
        "CheckSSOByDomain": check_sso_by_domain,
        "CreateSSOProvider": Prepared(read_sso_provider, save_sso_provider),
        "GetSSOProvider": get_sso_provider,
        "DeleteSSOProvider": delete_sso_provider,
    },
}
