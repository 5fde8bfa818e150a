"""Signing in through an identity provider in a real browser: from /signin to the provider's own page, and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from ops_console.access.models import Session, SsoProvider
from ops_console.access.services.sso_providers import NewProvider
from ops_console.frontend import build
from ops_console.organizations.models import Member
from tests import factories, sso
from tests.accessibility import violations
from tests.browsers import Visitor, Work
from tests.fakes.identity_provider import IdentityProvider
from tests.fakes.webhook_receiver import Answer, Behaviour, Received
from tests.integration.auth.conftest import code_sent_to
from tests.openid import OpenIdProvider
from tests.saml import POST, REDIRECT, SamlProvider, encoded, query

ANN = {"email": "ann@acme.example", "email_verified": True, "given_name": "Ann", "family_name": "Arbor"}


@dataclass
class Traveller(Visitor):
    """Somebody who may also visit the identity provider."""

    def on_request(self, route: Route, request: Request) -> None:
        if request.url.startswith("https://127.0.0.1:"):
            route.continue_()
        else:
            super().on_request(route, request)


@pytest.fixture
def traveller(browser: Browser, address: str, work: Work) -> Iterator[Traveller]:
    context = browser.new_context(ignore_https_errors=True)
    traveller = Traveller(context.new_page(), address, work)
    traveller.watch()
    yield traveller
    context.close()
    assert traveller.unforeseen == []


def set_up(work: Work, wanted: NewProvider) -> SsoProvider:
    made: SsoProvider = work(lambda: sso.set_up(factories.organization("Acme Feathers"), wanted))
    return made


def offer(page: Page, email: str) -> None:
    page.get_by_label("E-mail address").fill(email)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Sign in at your organization")).to_be_visible()
    expect(page.get_by_role("button", name="Continue to the identity provider")).to_be_focused()
    expect(page.get_by_text("acme.example", exact=True)).to_be_visible()
    assert violations(page) == []


def expect_account(page: Page) -> None:
    expect(page.get_by_role("heading", name="You are signed in")).to_be_visible()
    expect(page.get_by_role("definition")).to_have_text(["ann@acme.example", "Acme Feathers"])
    expect(page.get_by_role("heading", name="Passkeys")).to_be_hidden()
    assert violations(page) == []


def sign_in_there(page: Page, user: str) -> None:
    """On the page of the OpenID provider."""
    page.get_by_label("User").fill(user)
    page.get_by_role("button", name="Continue").click()


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")


def is_told_to_wait(traveller: Traveller) -> None:
    """Too many ask from here: to wait is the answer, and not another door."""
    page = traveller.page
    traveller.foresee("429")
    page.route("**/CheckSSOByDomain", lambda route: route.fulfill(status=429))
    page.get_by_label("E-mail address").fill("ann@acme.example")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("Try again in a moment.")
    page.unroute("**/CheckSSOByDomain")


def is_let_in_by_the_provider(traveller: Traveller, work: Work) -> None:
    page = traveller.page
    offer(page, "ann@acme.example")
    page.keyboard.press("Enter")
    sign_in_there(page, "ann")
    expect_account(page)
    assert page.url == f"{traveller.address}/signin"
    assert [cookie["name"] for cookie in page.context.cookies(traveller.address)] == ["refresh"]
    page.reload()
    expect_account(page)
    assert work(lambda: Session.objects.get().method) == "sso"
    sign_out(page)


def is_not_vouched_for(page: Page) -> None:
    """One of whom the provider is not sure; it remembers Ann."""
    page.context.clear_cookies()
    offer(page, "bea@acme.example")
    page.get_by_role("button", name="Continue to the identity provider").click()
    sign_in_there(page, "bea")
    expect(page.get_by_role("alert")).to_have_text("Your identity provider has not verified your e-mail address.")
    expect(page.get_by_label("E-mail address")).to_be_visible()
    assert violations(page) == []


def is_let_in_by_a_code_to_what_is_her_own(page: Page, work: Work) -> None:
    """Everybody is offered a way to a code; her organization stays her provider's to open."""
    offer(page, "ann@acme.example")
    page.get_by_role("button", name="Send a code").click()
    expect(page.get_by_role("textbox", name="Code")).to_be_focused()
    page.get_by_role("textbox", name="Code").fill(work(lambda: code_sent_to("ann@acme.example")))
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("Your organization signs in through its identity provider")
    expect(page.get_by_role("definition")).to_have_text(["ann@acme.example", "None yet"])
    expect(page.get_by_role("heading", name="Passkeys")).to_be_visible()
    sign_out(page)


def is_asked_for_a_code_at_once(traveller: Traveller) -> None:
    """Who wants the console."""
    page = traveller.page
    traveller.go("/signin?next=/admin/")
    page.get_by_label("E-mail address").fill("ann@acme.example")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("textbox", name="Code")).to_be_focused()


def test_by_openid_connect(traveller: Traveller, openid: OpenIdProvider, work: Work) -> None:
    page = traveller.page
    openid.know(ann=ANN, bea={**ANN, "email_verified": False})
    set_up(work, openid.register("acme.example"))
    traveller.go("/signin")
    expect(page.get_by_label("E-mail address")).to_be_focused()
    assert violations(page) == []
    is_told_to_wait(traveller)
    is_let_in_by_the_provider(traveller, work)
    is_not_vouched_for(page)
    is_let_in_by_a_code_to_what_is_her_own(page, work)
    is_asked_for_a_code_at_once(traveller)


@pytest.fixture
def saml_page(traveller: Traveller, saml: SamlProvider, idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SAML provider's own page: it posts its answer from another site than ours."""
    posted = idp.take

    def take(request: Received) -> Behaviour:
        if not request.path.startswith("/saml/sso"):
            return posted(request)
        # Asked by a form, it finds the same fields in the body.
        asked = f"{request.path}&{request.body.decode()}"
        binding = POST if request.body else REDIRECT
        response = saml.answer(asked, binding=binding)
        fields = {"SAMLResponse": encoded(response), "RelayState": query(asked)["RelayState"]}
        inputs = "".join(f'<input type="hidden" name="{name}" value="{escape(text)}">' for name, text in fields.items())
        page = f"<form method=post action='{traveller.address}/auth/sso/{saml.name}/acs'>{inputs}<button>Go on</button>"
        return Answer(headers={"Content-Type": "text/html"}, body=page.encode())

    monkeypatch.setattr(idp, "take", take)


def is_let_in_where_requests_are_taken_by_forms_alone(traveller: Traveller, idp: IdentityProvider, work: Work) -> None:
    """By way of a page that sends itself; and on to the inbox."""
    page = traveller.page
    held: list[Route] = []
    page.route("**/submit.js", lambda route: held.append(route))
    traveller.go("/signin?next=/inbox")
    by_form = {"redirect_url": "", "post_url": idp.url("/saml/sso?by=form")}
    work(lambda: SsoProvider.objects.update(metadata={**SsoProvider.objects.get().metadata, **by_form}))
    offer(page, "ann@acme.example")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="To your identity provider")).to_be_visible()
    assert violations(page) == []
    traveller.wait_until(lambda: bool(held))
    held[0].continue_()
    expect(page.get_by_role("heading", name="To your identity provider")).to_be_hidden()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", name="Inbox")).to_be_visible()


@pytest.mark.usefixtures("saml_page")
def test_by_saml(traveller: Traveller, saml: SamlProvider, idp: IdentityProvider, work: Work) -> None:
    page = traveller.page
    assert (build.BUILT / "inbox.js").exists(), "run 'make inbox' first, as make test does"
    set_up(work, saml.wanted("acme.example"))
    traveller.go("/signin?next=/signin%3Fhere")
    offer(page, "ann@acme.example")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Go on").click()
    expect_account(page)
    assert page.url == f"{traveller.address}/signin?here"
    assert work(lambda: Member.objects.get(person__email="ann@acme.example").status) == "active"
    sign_out(page)
    is_let_in_where_requests_are_taken_by_forms_alone(traveller, idp, work)
    assert work(lambda: Session.objects.filter(method="sso").count()) == 2
