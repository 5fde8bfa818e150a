"""What the OpenAPI document promises, kept by the real server under generated requests."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zlib import crc32

import pytest
import schemathesis
from django.test import Client
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode, checks
from schemathesis.core.failures import FailureGroup

from campaigns.models import Delivery
from campaigns.services.steering import start_campaign
from ops_console.ledger.models import Account, Entry
from ops_console.organizations.models import Group, Organization, Team
from ops_console.organizations.rights import Right
from tests import authoring, bearers, campaigns, factories, ops, replays, tenants, webhooks

CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.unsupported_method,
]
QUICK = settings(max_examples=6, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
# /api/v1 has more operations than all else together.
FEW = settings(QUICK, max_examples=3)
LONG = settings(QUICK, max_examples=15)
CSRF = "c" * 32


@dataclass(frozen=True)
class House:
    """A running server, who calls it, and the names of things it holds."""

    url: str
    headers: Mapping[str, str]
    cookies: Mapping[str, str] = field(default_factory=dict)
    account: str = ""
    known: Mapping[str, list[str]] = field(default_factory=dict)


@pytest.fixture
def server(site: str, committed_db: None, places: None) -> str:
    return site


@pytest.fixture
def account_house(server: str) -> House:
    made = factories.credential()
    account = made.credential.account
    Organization.objects.update(rate_per_s=100_000, rate_burst=100_000)
    token = base64.b64encode(f"{made.auth_id}:{made.auth_key}".encode()).decode()
    ids = [message.msg_id for message in (ops.enroute(account), ops.queued(account), ops.queued(account))]
    known = {"msgId": ids, "pgnId": ["AAA000B"], "recipientId": [ops.recipient(account).recipient_id]}
    return House(server, {"Authorization": f"Basic {token}"}, account=account.username, known=known)


def things_of(account: Account) -> dict[str, list[str]]:
    """Make something of everything; their names, by the resource and the parameter that take them."""
    organization = account.organization
    assert organization
    messages = [ops.enroute(account), *(ops.queued(account) for _ in range(4))]
    member = tenants.member(organization, Right.ORG_READ)
    keys = [bearers.api_key(member, Right.ORG_READ).api_key.pk for _ in range(2)]
    sending = [campaigns.campaign(organization) for _ in range(4)]
    for campaign in sending[:2]:
        start_campaign(campaign_id=campaign.pk, actor=factories.COMMAND, now=timezone.now())
    known: dict[tuple[str, str], list[Any]] = {
        ("campaigns", "id"): [campaign.pk for campaign in sending],
        ("deliveries", "id"): list(Delivery.objects.values_list("pk", flat=True)),
        ("messages", "msgId"): [message.msg_id for message in messages],
        ("couriers", "pgnId"): [ops.bird(500).pgn_id, ops.bird(501).pgn_id],
        ("accounts", "account"): [account.username, "house:cash"],
        ("credentials", "id"): [factories.credential(account).credential.pk],
        ("entries", "id"): list(Entry.objects.values_list("pk", flat=True)[:2]),
        ("organizations", "id"): [account.organization_id],
        ("people", "id"): [factories.outsider().pk],
        ("recipients", "id"): [ops.recipient(account, f"r{number}").pk for number in range(3)],
        ("refunds", "id"): [ops.refund(messages[1]).pk, ops.waiting_refund(account).pk, ops.waiting_refund(account).pk],
        ("webhooks", "id"): [webhooks.waiting(organization).pk, webhooks.ended(organization).pk],
        ("api-keys", "id"): keys,
        ("service-keys", "id"): [bearers.service_key("render").service_key.pk for _ in range(2)],
        ("members", "id"): [tenants.member(organization).pk for _ in range(3)],
        ("roles", "id"): [member.role_id, tenants.role(organization).pk],
        ("templates", "id"): [authoring.template(organization).template_id for _ in range(3)],
        ("recordings", "id"): [replays.recorded(member, sending[0], now=timezone.now()).pk for _ in range(3)],
        ("teams", "id"): list(Team.objects.filter(organization=organization).values_list("pk", flat=True)),
        ("groups", "id"): list(Group.objects.filter(organization=organization).values_list("pk", flat=True)),
    }
    named = {f"{resource}.{name}": [str(value) for value in values] for (resource, name), values in known.items()}
    of_lists = {"account": [account.username], "campaign": [str(campaign.pk) for campaign in sending]}
    return named | of_lists | {"organization": [str(account.organization_id)]}


@pytest.fixture
def staff_house(server: str) -> House:
    client = Client()
    client.force_login(factories.superuser())
    session, known = client.cookies["sessionid"].value, things_of(factories.account())
    return House(server, {"X-CSRFToken": CSRF}, {"sessionid": session, "csrftoken": CSRF}, known=known)


@pytest.fixture
def program_house(server: str) -> House:
    """A program with a key that has every right of an organization."""
    account = factories.account()
    assert account.organization
    known, key = things_of(account), bearers.key_text(account.organization, *Right)
    Organization.objects.update(rate_per_s=100_000, rate_burst=100_000)
    return House(server, {"Authorization": f"Bearer {key}"}, known=known)


@pytest.fixture
def person_house(server: str) -> House:
    """Somebody signed in, who is at the sign-in page again, and whose visits are recorded."""
    member = tenants.member(factories.organization(), Right.CAMPAIGNS_READ)
    Organization.objects.update(rate_per_s=100_000, rate_burst=100_000)
    known = {"recordings.id": [str(replays.recorded(member, now=timezone.now()).pk) for _ in range(2)]}
    return House(server, {"Authorization": f"Bearer {bearers.token_of(member)}"}, known=known)


@pytest.fixture
def document() -> Any:
    """The document as the server gives it out."""
    written = OpenApiJsonRenderer().render(SchemaGenerator().get_schema(request=None, public=True))
    return schemathesis.openapi.from_dict(json.loads(written))


def some(known: list[str], generated: Any) -> Any:
    """One of the known in two cases of three, the same for the same generated value."""
    number = crc32(repr(generated).encode())
    return known[number % len(known)] if number % 3 else generated


def at_home(case: Case, house: House) -> None:
    """Let the request be about things the house holds, most of the time."""
    resource = case.path.split("/")[3] if case.path.startswith("/api/") else ""
    for name, value in case.path_parameters.items():
        if name == "account" and house.account:
            case.path_parameters[name] = house.account
        elif known := house.known.get(f"{resource}.{name}", house.known.get(name)):
            case.path_parameters[name] = some(known, value)
    if isinstance(case.body, dict) and "msgId" in case.body and house.account:
        case.body["msgId"] = case.path_parameters["msgId"]
    for part in (case.query, case.body):
        if isinstance(part, dict):
            part.update({name: some(house.known[name], part[name]) for name in part if name in house.known})


def call(case: Case, house: House) -> None:
    at_home(case, house)
    response = case.call(base_url=house.url, headers=dict(house.headers), cookies=dict(house.cookies), timeout=30)
    case.validate_response(response, checks=CHECKS, headers=dict(house.headers))


def keep_promises(document: Any, below: str, house: House, how: settings) -> None:
    """Send requests of every operation, well-formed, malformed, and as its examples; tell what broke a promise."""
    broken = []
    for operation in document.include(path_regex=f"^{below}").get_all_operations():
        asked = operation.ok()
        takes_nothing = not (asked.body or asked.query or asked.path_parameters)
        # Of nothing nothing can be malformed.
        modes = [mode for mode in GenerationMode if not (takes_nothing and mode.is_negative)]
        generated = [asked.as_strategy(generation_mode=mode) for mode in modes]
        for strategy in [*generated, *asked.get_strategies_from_examples()]:
            try:
                how(given(strategy)(lambda case: call(case, house)))()
            except FailureGroup as group:
                broken.append(f"{asked.label}: {group}\n{group.exceptions}")
    assert not broken, "\n\n".join(broken)


@pytest.mark.django_db
def test_every_request_is_described(document: Any) -> None:
    operations = [operation.ok() for operation in document.get_all_operations()]
    assert len(operations) > 60
    texts = ("summary", "description")
    assert [one.label for one in operations if not all(one.definition.raw.get(text) for text in texts)] == []


def test_an_account_is_answered_as_promised(document: Any, account_house: House) -> None:
    keep_promises(document, "/pigeon/v1/", account_house, QUICK)


def test_staff_are_answered_as_promised(document: Any, staff_house: House) -> None:
    keep_promises(document, "/api/v1/", staff_house, FEW)


def test_programs_are_answered_as_promised(document: Any, program_house: House) -> None:
    keep_promises(document, "/api/v1/", program_house, FEW)


def test_people_who_sign_in_are_answered_as_promised(document: Any, person_house: House) -> None:
    keep_promises(document, "/auth/", person_house, QUICK)


def test_people_whose_visits_are_recorded_are_answered_as_promised(document: Any, person_house: House) -> None:
    keep_promises(document, "/api/v1/(consents|recordings)", person_house, FEW)


@pytest.mark.faults
def test_an_account_is_answered_as_promised_for_long(document: Any, account_house: House) -> None:
    keep_promises(document, "/pigeon/v1/", account_house, LONG)


@pytest.mark.faults
def test_staff_are_answered_as_promised_for_long(document: Any, staff_house: House) -> None:
    keep_promises(document, "/api/v1/", staff_house, LONG)


@pytest.mark.faults
def test_programs_are_answered_as_promised_for_long(document: Any, program_house: House) -> None:
    keep_promises(document, "/api/v1/", program_house, LONG)
