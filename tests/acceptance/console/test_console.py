"""The console in a real browser. Each test also fails when a page complains, or asks anything of another server."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from messages.models import Message
from ops_console.ledger.models import Refund
from ops_console.organizations.models import Person
from tests import factories, fleets
from tests.browsers import Visitor, Work
from tests.factories import PHOENIX


@pytest.fixture
def queued(work: Work) -> Message:
    def seed() -> Message:
        fleets.courier(1, *PHOENIX).save()
        account = factories.account(username="featherfan92")
        sent = [factories.message(account, now=timezone.now()) for _ in range(3)]
        return sent[0]

    message: Message = work(seed)
    return message


@pytest.fixture
def operator(work: Work) -> Person:
    person: Person = work(lambda: factories.member_of_staff("Operations"))
    return person


@pytest.fixture
def financier(work: Work) -> Person:
    person: Person = work(lambda: factories.member_of_staff("Finance"))
    return person


def test_a_superuser_signs_in_by_password_and_out(visitor: Visitor, queued: Message, work: Work):
    superuser: Person = work(factories.superuser)
    superuser.set_password("correct horse battery staple")
    work(superuser.save)
    visitor.go("/admin/")
    page = visitor.page
    for password in ("wrong", "correct horse battery staple"):
        expect(page.get_by_role("link", name="Sign in with a code or passkey")).to_be_visible()
        page.get_by_label("Email").fill(superuser.email)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()
        if password == "wrong":
            expect(page.get_by_text("Please enter the correct email and password")).to_be_visible()
    expect(page.get_by_role("heading", name="Messages by region and status")).to_be_visible()
    # Its menus are scripts'.
    page.wait_for_load_state()
    page.get_by_role("button", name=superuser.email).press("Enter")
    page.get_by_role("button", name="Log out").press("Enter")
    expect(page.get_by_text("You have been successfully logged out")).to_be_visible()


def test_holding_messages_from_the_queue(visitor: Visitor, operator: Person, queued: Message, work: Work):
    visitor.sign_in(operator)
    visitor.go("/admin/pigeon_messages/message/?status__exact=queued")
    page = visitor.page
    for box in page.locator("input.action-select").all()[:2]:
        box.check()
    page.locator("select[name=action]").select_option("hold")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("This concerns 2 messages")).to_be_visible()
    page.get_by_label("Reason").fill("Storm over the Rockies.")
    page.get_by_role("button", name="Hold").click()
    expect(page.get_by_text("2 messages held.")).to_be_visible()
    assert page.url.endswith("?status__exact=queued")
    assert work(lambda: Message.objects.filter(held_at__isnull=False).count()) == 2


def test_a_refund_past_the_limit_needs_a_second_person(
    visitor: Visitor, operator: Person, financier: Person, queued: Message, work: Work, settings: Any
):
    settings.REFUND_FOUR_EYES_LIMIT = Decimal(0)
    page = visitor.page
    visitor.sign_in(operator)
    visitor.go(f"/admin/pigeon_messages/message/{queued.pk}/change/")
    page.get_by_role("link", name="Refund", exact=True).click()
    page.get_by_label("Reason").fill("Soaked.")
    page.get_by_role("button", name="Refund").click()
    expect(page.get_by_text("waits for the approval of a second member of staff")).to_be_visible()
    page.context.clear_cookies()
    visitor.sign_in(financier)
    page.get_by_role("link", name=f"${queued.cost}").click()
    page.get_by_role("link", name="Approve").click()
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("1 refund approved and posted.")).to_be_visible()
    assert work(lambda: Refund.objects.get().status) == "posted"


def test_every_page_is_dark_when_told_by_the_keyboard(visitor: Visitor, operator: Person, queued: Message):
    page = visitor.page
    visitor.sign_in(operator)
    expect_ground(visitor, "> 200")
    page.get_by_role("button", name=operator.email).press("Enter")
    page.get_by_role("button", name="Dark").press("Enter")
    for path in ("", "pigeon_messages/message/", f"pigeon_messages/message/{queued.pk}/do/hold/", "outbox/webhook/"):
        visitor.go(f"/admin/{path}")
        expect_ground(visitor, "< 60")


def test_filters_open_from_the_keyboard_and_find_an_organization(visitor: Visitor, operator: Person, queued: Message):
    page = visitor.page
    visitor.sign_in(operator)
    visitor.go("/admin/pigeon_messages/message/")
    page.get_by_role("button", name="Filters").press("Enter")
    expect(page.get_by_role("heading", name="By status")).to_be_visible()
    page.locator(".select2-selection").click()
    page.locator(".select2-search__field").fill("Feathers")
    page.locator(".select2-results__option", has_text="Feathers and Sons").click()
    page.get_by_role("button", name="Apply filters").click()
    page.wait_for_url(f"**organization__id__exact={queued.organization_id}**")
    expect(page.get_by_text("3 messages")).to_be_visible()


def expect_ground(visitor: Visitor, brightness: str) -> None:
    """Wait until the ground of the page is that bright, from 0 to 255."""
    visitor.page.wait_for_function(
        """
        () => {
            const canvas = document.createElement('canvas').getContext('2d');
            canvas.fillStyle = getComputedStyle(document.getElementById('main')).backgroundColor;
            canvas.fillRect(0, 0, 1, 1);
            const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
            return (red + green + blue) / 3 BRIGHTNESS;
        }
    """.replace("BRIGHTNESS", brightness)
    )
