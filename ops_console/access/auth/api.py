"""/auth: codes, passkeys, tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast
from uuid import UUID

from django.contrib.auth import login, logout
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.parsers import FormParser
from rest_framework.request import Request

from ops_console.access import rate_limits
from ops_console.access.actors import Actor
from ops_console.access.auth import cookies, serializers
from ops_console.access.models import Passkey
from ops_console.access.services import codes, passkeys, sessions, sign_in
from ops_console.access.services.sessions import Client
from ops_console.access.services.sign_in import Choice, SignedIn
from ops_console.errors import InvalidInput, Unauthenticated
from ops_console.organizations.models import Organization, Person
from ops_console.rest.authentication import BEARER, BearerAuthentication, Caller
from ops_console.rest.client_address import client_address
from ops_console.rest.parsers import StrictJSONParser
from ops_console.rest.problems import InvalidBody
from ops_console.rest.views import ProblemView, answer

# What these answer is for nobody else's eyes, now or later (RFC 6749, 5.1).
PRIVATE = {"Cache-Control": "no-store"}
BACKEND = "django.contrib.auth.backends.ModelBackend"
Members = dict[str, Any]
Authentications = Sequence[type[BaseAuthentication]]
SIGNED_IN = {200: serializers.SignedInSerializer}
OPTIONS = {200: OpenApiResponse({"type": "object", "additionalProperties": True}, "As the browser takes it.")}


class AuthView(ProblemView):
    """For whoever calls. An Idempotency-Key means nothing here: codes, challenges and tokens are good once anyway."""

    authentication_classes: Authentications = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        rate_limits.take_for(Actor.anyone(self.client.address))

    @property
    def client(self) -> Client:
        return Client(client_address(self.request.META), self.request.META.get("HTTP_USER_AGENT", ""))

    def get_authenticate_header(self, request: Request) -> str:
        return BEARER

    def _respond_once(self, key: str, handle: Callable[[], HttpResponseBase]) -> HttpResponseBase:
        return handle()

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        # Here members are called in JSON what services call them.
        if type(exc) is InvalidInput:
            exc = InvalidBody(exc.errors)
        return super().handle_exception(exc)

    def parsed(self, serializer: type[serializers.AuthSerializer]) -> Members:
        members = serializer(data=self.request.data).parsed()
        if members.get("cookie"):
            cookies.require_own_page(self.request._request)
        return members

    def entered(self, entered: SignedIn | Choice, *, cookie: bool) -> HttpResponse:
        """The answer to a sign-in; into a cookie, with a console session for staff."""
        if isinstance(entered, Choice):
            return answer({"organizations": named(entered.organizations)}, headers=PRIVATE)
        if cookie and entered.session.person.is_staff:
            login(self.request._request, entered.session.person, backend=BACKEND)
        return tokens(entered, cookie=cookie)


class PersonView(AuthView):
    """For a person with an access token, of an organization or of none."""

    authentication_classes: Authentications = (BearerAuthentication,)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        caller = cast(Caller | None, request.auth)
        if caller is None:
            raise Unauthenticated("Give an access token, as Authorization: Bearer.")
        rate_limits.take_for(caller.actor)


# --- Codes ---------------------------------------------------------------------------------------------------------


class CodeStartView(AuthView):
    @extend_schema(
        operation_id="authStartCode",
        summary="Send a code",
        description="Sends six digits to the address, good for three minutes in place of earlier ones. The answer is "
        "the same whether or not somebody of that address is known.",
        request=serializers.CodeRequestSerializer,
        responses={202: serializers.CodeSentSerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        members = self.parsed(serializers.CodeRequestSerializer)
        lifetime = codes.start(email=members["email"], client=self.client, now=self.now)
        return answer({"expires_in": int(lifetime.total_seconds())}, status=202, headers=PRIVATE)


class CodeVerifyView(AuthView):
    @extend_schema(
        operation_id="authVerifyCode",
        summary="Sign in with a code",
        description="A code has five tries and one use. A member of several organizations gets them to choose from, "
        "and calls again with `organization_id`; the code stays good for that. Somebody without an organization gets "
        "a token that is good for creating one.",
        request=serializers.CodeSerializer,
        responses=SIGNED_IN,
    )
    def post(self, request: Request) -> HttpResponse:
        members = self.parsed(serializers.CodeSerializer)
        entered = codes.verify(
            email=members["email"],
            code=members["code"],
            organization_id=members["organization_id"],
            client=self.client,
            now=self.now,
        )
        return self.entered(entered, cookie=members["cookie"])


# --- Passkeys ------------------------------------------------------------------------------------------------------


class PasskeySignInOptionsView(AuthView):
    @extend_schema(
        operation_id="authPasskeyOptions",
        summary="Begin to sign in with a passkey",
        description="What `navigator.credentials.get` is called with, as `publicKey`: a PublicKeyCredentialRequest"
        "OptionsJSON of Web Authentication. Its challenge is good for five minutes and one answer.",
        request=serializers.EmptySerializer,
        responses=OPTIONS,
    )
    def post(self, request: Request) -> HttpResponse:
        self.parsed(serializers.EmptySerializer)
        return answer(passkeys.sign_in_options(client=self.client, now=self.now), headers=PRIVATE)


class PasskeySignInView(AuthView):
    @extend_schema(
        operation_id="authVerifyPasskey",
        summary="Sign in with a passkey",
        description="Answers as a code does: tokens, or organizations to choose from.",
        request=serializers.PasskeyAnswerSerializer,
        responses=SIGNED_IN,
    )
    def post(self, request: Request) -> HttpResponse:
        members = self.parsed(serializers.PasskeyAnswerSerializer)
        try:
            entered = passkeys.sign_in(
                credential=members["credential"],
                organization_id=members["organization_id"],
                client=self.client,
                now=self.now,
            )
        except Unauthenticated:
            rate_limits.count_failed_authentication(self.client.address)
            raise
        return self.entered(entered, cookie=members["cookie"])


class PasskeyRegistrationOptionsView(PersonView):
    @extend_schema(
        operation_id="authNewPasskeyOptions",
        summary="Begin to add a passkey",
        description="What `navigator.credentials.create` is called with, as `publicKey`: a PublicKeyCredential"
        "CreationOptionsJSON of Web Authentication.",
        request=serializers.EmptySerializer,
        responses=OPTIONS,
    )
    def post(self, request: Request) -> HttpResponse:
        self.parsed(serializers.EmptySerializer)
        return answer(passkeys.registration_options(actor=self.actor, now=self.now), headers=PRIVATE)


class PasskeyRegistrationView(PersonView):
    @extend_schema(
        operation_id="authAddPasskey",
        summary="Add a passkey",
        description="Keeps the passkey that answered; a person may have twenty.",
        request=serializers.NewPasskeySerializer,
        responses={201: serializers.PasskeySerializer},
    )
    def post(self, request: Request) -> HttpResponse:
        members = self.parsed(serializers.NewPasskeySerializer)
        passkey = passkeys.register(actor=self.actor, now=self.now, **members)
        return answer(passkey_members(passkey), status=201, headers=PRIVATE)


class PasskeysView(PersonView):
    @extend_schema(
        operation_id="authListPasskeys",
        summary="List one's passkeys",
        description="Oldest first.",
        responses=serializers.PasskeysSerializer,
    )
    def get(self, request: Request) -> HttpResponse:
        own = passkeys.passkeys_of(actor=self.actor)
        return answer({"passkeys": [passkey_members(passkey) for passkey in own]}, headers=PRIVATE)


class PasskeyView(PersonView):
    takes_body = False

    @extend_schema(
        operation_id="authRemovePasskey",
        summary="Remove a passkey",
        description="Refuses it from its next use on.",
        responses={204: None},
    )
    def delete(self, request: Request, passkey_id: UUID) -> HttpResponse:
        passkeys.remove(passkey_id=passkey_id, actor=self.actor, now=self.now)
        return answer(status=204)


# --- Tokens --------------------------------------------------------------------------------------------------------


class RefreshView(AuthView):
    # The form is what RFC 6749 has.
    parser_classes: Any = (StrictJSONParser, FormParser)

    @extend_schema(
        operation_id="authRefresh",
        summary="Get new tokens",
        description="Uses the refresh token up and gives the next one. A second use ends the session; but within "
        "30 seconds, and while what it gave is not used, it gives another, in case an answer was lost. "
        "`organization_id` moves on to another organization of the person.",
        request=serializers.RefreshSerializer,
        responses=SIGNED_IN,
    )
    def post(self, request: Request) -> HttpResponse:
        members = self.parsed(serializers.RefreshSerializer)
        try:
            refreshed = sign_in.refresh(
                refresh_token=self._token(members), organization_id=members["organization_id"], now=self.now
            )
        except Unauthenticated:
            rate_limits.count_failed_authentication(self.client.address)
            raise
        return tokens(refreshed, cookie=members["cookie"])

    def _token(self, members: Members) -> str:
        if members["cookie"]:
            return cookies.refresh_token(self.request._request)
        if not members["refresh_token"]:
            raise InvalidInput.field("refresh_token", message="Give one, or ask for the cookie.", code="required")
        return str(members["refresh_token"])


class SignOutView(AuthView):
    authentication_classes: Authentications = (BearerAuthentication,)

    @extend_schema(
        operation_id="authSignOut",
        summary="Sign out",
        description="Ends the session of the refresh token given, of the cookie, or of the access token: its tokens "
        "are refused at once. One that is unknown or over is fine (RFC 7009).",
        request=serializers.SignOutSerializer,
        responses={204: None},
    )
    def post(self, request: Request) -> HttpResponse:
        members = self.parsed(serializers.SignOutSerializer)
        response = answer(status=204)
        if members["cookie"]:
            sessions.sign_out(refresh_token=cookies.refresh_token(request._request), now=self.now)
            logout(request._request)
            cookies.drop(response)
        elif members["refresh_token"]:
            sessions.sign_out(refresh_token=members["refresh_token"], now=self.now)
        else:
            self._end_own(cast(Caller | None, request.auth))
        return response

    def _end_own(self, caller: Caller | None) -> None:
        if caller is None or caller.actor.person is None or caller.actor.credential_id is None:
            raise Unauthenticated("Give a refresh token, or an access token as Authorization: Bearer.")
        sessions.end_session(session_id=caller.actor.credential_id, reason=sessions.SIGNED_OUT, now=self.now)


# --- Answers -------------------------------------------------------------------------------------------------------


def tokens(signed_in: SignedIn, *, cookie: bool) -> HttpResponse:
    session, person = signed_in.session, signed_in.session.person
    member = session.member
    members: Members = {
        "access_token": signed_in.access.text,
        "token_type": "Bearer",
        "expires_in": int(signed_in.access.lifetime.total_seconds()),
        "method": session.method,
        "person": person_members(person),
        "organization": organization_members(member.organization) if member else None,
        "member": {"id": member.id, "name": member.name, "role": member.role.slug} if member else None,
        "organizations": named(own.organization for own in sign_in.organizations_of(session)),
    }
    if not cookie:
        return answer({**members, "refresh_token": signed_in.refresh_token}, headers=PRIVATE)
    response = answer(members, headers=PRIVATE)
    cookies.keep(response, signed_in.refresh_token)
    return response


def person_members(person: Person) -> Members:
    return {"id": person.id, "email": person.email, "is_staff": person.is_staff}


def organization_members(organization: Organization) -> Members:
    return {"id": organization.id, "name": organization.name}


def named(organizations: Iterable[Organization]) -> list[Members]:
    return [organization_members(organization) for organization in organizations]


def passkey_members(passkey: Passkey) -> Members:
    names = ("id", "name", "is_backed_up", "created_at", "last_used_at")
    return {name: getattr(passkey, name) for name in names}
