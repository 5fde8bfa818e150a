"""Identity providers of organizations in the console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ops_console.access.models import ProofAnswer, SsoProvider, SsoProviderType
from ops_console.access.services import sso_metadata, sso_proofs, sso_providers, sso_rules
from ops_console.access.services.sso_providers import AttributeMapping, Change, NewProvider
from ops_console.access.sso import dns_proof, endpoints, metadata
from ops_console.console import display, forms
from ops_console.console.actions import Call, Report, Scope, ServiceAction, each
from ops_console.console.base import ConsoleAdmin
from ops_console.console.registry import Part, extend
from ops_console.errors import InvalidInput
from ops_console.organizations.addresses import normal_email
from ops_console.organizations.admin.references import named_organization
from ops_console.organizations.models import Member, Organization

RESOURCE = "sso-providers"
IDP_INITIATED = [("", "Stay as they are"), ("yes", "Let people in"), ("no", "Are refused")]


class ChangeForm(forms.OptionalReasonForm):
    idp_initiated = forms.choice("Sign-ins begun there", IDP_INITIATED, required=False)
    break_glass = forms.line("Break-glass super_admin", required=False, help_text="E-mail address; empty stays.")


class ProviderForm(forms.ConsoleForm):
    organization = forms.line("Organization", help_text="Its id, or its exact name.")
    domain = forms.line("Domain", max_length=253, help_text="Of the addresses that will sign in, such as acme.example.")
    type = forms.choice("Type", SsoProviderType.choices)
    metadata_url = forms.line(
        "Metadata address", max_length=2048, help_text="HTTPS: of the SAML metadata, or of the discovery document."
    )
    client_id = forms.line("Client id", required=False, max_length=500, help_text="OpenID Connect only.")
    client_secret = forms.secret("Client secret", required=False, max_length=500, help_text="Never shown again.")
    email = forms.line(
        "E-mail attribute", required=False, max_length=500, help_text="If the provider has its own name."
    )
    given_name = forms.line("Given name attribute", required=False, max_length=500)
    family_name = forms.line("Family name attribute", required=False, max_length=500)


def create(call: Call) -> Report:
    given = dict(call.given)
    organization = named_organization(given.pop("organization"))
    mapping = AttributeMapping(*(given.pop(name) for name in ("email", "given_name", "family_name")))
    made = sso_providers.create_provider(
        wanted=NewProvider(**given, attribute_mapping=mapping),
        organization_id=organization.pk,
        actor=call.actor,
        now=call.now,
    )
    return Report(text=f"{made.domain} waits for its DNS record.", url=display.url_of(made))


def prove(call: Call) -> Report:
    asked = sso_proofs.prove(provider_id=call.target.pk, actor=call.actor, now=call.now, **call.given)
    said = f"The DNS of {asked.domain} was asked: {ProofAnswer(asked.answer).label.lower()}."
    return Report(text=f"{said} The domain is {state_of(asked)}.")


def read_again(call: Call) -> Report:
    again = sso_metadata.read_again(provider_id=call.target.pk, actor=call.actor, now=call.now)
    kept = sso_metadata.keep(again=again, actor=call.actor, now=call.now, **call.given)
    return Report(text=f"The metadata of {kept.domain} was read.")


def change(call: Call) -> Report:
    initiated, email = call.given["idp_initiated"], normal_email(call.given["break_glass"])
    wanted: dict[str, Any] = {"allows_idp_initiated": initiated == "yes"} if initiated else {}
    if email:
        found = Member.objects.filter(organization=call.target.organization_id, person__email=email).first()
        if found is None:
            raise InvalidInput.field("break_glass", message="The organization has no such member.", code="unknown")
        wanted["break_glass"] = found.pk
    sso_providers.update_provider(
        provider_id=call.target.pk,
        change=Change(**wanted),
        actor=call.actor,
        now=call.now,
        reason=call.given["reason"],
    )
    return Report(text=f"{call.target.domain} was changed.")


def delete(call: Call) -> Report:
    report = each(
        call,
        lambda provider: sso_providers.delete_provider(
            provider_id=provider.pk, actor=call.actor, now=call.now, **call.given
        ),
    )
    # The page it was done on may be gone with it.
    return report if report.refused else replace(report, url=display.list_url(SsoProvider))


def preview_deletion(call: Call) -> Sequence[str]:
    domains = ", ".join(provider.domain for provider in call.objects if provider.is_proved)
    then = f"Addresses of {domains} sign in by code and passkey again." if domains else "Nobody signs in through them."
    signed_out = "Who signed in through them is signed out."
    return (then, signed_out, "The domain may be claimed by others, and to claim it again takes a new DNS record.")


CREATE = ServiceAction(
    name="create",
    label="Set up identity provider",
    resource=RESOURCE,
    right="create",
    run=create,
    preview=lambda call: ("Its metadata is read and checked now.", "It counts once its domain is proved by DNS."),
    scope=Scope.NEW,
    form=ProviderForm,
    icon="add",
    calls_out=True,
)
PROVE = ServiceAction(
    name="prove",
    label="Prove now",
    resource=RESOURCE,
    right="prove",
    run=prove,
    preview=lambda call: (f"The DNS is asked for the TXT record of {dns_proof.record_name(call.target.domain)}.",),
    scope=Scope.ONE,
    form=forms.OptionalReasonForm,
    icon="domain_verification",
    calls_out=True,
)
READ_AGAIN = ServiceAction(
    name="read_again",
    label="Read metadata again",
    resource=RESOURCE,
    right="read_again",
    run=read_again,
    preview=lambda call: ("Its people sign in by what is read now. Its proof and the sessions stay.",),
    scope=Scope.ONE,
    form=forms.OptionalReasonForm,
    icon="sync",
    calls_out=True,
)
CHANGE = ServiceAction(
    name="change",
    label="Change",
    resource=RESOURCE,
    right="update",
    run=change,
    preview=lambda call: ("Who breaks the glass signs in by code or passkey while the provider is in force.",),
    scope=Scope.ONE,
    form=ChangeForm,
    icon="tune",
)
DELETE = ServiceAction(
    name="delete",
    label="Delete",
    resource=RESOURCE,
    right="delete",
    run=delete,
    preview=preview_deletion,
    form=forms.OptionalReasonForm,
    done="deleted",
    icon="delete",
    is_dangerous=True,
)


def state_of(provider: SsoProvider) -> str:
    return "proved" if provider.is_proved else "pending"


def record(provider: SsoProvider) -> dict[str, Any]:
    """What has to be put into the DNS."""
    names = (dns_proof.record_name(provider.domain), provider.domain)
    return display.table(
        "DNS record",
        ("Name", "Type", "Value"),
        [(name, "TXT", provider.proof) for name in names],
        empty="",
        note="Either of the two proves the domain. It has to stay: it is looked for every day.",
    )


def our_urls(provider: SsoProvider) -> dict[str, Any]:
    """What has to be entered at the provider."""
    labels = {"redirect_uri": "Redirect URI", "acs_url": "ACS URL", "entity_id": "Entity id, audience, metadata"}
    told = endpoints.told(provider.idp_provider_name)
    rows = [(labels[name], url) for name, url in told.items() if url]
    return display.table("To be entered at the provider", ("Name", "Value"), rows, empty="")


def certificates(provider: SsoProvider) -> dict[str, Any]:
    now = timezone.now()
    return display.table(
        "Certificates the provider signs by",
        ("SHA-256", "From", "Until", "Status"),
        [
            (found["fingerprint"], found["not_before"], found["not_after"], _validity(found["not_after"], now))
            for found in metadata.summary(provider).certificates
        ],
        empty="An OpenID provider publishes its keys at an address of its own.",
    )


def _validity(until: str, now: datetime) -> SafeString:
    return display.badge("ok", "valid") if datetime.fromisoformat(until) > now else display.badge("failed", "ended")


def provider_of(organization: Organization) -> dict[str, Any]:
    rows = SsoProvider.objects.filter(organization=organization).for_list()
    return display.table(
        "Identity provider",
        ("Domain", "Status", "Type", "Last asked"),
        [
            (display.link(row), display.badge(state_of(row)), row.get_type_display(), display.moment(row.asked_at))
            for row in rows
        ],
        empty="It has none: its members sign in by code and passkey.",
    )


@admin.register(SsoProvider)
class SsoProviderAdmin(ConsoleAdmin):
    resource = RESOURCE
    audited_as = ("sso_provider", "pk")
    service_actions = (CREATE, PROVE, READ_AGAIN, CHANGE, DELETE)
    parts = (Part(RESOURCE, record), Part(RESOURCE, our_urls), Part(RESOURCE, certificates))
    empty_text = "There are no identity providers yet. Members set up their organization's, or staff do here."

    list_display = ("domain", "organization", "state", "type", "answer", "asked_at", "created_at")
    list_filter = ("type", ("proved_at", admin.EmptyFieldListFilter))
    search_fields = ("domain__istartswith",)
    search_help_text = "The beginning of a domain"
    ordering = ("-id",)
    fields = (
        "domain",
        "organization",
        "state",
        "type",
        "idp_provider_name",
        "metadata_url",
        "identity",
        "sign_in_url",
        "metadata_until",
        "client_id",
        "attributes",
        "allows_idp_initiated",
        "glass_breaker",
        "answer",
        "asked_at",
        "due_at",
        "missing_since",
        "proved_at",
        "created_at",
        "updated_at",
    )

    def list_rows(self, rows: Any) -> Any:
        return rows.for_list()

    def object_rows(self, rows: Any) -> Any:
        return rows.for_list()

    @admin.display(description="status")
    def state(self, provider: SsoProvider) -> SafeString:
        return display.badge(state_of(provider))

    @admin.display(description="name for clients")
    def idp_provider_name(self, provider: SsoProvider) -> str:
        return provider.idp_provider_name

    @admin.display(description="issuer or entity id")
    def identity(self, provider: SsoProvider) -> str:
        return metadata.summary(provider).identity

    @admin.display(description="sign-in address")
    def sign_in_url(self, provider: SsoProvider) -> str:
        return metadata.summary(provider).sign_in_url

    @admin.display(description="metadata good until")
    def metadata_until(self, provider: SsoProvider) -> SafeString | str:
        until = metadata.summary(provider).valid_until
        return format_html("{} {}", until, _validity(until, timezone.now())) if until else "-"

    @admin.display(description="break-glass super_admin")
    def glass_breaker(self, provider: SsoProvider) -> str:
        member = sso_rules.glass_breaker(provider)
        return member.person.email if member else "nobody: no super_admin has an address of the domain"

    @admin.display(description="attributes")
    def attributes(self, provider: SsoProvider) -> str:
        return ", ".join(f"{name}: {text}" for name, text in provider.attribute_mapping.items()) or "-"


extend("organizations.organization", parts=[Part(RESOURCE, provider_of)])
