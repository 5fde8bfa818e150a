"""Devices and push credentials in the console."""

from __future__ import annotations

import json

from django.test import Client

from campaigns.models import Device, PushCredential
from tests import factories, pushing, tenants
from tests.fakes import apns

from .conftest import action_of, confirm, list_of, page_of, told


def given(**changes: str) -> dict[str, str]:
    return {
        "organization": "Feathers & Sons",
        "provider": "apns",
        "secret": json.dumps(apns.signing_key()),
        **changes,
    }


def test_staff_set_credentials_and_nobody_sees_the_secret(root: Client):
    organization = factories.organization("Feathers & Sons")
    answer = confirm(root, action_of(PushCredential, "set"), **given())
    assert f"is set: {apns.KEY} {apns.TOPIC}" in told(answer)
    kept = PushCredential.objects.get(organization=organization)
    assert answer.url == page_of(kept)
    for page in (page_of(kept), list_of(PushCredential), page_of(organization)):
        html = root.get(page).content.decode()
        assert apns.TOPIC in html
        assert "PRIVATE KEY" not in html


def test_faults_stand_at_their_fields_and_the_secret_is_not_sent_back(root: Client):
    factories.organization("Feathers & Sons")
    short = json.dumps({**apns.signing_key(), "team_id": "x"})
    for changes, at in (
        ({"organization": "Nobody"}, "organization"),
        ({"secret": "no JSON"}, "secret"),
        ({"secret": "[]"}, "secret"),
        ({"secret": short}, "secret"),
    ):
        page = confirm(root, action_of(PushCredential, "set"), **given(**changes))
        assert list(page.context["form"].errors) == [at]
        assert "PRIVATE KEY" not in page.content.decode()
    page = confirm(root, action_of(PushCredential, "set"), **given(secret=short))
    assert page.context["form"].errors["secret"] == ["team_id: This is ten capital letters and digits."]
    assert not PushCredential.objects.exists()


def test_deleting_asks_first(root: Client):
    made = pushing.credential(factories.organization("Feathers & Sons"))
    page = root.get(action_of(made, "delete")).content.decode()
    assert "Nothing is handed to Apple Push Notification service for Feathers &amp; Sons any more." in page
    assert confirm(root, action_of(made, "delete"), reason="They left.").url == list_of(PushCredential)
    assert not PushCredential.objects.exists()


def test_a_members_page_shows_his_devices_and_no_token(viewer: Client):
    member = tenants.member(factories.organization())
    device = pushing.device(member.organization, member=member, platform="ios", token="very-secret")
    for page in (page_of(member), page_of(device), list_of(Device)):
        html = viewer.get(page).content.decode()
        assert str(device.device_id) in html
        assert "very-secret" not in html


def test_operations_sees_devices_and_sets_no_credentials(operator: Client):
    factories.organization("Feathers & Sons")
    assert operator.get(list_of(Device)).status_code == 200
    assert operator.get(action_of(PushCredential, "set")).status_code == 403
