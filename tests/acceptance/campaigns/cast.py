"""Who plays in a campaign's story: the organization, by its key, and its members, by the apps they hold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
from protobuf import Message

from ops_console.access.models import SignInMethod
from ops_console.access.services.sessions import Client
from ops_console.access.services.sign_in import SignedIn, enter
from ops_console.gen.pidgr.v1.action_pb import SubmitActionRequest
from ops_console.gen.pidgr.v1.campaign_pb import Delivery, ListDeliveriesRequest
from ops_console.gen.pidgr.v1.common_pb import Message as InboxMessage
from ops_console.gen.pidgr.v1.common_pb import Pagination, Platform
from ops_console.gen.pidgr.v1.device_pb import RegisterRequest
from ops_console.gen.pidgr.v1.inbox_pb import InboxEntry, MarkReadRequest, SyncRequest
from ops_console.organizations.models import Organization
from ops_console.organizations.rights import Right
from ops_console.var_dir import PROJECT
from tests import tenants
from tests.acceptance.campaigns.world import World
from tests.rpc_clients import Outcome


class Customer:
    """An organization that createorg made, calling RPC by Connect, and REST."""

    def __init__(self, world: World, name: str) -> None:
        arguments = [name, "--admin-email", "founder@customer.example", "--account", "letters", "--region", "US_SW"]
        made = _createorg(world, *arguments)
        self.organization = Organization.objects.get(pk=made["organization"])
        self.webhook_secret: str = made["webhook_secret"]
        self._key: str = made["api_key"]
        self._connect = world.connect
        self.rest = httpx.Client(
            base_url=f"{world.url}/api/v1/", headers={"Authorization": f"Bearer {self._key}"}, timeout=30
        )

    def call(self, method: str, request: Message) -> Any:
        return self._connect.call(method, request, key=self._key).response

    def get(self, path: str) -> Any:
        return self.rest.get(path).raise_for_status().json()

    def post(self, path: str, **members: Any) -> Any:
        return self.rest.post(path, json=members).raise_for_status().json()

    def deliveries(self, campaign_id: str) -> Iterator[Delivery]:
        """All of a campaign, page by page."""
        token = ""
        while True:
            asked = ListDeliveriesRequest(
                campaign_id=campaign_id, pagination=Pagination(page_size=200, page_token=token)
            )
            page = self.call("CampaignService/ListDeliveries", asked)
            yield from page.deliveries
            token = page.pagination.next_page_token
            if not token:
                return


class Recipient:
    """A member, and the app that calls native gRPC for him. ``tokens`` are his devices'."""

    def __init__(self, world: World, of: Organization, *platforms: Platform) -> None:
        self._world = world
        self._member = tenants.member(of, Right.INBOX_READ, Right.INBOX_ACT)
        entered = enter(
            person=self._member.person,
            organization_id=of.pk,
            method=SignInMethod.CODE,
            client=Client(),
            now=world.clock.now(),
        )
        assert isinstance(entered, SignedIn)
        self._access, self._refresh = entered.access.text, entered.refresh_token
        self.tokens = [self._register(platform) for platform in platforms]

    @property
    def user_id(self) -> str:
        return str(self._member.pk)

    def come_back(self) -> None:
        """Have new credentials given, as an app does whose access token has expired meanwhile."""
        assert self._call("InboxService/Sync", SyncRequest()).code == "unauthenticated"
        told = httpx.post(f"{self._world.url}/auth/token/refresh", json={"refresh_token": self._refresh})
        given = told.raise_for_status().json()
        self._access, self._refresh = given["access_token"], given["refresh_token"]

    def text(self) -> str:
        return _message_of(self._sync()).body

    def read(self) -> None:
        request = MarkReadRequest(delivery_id=self._sync().delivery_id)
        assert self._call("InboxService/MarkRead", request).response.success

    def acknowledge(self) -> str:
        """Press the message's one button, and return the code of the answer."""
        entry = self._sync()
        (button,) = _message_of(entry).actions
        request = SubmitActionRequest(delivery_id=entry.delivery_id, action_id=button.id)
        return self._call("ActionService/SubmitAction", request).code

    def _sync(self) -> InboxEntry:
        """The one message in the inbox, behind which there is nothing."""
        synced = self._call("InboxService/Sync", SyncRequest()).response
        entry: InboxEntry
        (entry,) = synced.entries
        assert synced.next_since == entry.received_at
        assert not self._call("InboxService/Sync", SyncRequest(since=synced.next_since)).response.entries
        return entry

    def _register(self, platform: Platform) -> str:
        token = f"{platform.name.lower()}-{uuid4().hex}"
        request = RegisterRequest(device_id=str(uuid4()), platform=platform, push_token=token)
        assert self._call("DeviceService/Register", request).response.device.active
        return token

    def _call(self, method: str, request: Message) -> Outcome:
        return self._world.native.call(method, request, key=self._access)


def tokens_of(*recipients: Recipient) -> list[str]:
    return [token for recipient in recipients for token in recipient.tokens]


def _message_of(entry: InboxEntry) -> InboxMessage:
    assert entry.message is not None
    return entry.message


def _createorg(world: World, *arguments: str) -> dict[str, Any]:
    house = world.house
    variables = {"DATABASE_URL": house.url, "REDIS_URL": house.valkey.url, **world.clock.variables}
    command = [sys.executable, "manage.py", "createorg", *arguments, "--json"]
    done = subprocess.run(
        command, cwd=PROJECT, env={**os.environ, **variables}, capture_output=True, text=True, check=True
    )
    made: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return made
