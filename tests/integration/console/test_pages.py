"""Every page opens for those who may see it, and for nobody else."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.test import Client

from couriers.models import Courier
from messages.models import Message
from messages.services import steering
from ops_console.access.models import AccountCredential
from ops_console.ledger.models import Refund
from ops_console.organizations.models import Organization, Person
from ops_console.organizations.rights import Right
from ops_console.outbox.models import Webhook
from ops_console.outbox.services import NewWebhook, enqueue
from tests import bearers, heatmaps, pushing, replays, sso, tenants
from tests.factories import COMMAND, NOW, credential, message
from tests.inboxes import Mailing
from tests.ops import recipient

from .conftest import list_of, page_of

CONSOLE = (
    "access.AccountCredential",
    "access.ApiKey",
    "access.ServiceKey",
    "access.SsoProvider",
    "audit.AuditEntry",
    "auth.Group",
    "campaigns.AudienceMember",
    "campaigns.Campaign",
    "campaigns.Delivery",
    "campaigns.Device",
    "campaigns.PushCredential",
    "campaigns.Recording",
    "campaigns.Screen",
    "campaigns.Template",
    "couriers.Courier",
    "couriers.Place",
    "ledger.Account",
    "ledger.Entry",
    "ledger.Refund",
    "organizations.Group",
    "organizations.Member",
    "organizations.Organization",
    "organizations.Person",
    "organizations.Role",
    "organizations.Team",
    "outbox.Webhook",
    "pigeon_messages.Message",
    "pigeon_messages.Recipient",
)
MODELS = [apps.get_model(name) for name in CONSOLE]
# A protocol-relative or absolute address that the browser would fetch or follow.
EXTERNAL = re.compile(r"""(?:src|href|action)=["'](?:https?:)?//|url\(["']?(?:https?:)?//""")
# Script between tags or in attributes; data is none.
SCRIPT = r"""<script(?![^>]*\b(?:src=|type="application/json"))[^>]*>\s*\S"""
INLINE = re.compile(SCRIPT + r"|\son(?:click|load|submit|change)=")


@pytest.fixture
def everything(enroute: Message) -> Message:
    """At least one row of whatever staff look at."""
    credential(enroute.account)
    bearers.api_key(tenants.member(enroute.organization, Right.ORG_READ), Right.ORG_READ)
    bearers.service_key("render")
    sso.provider(enroute.organization)
    pushing.device(enroute.organization)
    pushing.credential(enroute.organization)
    Mailing.of(enroute.organization).deliver(tenants.member(enroute.organization))
    heatmaps.touch(tenants.member(enroute.organization), (0.5, 0.5))
    replays.recorded(tenants.member(enroute.organization))
    recipient(enroute.account)
    message(enroute.account)
    steering.lose_couriers(msg_ids=[enroute.msg_id], reason="Hawk.", actor=COMMAND, now=NOW)
    url = "https://customer.example/hook"
    hook = NewWebhook(enroute.organization_id, url, "message.refunded", enroute.msg_id, {})
    enqueue(webhooks=[hook], now=NOW)
    return enroute


def test_the_console_shows_these_and_no_other():
    assert tuple(sorted(model._meta.label for model in admin.site._registry)) == CONSOLE


def row_of(model: type[Model]) -> Any:
    row = model._default_manager.first()
    assert row is not None, model
    return row


def test_lists_and_pages_open_for_the_viewer(viewer: Client, everything: Message):
    for model in MODELS:
        page = viewer.get(page_of(row_of(model)))
        assert (viewer.get(list_of(model)).status_code, page.status_code) == (200, 200), model
        assert not re.search(r"/do/\w+", page.content.decode()), model


def test_the_clerk_sees_none_of_it(clerk: Client, everything: Message):
    for model in MODELS:
        answers = [clerk.get(list_of(model)), clerk.get(page_of(row_of(model)))]
        assert [answer.status_code for answer in answers] == [403, 403], model


def test_who_has_not_signed_in_is_asked_to(client: Client, db: None):
    for model in MODELS:
        answer = client.get(list_of(model))
        assert (answer.status_code, answer["Location"]) == (302, f"/admin/login/?next={list_of(model)}")


def test_nothing_is_added_changed_or_deleted_but_by_services(root: Client, everything: Message):
    for model in MODELS:
        row, n_rows = row_of(model), model._default_manager.count()
        page = page_of(row)
        answers = [
            root.get(f"{list_of(model)}add/"),
            root.post(page, {"status": "delivered"}),
            root.post(page.replace("/change/", "/delete/"), {"post": "yes"}),
        ]
        assert [answer.status_code for answer in answers] == [403, 403, 403], model
        assert model._default_manager.count() == n_rows


def test_pages_ask_nothing_of_other_servers_and_hold_no_script(root: Client, everything: Message):
    urls = ["/admin/", *(list_of(model) for model in MODELS), *(page_of(row_of(model)) for model in MODELS)]
    for url in urls:
        html = root.get(url).content.decode()
        assert (url, EXTERNAL.findall(html), INLINE.findall(html)) == (url, [], [])


@pytest.mark.parametrize(
    "query",
    ["q=%00", "status__exact=%00", "q=%FF%FE", "p=x", "p=99999999", "o=99", "status__exact=nonsense", "x__y=1", "e=1"],
)
def test_a_malformed_query_is_no_failure(root: Client, db: None, query: str):
    for model in MODELS:
        assert root.get(f"{list_of(model)}?{query}").status_code in {200, 302}, model


@pytest.mark.parametrize("pk", ["nonsense", "99999999999999999999999", "-1000", "%00", "a/b"])
def test_an_unknown_object_leads_back(root: Client, db: None, pk: str):
    for model in MODELS:
        for path in ("change/", "do/hold/"):
            assert root.get(f"{list_of(model)}{pk}/{path}").status_code in {302, 404}, model


def test_the_outsider_cannot_come_in(client: Client, db: None):
    person = Person.objects.create_user("outsider@example.com", "correct horse battery staple")
    answer = client.post("/admin/login/", {"username": person.email, "password": "correct horse battery staple"})
    assert answer.status_code == 200
    assert "Please enter the correct email and password for a staff account" in answer.content.decode()


def test_the_message_page_tells_the_whole_story(operator: Client, everything: Message):
    html = operator.get(page_of(everything)).content.decode()
    for told in (
        "Timeline",
        "The courier was lost.",
        "Hawk.",
        "Flights",
        "lost",
        "Refunds",
        "Ledger",
        "house:revenue",
        "Webhooks",
    ):
        assert told in html


def test_finance_does_not_see_webhooks_on_a_message(financier: Client, everything: Message):
    html = financier.get(page_of(everything)).content.decode()
    assert "Ledger" in html
    assert "message.refunded" not in html


def test_the_sidebar_shows_only_what_one_may_open(financier: Client, clerk: Client, db: None):
    html = financier.get("/admin/").content.decode()
    assert "/admin/ledger/refund/" in html
    assert "/admin/couriers/courier/" not in html
    assert "/admin/ledger/" not in clerk.get("/admin/").content.decode()


def test_search_finds_by_msg_id_reference_and_account(operator: Client, everything: Message):
    other = Message.objects.exclude(pk=everything.pk).get()
    url = list_of(Message)

    def found(term: str) -> set[int]:
        answer = operator.get(url, {"q": term})
        return {row.pk for row in answer.context["cl"].result_list}

    assert found(everything.msg_id) == {everything.pk}
    assert found("spring-1") == {everything.pk}
    assert found(everything.account.username) == {everything.pk, other.pk}
    assert found("nobody") == set()


@pytest.mark.parametrize(
    ("query", "n_found"),
    [
        ("status__exact=queued", 1),
        ("status__exact=refunded", 1),
        ("region__exact=EU_W", 0),
        ("priority__exact=1", 2),
        ("priority__exact=0", 0),
        ("held=yes", 0),
        ("held=no", 2),
    ],
)
def test_filters_narrow_the_queue(operator: Client, everything: Message, query: str, n_found: int):
    answer = operator.get(f"{list_of(Message)}?{query}")
    assert answer.context["cl"].result_count == n_found


def test_the_queue_is_narrowed_to_an_organization(operator: Client, everything: Message):
    message()
    url = f"{list_of(Message)}?organization__id__exact={everything.organization_id}"
    assert operator.get(url).context["cl"].result_count == 2


def test_the_list_does_not_load_what_is_long(operator: Client, queued: Message):
    rows = operator.get(list_of(Message)).context["cl"].result_list
    assert rows[0].get_deferred_fields() >= {"body", "address"}


def test_a_queue_is_read_from_its_head(operator: Client, queued: Message):
    newer = message()
    oldest_first = operator.get(f"{list_of(Message)}?status__exact=queued").context["cl"].result_list
    newest_first = operator.get(list_of(Message)).context["cl"].result_list
    assert [row.pk for row in oldest_first] == [queued.pk, newer.pk]
    assert [row.pk for row in newest_first] == [newer.pk, queued.pk]


def test_an_empty_list_says_what_to_do(root: Client, db: None):
    for model in (Message, Organization, Refund, AccountCredential, Courier, Webhook):
        html = unescape(root.get(list_of(model)).content.decode())
        assert admin.site._registry[model].empty_text in html  # type: ignore[attr-defined]


def test_organizations_are_found_for_the_filter(operator: Client, queued: Message):
    query = {"app_label": "pigeon_messages", "model_name": "message", "field_name": "organization"}
    found = operator.get("/admin/autocomplete/", {**query, "term": "feath"}).json()
    assert [result["text"] for result in found["results"]] == ["Feathers and Sons"]
    assert operator.get("/admin/autocomplete/?term=%00").status_code == 302


def test_the_themes_search_survives_a_wrong_page(root: Client, db: None):
    assert root.get("/admin/search/?s=mess").status_code == 200
    assert root.get("/admin/search/?s=mess&page=x").status_code == 404
