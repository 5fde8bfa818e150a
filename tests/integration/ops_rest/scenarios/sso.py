"""Identity providers: of their metadata and of the DNS, the fixtures ``idp`` and ``name_server`` tell."""

from __future__ import annotations

from ops_console.access.models import SsoProvider
from ops_console.organizations.models import Member, Organization
from ops_console.organizations.rights import FOUNDER_ROLE
from tests import factories, fixtures_sso, sso
from tests.integration.ops_rest.scenarios.registry import REASON, Request, lists, retrieves, scenario

lists("sso-providers", sso.provider)
retrieves("sso-providers", lambda of: sso.provider(of).pk)


@scenario("sso-providers", "create")
def create_provider(of: Organization) -> Request:
    domain = f"customer{next(factories.numbers)}.example"
    body = {"organization": str(of.pk), "domain": domain, "type": "saml", "metadataUrl": fixtures_sso.saml_url()}
    return Request("POST", "sso-providers", body)


@scenario("sso-providers", "update")
def update_provider(of: Organization) -> Request:
    founder = Member.objects.get(organization=of, role__slug=FOUNDER_ROLE)
    made = sso.provider(of, founder.person.email.partition("@")[2])
    return Request("PATCH", f"sso-providers/{made.pk}", {"breakGlass": str(founder.pk), **REASON})


@scenario("sso-providers", "prove")
def prove_provider(of: Organization) -> Request:
    made: SsoProvider = sso.provider(of)
    fixtures_sso.publish(made)
    return Request("POST", f"sso-providers/{made.pk}/prove", REASON)


@scenario("sso-providers", "read_again")
def read_provider_again(of: Organization) -> Request:
    made: SsoProvider = sso.provider(of)
    before = {"entity_id": "https://before.example", "redirect_url": "", "post_url": "", "certificates": []}
    SsoProvider.objects.filter(pk=made.pk).update(
        type="saml", metadata_url=fixtures_sso.saml_url(), metadata={**before, "valid_until": None}
    )
    return Request("POST", f"sso-providers/{made.pk}/read-again", REASON)


@scenario("sso-providers", "delete")
def delete_provider(of: Organization) -> Request:
    return Request("DELETE", f"sso-providers/{sso.provider(of).pk}")
