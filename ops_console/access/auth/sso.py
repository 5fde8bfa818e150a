"""/auth/sso: signing in through an organization's identity provider, in a browser.

It begins on a page of this installation and ends on one. The refresh token is in the page's cookie then, as after a
code; the page fetches its access token with it. No console session is opened here, for a provider vouches for a member
of its organization and for nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import FormParser
from rest_framework.request import Request

from ops_console.access import rate_limits
from ops_console.access.auth import cookies, serializers
from ops_console.access.auth.api import PRIVATE, AuthView
from ops_console.access.auth.pages import own_path
from ops_console.access.models import SsoProviderType
from ops_console.access.services import sso_sign_in
from ops_console.access.services.sso_sign_in import Begun, Entered
from ops_console.access.sso import saml
from ops_console.access.sso.refusals import NotLetIn
from ops_console.organizations import domains
from ops_console.rest.middleware import PAGE_POLICY
from ops_console.rest.views import answer

# As every page's, but that its form goes to a provider, which may send it on.
FORM_POLICY = PAGE_POLICY.replace("form-action 'self'", "form-action https:")


class SsoStartView(AuthView):
    @extend_schema(
        operation_id="authStartSso",
        summary="Begin to sign in through an identity provider",
        description="For pages of this installation: the browser goes to `url` and comes back signed in, its refresh "
        "token in the cookie. `provider` is the `provider_name` of CheckSSOByDomain.",
        request=serializers.SsoStartSerializer,
        responses={200: serializers.SsoBegunSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        members = self.parsed(serializers.SsoStartSerializer)
        cookies.require_own_page(request._request)
        begun = sso_sign_in.begin(
            provider_name=members["provider"],
            email=members["email"],
            return_to=own_path(members["next"]),
            client=self.client,
            now=self.now,
        )
        response = answer({"url": begun.url}, headers=PRIVATE)
        keep_secret(response, begun)
        return response


class ReturnView(AuthView):
    """Where browsers come back to. A person reads what comes of it: refusals are told on the sign-in page."""

    takes_body = False

    def finished(self, finish: Any, provider: str, members: Mapping[str, str], state: str) -> HttpResponse:
        try:
            entered: Entered = finish(
                provider_name=provider,
                answer=members,
                cookies=self.request._request.COOKIES,
                client=self.client,
                now=self.now,
            )
        except NotLetIn as refusal:
            sso_sign_in.note_refusal(provider, refusal, self.client)
            rate_limits.count_failed_authentication(self.client.address)
            response = told(refusal)
        else:
            response = see_other(own_path(entered.return_to) or reverse("signin"))
            cookies.keep(response, entered.signed_in.refresh_token)
        drop_secret(response, state)
        return response


class OidcReturnView(ReturnView):
    @extend_schema(exclude=True)
    def get(self, request: Request, provider: str) -> HttpResponse:
        members = cast(Mapping[str, str], request._request.GET.dict())
        return self.finished(sso_sign_in.finish_oidc, provider, members, members.get("state", ""))


class SamlReturnView(ReturnView):
    parser_classes: Any = (FormParser,)

    @extend_schema(exclude=True)
    def post(self, request: Request, provider: str) -> HttpResponse:
        members = cast(Mapping[str, str], cast(QueryDict, request.data).dict())
        return self.finished(sso_sign_in.finish_saml, provider, members, members.get("RelayState", ""))


@never_cache
@require_safe
def saml_request(request: HttpRequest, provider: str) -> HttpResponse:
    """Posts the request to a provider that takes it by no other way."""
    try:
        posted = sso_sign_in.posted_request(
            provider_name=provider, state=request.GET.get("state", ""), cookies=request.COOKIES, now=timezone.now()
        )
    except NotLetIn as refusal:
        return told(refusal)
    response = render(request, "sso_request.html", {"posted": posted})
    response["Content-Security-Policy"] = FORM_POLICY
    return response


@require_safe
def saml_metadata(request: HttpRequest, provider: str) -> HttpResponse:
    """What is entered at the provider, before it is set up here too: it follows from the domain alone."""
    kind, _, domain = provider.partition("-")
    if kind != SsoProviderType.SAML or not domains.is_normal(domain):
        raise Http404
    return HttpResponse(saml.own_metadata(provider), content_type="application/samlmetadata+xml")


def told(refusal: NotLetIn) -> HttpResponse:
    path = own_path(refusal.return_to)
    members = {"problem": str(refusal.told), **({"next": path} if path else {})}
    return see_other(f"{reverse('signin')}?{urlencode(members)}")


def see_other(path: str) -> HttpResponse:
    """Go on by GET, whatever the method was; no code or assertion is left in the address."""
    response = HttpResponseRedirect(path, status=303)
    response["Cache-Control"] = PRIVATE["Cache-Control"]
    response["Referrer-Policy"] = "no-referrer"
    return response


def keep_secret(response: HttpResponse, begun: Begun) -> None:
    response.set_cookie(
        begun.cookie,
        begun.secret,
        max_age=sso_sign_in.LIFETIME,
        # Cookies that come with other sites' forms must be Secure; browsers count http://localhost as that.
        secure=settings.IS_HTTPS or begun.by_form,
        httponly=True,
        samesite="None" if begun.by_form else "Lax",
    )


def drop_secret(response: HttpResponse, state: str) -> None:
    response.set_cookie(
        sso_sign_in.cookie_name(state), "", max_age=timedelta(0), secure=settings.IS_HTTPS, httponly=True
    )
