"""Keys of organizations and of services in the console."""

from __future__ import annotations

import pytest
from django.test import Client

from ops_console.access.models import ApiKey, ServiceKey
from ops_console.access.services.bearer import authenticate
from ops_console.errors import Unauthenticated
from ops_console.organizations.rights import Right
from tests import bearers, factories, tenants
from tests.factories import NOW

from .conftest import action_of, confirm, list_of, once_in, page_of, select, told
from .test_customer_actions import secret_in


@pytest.fixture
def api_keys(db: None) -> list[ApiKey]:
    member = tenants.member(factories.organization("Feathers & Sons"), Right.ORG_READ)
    return [bearers.api_key(member, Right.ORG_READ).api_key for _ in range(2)]


def test_keys_are_listed_found_and_shown_without_their_secret(viewer: Client, api_keys: list[ApiKey]):
    api_key = api_keys[0]
    listed = viewer.get(list_of(ApiKey), {"q": api_key.key_prefix}).content.decode()
    assert api_key.key_prefix in listed
    assert api_keys[1].key_prefix not in listed
    page = viewer.get(page_of(api_key)).content.decode()
    assert "ORG_READ" in page
    assert api_key.creator.person.email in page
    assert api_key.key_prefix in viewer.get(page_of(api_key.organization)).content.decode()


def test_operations_revokes_keys_after_asking(operator: Client, api_keys: list[ApiKey]):
    one, other = api_keys
    assert "refused from now on" in operator.get(action_of(one, "revoke")).content.decode()
    told(confirm(operator, action_of(one, "revoke"), reason="Found in a mail."))
    one.refresh_from_db()
    assert one.revoked_at is not None
    assert not operator.get(page_of(one)).context["object_actions"]
    answer = told(select(operator, "revoke", one, other, reason="All of them."))
    assert "revoked already" in answer
    assert not ApiKey.objects.unrevoked().exists()


def test_who_only_reads_revokes_nothing(viewer: Client, clerk: Client, api_keys: list[ApiKey]):
    assert viewer.get(action_of(api_keys[0], "revoke")).status_code == 403
    assert clerk.get(list_of(ApiKey)).status_code == 403
    assert ApiKey.objects.unrevoked().count() == 2


def test_nobody_makes_an_organizations_key_here(root: Client, api_keys: list[ApiKey]):
    assert root.get(list_of(ApiKey)).context["new_actions"] == []


def test_a_service_key_is_made_shown_once_and_revoked(root: Client):
    url = action_of(ServiceKey, "create")
    given = {"confirmed": "1", "once": once_in(root.get(url)), "name": "biller", "scope": "organizations"}
    page = root.post(url, given)
    text = secret_in(page, "Service key")
    assert authenticate(authorization=f"Bearer {text}", address=None, now=NOW).scope == "organizations"
    assert "confirmed already" in told(root.post(url, given))
    service_key = ServiceKey.objects.get()
    assert text not in root.get(page_of(service_key)).content.decode()
    told(confirm(root, action_of(service_key, "revoke"), reason="Replaced."))
    with pytest.raises(Unauthenticated):
        authenticate(authorization=f"Bearer {text}", address=None, now=NOW)


def test_a_malformed_service_key_is_shown_again(root: Client):
    answer = confirm(root, action_of(ServiceKey, "create"), name=" ", scope="everything")
    assert set(answer.context["form"].errors) == {"name", "scope"}
    assert not ServiceKey.objects.exists()


def test_service_keys_are_for_those_who_manage_them(operator: Client):
    bearers.service_key("render")
    assert operator.get(list_of(ServiceKey)).status_code == 200
    assert operator.get(action_of(ServiceKey, "create")).status_code == 403
    assert operator.get(action_of(ServiceKey.objects.get(), "revoke")).status_code == 403
