from __future__ import annotations

from django.urls import path

from ops_console.access.auth import api, pages, sso, well_known

urlpatterns = [
    path("auth/otp/start", api.CodeStartView.as_view()),
    path("auth/otp/verify", api.CodeVerifyView.as_view()),
    path("auth/passkeys/login/options", api.PasskeySignInOptionsView.as_view()),
    path("auth/passkeys/login/verify", api.PasskeySignInView.as_view()),
    path("auth/passkeys/register/options", api.PasskeyRegistrationOptionsView.as_view()),
    path("auth/passkeys/register/verify", api.PasskeyRegistrationView.as_view()),
    path("auth/passkeys", api.PasskeysView.as_view()),
    path("auth/passkeys/<uuid:passkey_id>", api.PasskeyView.as_view()),
    path("auth/token/refresh", api.RefreshView.as_view()),
    path("auth/signout", api.SignOutView.as_view()),
    path("auth/sso/start", sso.SsoStartView.as_view()),
    path("auth/sso/<str:provider>/callback", sso.OidcReturnView.as_view()),
    path("auth/sso/<str:provider>/acs", sso.SamlReturnView.as_view()),
    path("auth/sso/<str:provider>/request", sso.saml_request),
    path("auth/sso/<str:provider>/metadata", sso.saml_metadata),
    path("signin", pages.sign_in_page, name="signin"),
    path(".well-known/jwks.json", well_known.key_set),
    path(".well-known/oauth-authorization-server", well_known.metadata),
]
