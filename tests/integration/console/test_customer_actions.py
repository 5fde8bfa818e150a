"""Organizations, accounts, credentials, secrets and webhooks in the console."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from couriers.models import Courier
from ops_console.access.models import AccountCredential
from ops_console.access.services import authenticate_account
from ops_console.errors import Unauthenticated
from ops_console.ledger.models import Account
from ops_console.organizations.models import Member, Organization
from ops_console.outbox import services as outbox
from ops_console.outbox.models import Webhook, WebhookSecret
from tests import factories
from tests.factories import NOW

from .conftest import action_of, confirm, list_of, once_in, page_of, select, told


def secret_in(page: Any, label: str) -> str:
    assert page.status_code == 200
    found = re.search(rf"<dt>{label}</dt><dd><code>([^<]+)</code>", page.content.decode())
    assert found, page.content.decode()
    return found[1]


@pytest.fixture
def organization(db: None) -> Organization:
    return factories.organization("Feathers & Sons")


@pytest.fixture
def webhook(organization: Organization) -> Webhook:
    url = "https://customer.example/hook"
    outbox.enqueue(webhooks=[outbox.NewWebhook(organization.pk, url, "message.queued", "m", {})], now=NOW)
    Webhook.objects.update(status="failed", ended_at=NOW)
    return Webhook.objects.get()


def test_an_organization_is_opened(root: Client):
    assert f"{list_of(Organization)}do/create/" in root.get(list_of(Organization)).content.decode()
    answer = confirm(root, action_of(Organization, "create"), name="Coo & Co", admin_email="Ada@coo.example")
    opened = Organization.objects.get()
    assert answer["Location"] == page_of(opened)
    assert "Coo & Co was opened." in told(answer)
    assert Member.objects.get().person.email == "ada@coo.example"


def test_a_malformed_organization_is_shown_again(root: Client):
    answer = confirm(root, action_of(Organization, "create"), name="Coo", admin_email="nobody")
    assert answer.context["form"].errors["admin_email"] == ["This is no e-mail address."]
    assert not Organization.objects.exists()


def test_a_rate_is_set(root: Client, organization: Organization):
    told(confirm(root, action_of(organization, "rate"), rate_per_s="7", rate_burst="", reason="Loud."))
    organization.refresh_from_db()
    assert (organization.rate_per_s, organization.rate_burst) == (7, None)
    refused = confirm(root, action_of(organization, "rate"), rate_per_s="0", reason="Loud.")
    assert refused.context["form"].errors["rate_per_s"]


@pytest.mark.parametrize("by", ["id", "name"])
def test_an_account_is_opened_and_its_key_shown_once(operator: Client, organization: Organization, by: str):
    url = action_of(Account, "open")
    given = {
        "confirmed": "1",
        "once": once_in(operator.get(url)),
        "organization": str(getattr(organization, by)),
        "account": "featherfan92",
        "region": "US_SW",
    }
    page = operator.post(url, given)
    auth_id, auth_key = secret_in(page, "Auth ID"), secret_in(page, "Auth Key")
    credential = authenticate_account(auth_id=auth_id, auth_key=auth_key, now=NOW)
    assert credential.account.username == "featherfan92"
    assert "no-store" in page["Cache-Control"]
    again = operator.post(url, given)
    assert "confirmed already" in told(again)
    assert auth_key not in operator.get(page_of(credential.account)).content.decode()
    assert AccountCredential.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"account": "Feather Fan"}, "account"),
        ({"account": "taken"}, "account"),
        ({"account": ""}, "account"),
        ({"region": "MOON"}, "region"),
    ],
)
def test_a_malformed_account_names_its_field(
    operator: Client, organization: Organization, wrong: dict[str, str], field: str
):
    factories.account(organization, username="taken")
    given = {"organization": str(organization.pk), "account": "featherfan92", "region": "US_SW", **wrong}
    answer = confirm(operator, action_of(Account, "open"), **given)
    assert answer.status_code == 200
    assert answer.context["form"].errors[field]
    assert Account.objects.customers().count() == 1


def test_an_unknown_organization_is_told(operator: Client):
    answer = confirm(operator, action_of(Account, "open"), organization="Nobody", account="fan", region="US_SW")
    assert answer.status_code == 200
    assert "There is no organization Nobody" in str(answer.context["form"].errors["organization"])


def test_credentials_are_made_and_revoked(operator: Client, organization: Organization):
    account = factories.account(organization)
    page = confirm(operator, action_of(account, "credential"), label="billing server")
    auth_id, auth_key = secret_in(page, "Auth ID"), secret_in(page, "Auth Key")
    credential = AccountCredential.objects.get(auth_id=auth_id)
    assert credential.label == "billing server"
    assert told(select(operator, "revoke", credential, reason="Leaked.")) == "1 account credential revoked."
    with pytest.raises(Unauthenticated):
        authenticate_account(auth_id=auth_id, auth_key=auth_key, now=NOW)
    assert "This credential is revoked already." in told(select(operator, "revoke", credential, reason="Leaked."))


@pytest.mark.parametrize("who", ["viewer", "financier", "clerk"])
def test_others_open_nothing(request: pytest.FixtureRequest, organization: Organization, who: str):
    client: Client = request.getfixturevalue(who)
    account = factories.account(organization)
    for url in (
        action_of(Account, "open"),
        action_of(Organization, "create"),
        action_of(account, "credential"),
        action_of(organization, "rotate-secret"),
    ):
        assert client.get(url).status_code == 403
        assert client.post(url, {"confirmed": "1", "once": "x"}).status_code == 403


def test_a_webhook_secret_is_replaced_and_shown_once(root: Client, organization: Organization):
    page = confirm(root, action_of(organization, "rotate-secret"))
    secret = secret_in(page, "Webhook secret")
    assert WebhookSecret.objects.of_organization(organization.pk).live(timezone.now()).count() == 1
    assert secret not in root.get(page_of(organization)).content.decode()


def test_a_webhook_is_sent_again(operator: Client, webhook: Webhook):
    assert told(select(operator, "replay", webhook, once="x")) == "1 webhook queued again."
    webhook.refresh_from_db()
    assert webhook.status == "pending"
    assert "1 webhook refused" in told(confirm(operator, action_of(webhook, "replay")))


def test_couriers_leave_service_and_come_back(operator: Client, pigeon: Courier):
    assert told(select(operator, "offline", pigeon, reason="Ill.")) == "1 courier taken out of service."
    assert "1 courier refused" in told(select(operator, "offline", pigeon, reason="Ill."))
    pigeon.refresh_from_db()
    assert pigeon.status == "offline"
    assert told(confirm(operator, action_of(pigeon, "back"), reason="Well.")) == "1 courier brought back."
    pigeon.refresh_from_db()
    assert pigeon.status == "available"


def test_a_viewer_leaves_couriers_alone(viewer: Client, pigeon: Courier):
    assert viewer.post(action_of(pigeon, "offline"), {"confirmed": "1", "once": "x", "reason": "."}).status_code == 403
