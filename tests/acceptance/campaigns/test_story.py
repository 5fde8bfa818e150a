"""The whole story of a campaign that reaches a member in a browser, in real processes: rung, read, acknowledged, then
seen as a heatmap and watched again by staff.
"""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from protobuf import Message, message_from_json_value

from campaigns.models import RecordingCampaign
from campaigns.push_keys import base64url, pem_of
from ops_console.access.models import Passkey
from ops_console.audit.models import AuditEntry
from ops_console.frontend import build
from ops_console.gen.pidgr.v1.campaign_pb import (
    AudienceMember,
    Campaign,
    CreateCampaignRequest,
    GetCampaignRequest,
    StartCampaignRequest,
)
from ops_console.gen.pidgr.v1.common_pb import CampaignStatus, WorkflowDefinition
from ops_console.gen.pidgr.v1.template_pb import CreateTemplateRequest
from ops_console.organizations.models import Member
from ops_console.organizations.rights import Right
from tests import bearers, factories, pushing, tenants
from tests.acceptance.campaigns.conftest import is_ready
from tests.acceptance.console.test_replay import INSIDE
from tests.acceptance.inbox.visiting import BACK, touches_of
from tests.acceptance.inbox.walking import CLICK, SUBSCRIBING, push_through
from tests.acceptance.signin.test_signin import AUTHENTICATOR
from tests.browsers import PAUSE_MS, Visitor, Work
from tests.campaigning import deadline, send
from tests.fakes.authenticator import Authenticator
from tests.fakes.push_service import PushService, Subscriber, point_of, push_service
from tests.faults.house import House
from tests.programs import program
from tests.rpc_clients import ConnectCaller

NAME, TITLE, BODY = "Loft inspection", "Lofts", "All feeders are **inspected** on Monday."
LIVE = {"PUSH_ALLOW_LOOPBACK": "1", "PUSH_CONSOLE": "0", "HEATMAP_MIN_USERS": "1"}


class Administrator:
    """Somebody of the organization, signed in, who calls RPC by Connect."""

    def __init__(self, member: Member, address: str) -> None:
        self._connect, self._token = ConnectCaller(address), bearers.token_of(member)

    def call(self, method: str, request: Message) -> Any:
        return self._connect.call(method, request, key=self._token).response

    def start(self, recipient: Member) -> Campaign:
        """A campaign for him alone, that ends when he has acknowledged, or in an hour."""
        template = CreateTemplateRequest(name="Inspection", title=TITLE, body=BODY)
        request = CreateCampaignRequest(
            name=NAME,
            template_id=self.call("TemplateService/CreateTemplate", template).template.id,
            audience=[AudienceMember(user_id=str(recipient.pk))],
            workflow=message_from_json_value(
                WorkflowDefinition, {"steps": [send(completed="wait"), deadline("wait", "1h")]}
            ),
            sender_name="The loft",
        )
        made = self.call("CampaignService/CreateCampaign", request).campaign
        started: Campaign = self.call(
            "CampaignService/StartCampaign", StartCampaignRequest(campaign_id=made.id)
        ).campaign
        return started

    def status(self, campaign: Campaign) -> CampaignStatus:
        found: Campaign = self.call("CampaignService/GetCampaign", GetCampaignRequest(campaign_id=campaign.id)).campaign
        return found.status


@pytest.fixture
def address(house: House, settings: Any) -> str:
    """Of a web process, with a worker and beat beside it."""
    program("node")
    for built in (build.BUILT / "inbox.js", build.PLAYER_BUILT / "player.js"):
        assert built.exists(), "run 'make inbox' first, as make test does"
    # By name: passkeys refuse an address of numbers.
    url = settings.PUBLIC_URL = f"http://localhost:{house.port}"
    for name in ("web", "worker", "beat"):
        house.start(name, **LIVE, PUBLIC_URL=url, WEB_PROCESSES="1", WORKER_PROCESSES="2")
    house.wait_until(lambda: is_ready(url))
    return url


def with_passkey(page: Page, of: Member) -> None:
    """Put a passkey of his into the browser's authenticator."""
    mine = Authenticator()
    Passkey.objects.create(
        person=of.person,
        name="My phone",
        credential_id=mine.id,
        public_key=mine.public_key(),
        created_at=timezone.now(),
    )
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    added = session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    key = mine.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    secret = {"credentialId": mine.id, "privateKey": key, "userHandle": of.person.pk.bytes}
    credential = {name: base64.b64encode(value).decode() for name, value in secret.items()}
    about = {"isResidentCredential": True, "rpId": "localhost", "signCount": 0}
    session.send("WebAuthn.addCredential", {**added, "credential": {**credential, **about}})


def test_a_campaign_reaches_a_member_and_staff_see_how(
    visitor: Visitor, browser: Browser, work: Work, house: House
) -> None:
    vapid = ec.generate_private_key(ec.SECP256R1())

    def seed() -> tuple[Administrator, Member, Any]:
        of = factories.organization("Loft Keepers")
        pushing.credential(of, "webpush", {"private_key": pem_of(vapid), "subject": "mailto:a@customer.example"})
        member = tenants.member(of, Right.INBOX_READ, Right.INBOX_ACT)
        administrator = Administrator(tenants.member(of, *Right), visitor.address)
        return administrator, member, factories.member_of_staff("Operations")

    administrator, member, staff = work(seed)
    with push_service() as service:
        subscriber = service.subscriber()
        come_in(visitor, member, subscriber, work)
        campaign = administrator.start(member)
        be_rung(visitor, house, service, subscriber, base64url(point_of(vapid.public_key())))
    read_and_acknowledge(visitor, campaign, member, house, work)
    house.wait_until(lambda: administrator.status(campaign) == CampaignStatus.COMPLETED)

    context = browser.new_context(viewport={"width": 1440, "height": 900})
    at_console = Visitor(context.new_page(), visitor.address, work)
    at_console.watch()
    at_console.sign_in(staff)
    see_touches(at_console, campaign, member)
    watch_visit(at_console, campaign, member)
    assert work(lambda: AuditEntry.objects.filter(action="replay.view", actor=staff.email).count()) == 1
    assert at_console.unforeseen == []
    context.close()


def come_in(visitor: Visitor, member: Member, subscriber: Subscriber, work: Work) -> None:
    """Sign in, agree, and have this browser ring."""
    page = visitor.page
    page.context.grant_permissions(["notifications"], origin=visitor.address)
    page.add_init_script(f"({SUBSCRIBING})({subscriber.token})")
    with_passkey(page, member)
    visitor.go("/inbox")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{visitor.address}/inbox")
    page.get_by_label("Where I touch the screen").check()
    page.get_by_label("Recordings of my visits").check()
    page.get_by_role("button", name="Allow what is ticked").click()
    expect(page.get_by_text("Thank you. Your choice is kept.")).to_be_visible()
    page.get_by_role("link", name="Devices").click()
    page.get_by_role("button", name="Ring when a message arrives").click()
    expect(page.get_by_text("This browser rings from now on.")).to_be_visible()
    page.get_by_role("navigation").get_by_role("link", name="Inbox").click()


def be_rung(visitor: Visitor, house: House, service: PushService, subscriber: Subscriber, public_key: str) -> None:
    """The worker's push arrives at the browser's service worker, and what it shows leads to the message."""
    page, pushed = visitor.page, []

    def is_pushed() -> bool:
        pushed.extend(service.opened(subscriber, public_key))
        return bool(pushed)

    house.wait_until(is_pushed)
    push_through(visitor)(pushed[0])
    expect(page.get_by_role("link", name="Inbox (1 unread)")).to_be_visible()
    [worker] = page.context.service_workers
    assert worker.evaluate(CLICK) == TITLE
    expect(page.get_by_role("heading", name=TITLE)).to_be_visible()


def read_and_acknowledge(visitor: Visitor, campaign: Campaign, member: Member, house: House, work: Work) -> None:
    page = visitor.page
    expect(page.locator(".body")).to_have_text("All feeders are inspected on Monday.")
    page.get_by_role("button", name="Understood").click()
    expect(page.get_by_text("Acknowledged", exact=True)).to_be_visible()
    page.get_by_role("heading", name=TITLE).click()

    def is_told() -> bool:
        page.evaluate(BACK)
        # What the page asks goes on meanwhile.
        page.wait_for_timeout(PAUSE_MS)
        kinds = work(lambda: [touch[1] for touch in touches_of(member) if campaign.id in touch[0]])
        recorded = work(lambda: RecordingCampaign.objects.filter(campaign=UUID(campaign.id)).exists())
        return recorded and kinds == ["action_click", "tap"]

    house.wait_until(is_told)


def see_touches(visitor: Visitor, campaign: Campaign, member: Member) -> None:
    page = visitor.page
    page.get_by_role("link", name="Heatmaps").click()
    page.get_by_role("link", name=f"MessageDetail::{campaign.id}").click()
    expect(page.locator("#heatmap")).to_have_attribute("data-drawn", "2")
    expect(page.get_by_role("row", name=f"{member.person.email} 2")).to_be_visible()


def watch_visit(visitor: Visitor, campaign: Campaign, member: Member) -> None:
    """The page's own words are there, those of the message are not."""
    page = visitor.page
    visitor.go(f"/admin/campaigns/campaign/{campaign.id}/change/")
    page.get_by_role("navigation", name="Actions").get_by_role("link", name="Recordings").click()
    page.get_by_role("row", name=f"{member.person.email}").get_by_role("link").click()
    page.get_by_role("button", name="Load and play").click()
    page.get_by_role("link", name=f"Message of {NAME}").click()
    page.wait_for_function(f"() => {INSIDE}.body?.innerText.includes('Back to the inbox')")
    shown: str = page.evaluate(f"{INSIDE}.body.innerText")
    # All feeders are inspected on Monday.
    assert "*** ******* *** ********* ** *******" in shown
    assert [word for word in (TITLE, "feeders", "Understood", "The loft") if word in shown] == []
