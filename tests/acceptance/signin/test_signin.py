"""The sign-in page in a real browser, with an authenticator of its own and a real mail server.

Each test also fails when a page complains, or asks anything of another server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from ops_console.access.models import Passkey, Session
from ops_console.letters import services as letters
from ops_console.organizations.models import Member, MemberStatus, Person
from ops_console.organizations.services.joining import join
from tests import factories, tenants
from tests.browsers import Visitor, Work
from tests.fakes.mail_server import MailServer, mail_server, use

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def mailbox(settings: Any) -> Iterator[MailServer]:
    with mail_server() as server:
        use(settings, server)
        yield server


@pytest.fixture
def member(work: Work) -> Member:
    """Somebody invited, who has never signed in."""
    made: Member = work(lambda: tenants.member(factories.organization(), status=MemberStatus.INVITED))
    return made


@pytest.fixture
def operator(work: Work) -> Person:
    person: Person = work(lambda: factories.member_of_staff("Operations"))
    return person


def add_authenticator(page: Page) -> None:
    """Chromium's virtual authenticator: it answers at once, its user verified."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})


def code_in_mail(mailbox: MailServer, work: Work, to: str) -> str:
    work(lambda: letters.send_due(clock=timezone.now, worker="test"))
    message = mailbox.messages[-1]
    assert message["To"] == to
    body = message.get_body(("plain",))
    found = re.search(r"\b\d{6}\b", body.get_content() if body else "")
    assert found
    return found[0]


def ask_for_code(visitor: Visitor, mailbox: MailServer, work: Work, email: str) -> str:
    visitor.page.get_by_label("E-mail address").fill(email)
    visitor.page.get_by_role("button", name="Continue").click()
    expect(visitor.page.get_by_role("textbox", name="Code")).to_be_focused()
    return code_in_mail(mailbox, work, email)


def enter_by_code(visitor: Visitor, mailbox: MailServer, work: Work, email: str) -> None:
    page = visitor.page
    code = ask_for_code(visitor, mailbox, work, email)
    page.get_by_role("textbox", name="Code").fill(code)
    page.get_by_role("button", name="Sign in").click()


def add_passkey(page: Page, name: str) -> None:
    page.get_by_label("Name of a new passkey").fill(name)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("status")).to_have_text(f"The passkey {name} was added.")


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")


def test_a_member_by_code_then_by_passkey(visitor: Visitor, mailbox: MailServer, member: Member, work: Work) -> None:
    page = visitor.page
    add_authenticator(page)
    visitor.go("/signin")
    enter_by_code(visitor, mailbox, work, member.person.email)
    expect(page.get_by_role("heading", name="You are signed in")).to_be_focused()
    expect(page.get_by_role("definition")).to_have_text([member.person.email, member.organization.name])
    assert work(lambda: Member.objects.get(pk=member.pk).status) == MemberStatus.ACTIVE
    add_passkey(page, "My phone")
    expect(page.get_by_role("list", name="Passkeys").get_by_role("listitem")).to_contain_text("My phone")
    page.reload()
    expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()
    sign_out(page)
    page.reload()
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()
    assert work(lambda: Passkey.objects.get().last_used_at)
    assert work(lambda: list(Session.objects.order_by("id").values_list("method", "ended_for"))) == [
        ("code", "signed_out"),
        ("passkey", ""),
    ]
    page.get_by_role("button", name="Remove My phone").click()
    expect(page.get_by_text("You have none.")).to_be_visible()
    sign_out(page)


def test_staff_by_code_then_by_passkey(visitor: Visitor, mailbox: MailServer, operator: Person, work: Work) -> None:
    page = visitor.page
    add_authenticator(page)
    visitor.go("/admin/outbox/webhook/")
    page.get_by_role("link", name="Sign in with a code or passkey").click()
    enter_by_code(visitor, mailbox, work, operator.email)
    page.wait_for_url(f"{visitor.address}/admin/outbox/webhook/")
    visitor.go("/signin")
    add_passkey(page, "My key")
    expect(page.get_by_role("link", name="Operations console")).to_be_visible()
    page.context.clear_cookies(name="sessionid")
    page.reload()
    expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()
    expect(page.get_by_role("link", name="Operations console")).to_be_hidden()
    visitor.go("/admin/")
    page.get_by_role("link", name="Sign in with a code or passkey").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{visitor.address}/admin/")
    visitor.go("/signin")
    sign_out(page)
    visitor.go("/admin/")
    page.get_by_role("link", name="Sign in with a code or passkey").click()
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{visitor.address}/admin/")
    expect(page.get_by_role("heading", name="Messages by region and status")).to_be_visible()
    # Its menus are scripts'.
    page.wait_for_load_state()
    page.get_by_role("button", name=operator.email).press("Enter")
    page.get_by_role("button", name="Log out").press("Enter")
    expect(page.get_by_text("You have been successfully logged out")).to_be_visible()
    visitor.go("/signin")
    expect(page.get_by_label("E-mail address")).to_be_focused()


def test_tabs_take_turns_at_refreshing(visitor: Visitor, mailbox: MailServer, member: Member, work: Work) -> None:
    visitor.go("/signin")
    enter_by_code(visitor, mailbox, work, member.person.email)
    expect(visitor.page.get_by_role("heading", name="You are signed in")).to_be_visible()
    tabs = [visitor.page, visitor.page.context.new_page()]
    tabs[1].goto(f"{visitor.address}/signin")
    # Promises, so that none is waited for before all have begun.
    for tab in tabs:
        tab.evaluate("""async () => {
            const { enter } = await import('/static/access/session.js');
            window.refreshes = [1, 2, 3].map(() => enter('token/refresh', {}));
        }""")
    for tab in tabs:
        assert tab.evaluate("async () => (await Promise.all(window.refreshes)).every((one) => one.access_token)")
    assert work(lambda: Session.objects.get().ended_at) is None


def test_a_member_of_several_chooses_and_moves(
    visitor: Visitor, mailbox: MailServer, member: Member, work: Work
) -> None:
    def join_another() -> None:
        other = factories.organization("Wings Ltd")
        join(organization=other, person=member.person, role=tenants.role(other), now=timezone.now())

    work(join_another)
    page = visitor.page
    visitor.go("/signin")
    enter_by_code(visitor, mailbox, work, member.person.email)
    expect(page.get_by_role("heading", name="Choose an organization")).to_be_focused()
    page.get_by_role("button", name="Wings Ltd").click()
    expect(page.get_by_role("definition").nth(1)).to_have_text("Wings Ltd")
    page.get_by_role("button", name=member.organization.name).click()
    expect(page.get_by_role("status")).to_have_text(f"You are now in {member.organization.name}.")
    expect(page.get_by_role("definition").nth(1)).to_have_text(member.organization.name)


def test_what_goes_wrong_is_told(visitor: Visitor, mailbox: MailServer, member: Member, work: Work) -> None:
    page = visitor.page
    # The browser itself notes the refusal that is meant.
    visitor.foresee("401")
    add_authenticator(page)
    visitor.go("/signin?next=/admin/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("no passkey for this site")
    code = ask_for_code(visitor, mailbox, work, member.person.email)
    page.get_by_role("textbox", name="Code").fill(f"{(int(code) + 1) % 10**6:06}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("This code is wrong")
    page.get_by_role("textbox", name="Code").fill(code)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("You may not use the operations console.")


def test_by_keyboard_alone(visitor: Visitor, mailbox: MailServer, member: Member, work: Work) -> None:
    page = visitor.page
    add_authenticator(page)
    visitor.go("/signin")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    page.keyboard.type(member.person.email)
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Code")).to_be_focused()
    page.keyboard.type(code_in_mail(mailbox, work, member.person.email))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="You are signed in")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Name of a new passkey")).to_be_focused()
    page.keyboard.type("Key")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("The passkey Key was added.")
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="Remove Key")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("The passkey Key was removed.")
    expect(page.get_by_role("heading", name="Passkeys")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_screens_light_and_dark(
    scheme: Any, visitor: Visitor, mailbox: MailServer, member: Member, work: Work
) -> None:
    page = visitor.page
    page.set_viewport_size({"width": 320, "height": 640})
    page.emulate_media(color_scheme=scheme)
    visitor.go("/signin")
    assert fits(page)
    assert contrast(page, "main h1") >= 7
    assert contrast(page, "button.primary") >= 4.5
    assert (brightness(page, "main") > 200) == (scheme == "light")
    enter_by_code(visitor, mailbox, work, member.person.email)
    expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()
    assert fits(page)
    assert contrast(page, "dt") >= 4.5


def test_another_name_of_the_house_says_where_to_go(visitor: Visitor) -> None:
    other = visitor.address.replace("localhost", "127.0.0.1")
    visitor.page.unroute_all()
    visitor.page.goto(f"{other}/signin")
    expect(visitor.page.get_by_role("alert")).to_contain_text(f"{visitor.address}/signin")


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


COLOURS = """
    (selector) => {
        const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
        const rgb = (colour) => {
            canvas.fillStyle = colour;
            canvas.fillRect(0, 0, 1, 1);
            return [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)];
        };
        let ground = document.querySelector(selector);
        const text = getComputedStyle(ground).color;
        while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
        return [rgb(text), rgb(getComputedStyle(ground).backgroundColor)];
    }
"""


def contrast(page: Page, selector: str) -> float:
    """Of an element's text to its ground (WCAG 2.2, 1.4.3)."""
    text, ground = (luminance(colour) for colour in page.evaluate(COLOURS, selector))
    return (max(text, ground) + 0.05) / (min(text, ground) + 0.05)


def luminance(colour: list[int]) -> float:
    parts = [part / 255 for part in colour]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def brightness(page: Page, selector: str) -> float:
    ground = page.evaluate(COLOURS, selector)[1]
    return float(sum(ground) / 3)
