"""What lets a caller in, and what remembers that a request was already carried out."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from uuid6 import uuid7

from ops_console.access.querysets import (
    ApiKeyQuerySet,
    CredentialQuerySet,
    ServiceKeyQuerySet,
    SsoProviderQuerySet,
)


class AccountCredential(models.Model):
    """An Auth ID with its Auth Key, of which only the SHA-256 digest is kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey("ledger.Account", models.CASCADE, related_name="credentials")
    auth_id = models.CharField(max_length=64, unique=True)
    key_digest = models.BinaryField(max_length=32)
    label = models.CharField(max_length=100, blank=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = CredentialQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("create_credential", "Can open a credential on an account"),
            ("revoke_credential", "Can revoke a credential"),
        ]

    def __str__(self) -> str:
        return self.auth_id


class IdempotencyRecord(models.Model):
    """The answer given to a request that carried an Idempotency-Key."""

    id = models.BigAutoField(primary_key=True)
    # SHA-256 over organization, caller, endpoint and key: what the key is scoped to.
    scope = models.BinaryField(max_length=32, unique=True)
    request_digest = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    body = models.BinaryField()
    headers = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        # The purge of answers older than 24 h.
        indexes: ClassVar = [models.Index(fields=["created_at"], name="idempotency_created")]

    def __str__(self) -> str:
        return f"{self.status} at {self.created_at}"


class ApiKey(models.Model):
    """An organization's key for programs: acts as its creator, with its own rights among those the creator holds."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey("organizations.Organization", models.CASCADE, related_name="api_keys")
    creator = models.ForeignKey("organizations.Member", models.CASCADE, related_name="api_keys")
    name = models.CharField(max_length=200)
    # The key's first characters, by which people tell keys apart.
    key_prefix = models.CharField(max_length=20)
    key_digest = models.BinaryField(max_length=32, unique=True)
    rights = ArrayField(models.CharField(max_length=32))
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        # The organization's list of keys that are not revoked, newest first.
        indexes: ClassVar = [
            models.Index(
                fields=["organization", "-id"], condition=models.Q(revoked_at=None), name="apikey_of_organization"
            )
        ]

    def __str__(self) -> str:
        return self.key_prefix


class ServiceScope(models.TextChoices):
    ORGANIZATIONS = "organizations", "Opens organizations"
    RENDER = "render", "Renders templates"


class ServiceKey(models.Model):
    """A key of a program beside this one: no organization, and only what its scope names."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    scope = models.CharField(max_length=16, choices=ServiceScope.choices)
    key_prefix = models.CharField(max_length=20)
    key_digest = models.BinaryField(max_length=32, unique=True)
    created_by = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = ServiceKeyQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [("manage_service_keys", "Can make and revoke the keys of services")]

    def __str__(self) -> str:
        return self.key_prefix


class SigningKeyState(models.TextChoices):
    NEXT = "next", "Next"
    CURRENT = "current", "Current"
    RETIRED = "retired", "Retired"


class SigningKey(models.Model):
    """An RSA key pair that signs tokens: published before it signs, and for as long as its tokens last."""

    # The token's ``kid``.
    id = models.CharField(max_length=64, primary_key=True)
    state = models.CharField(max_length=8, choices=SigningKeyState.choices)
    # PEM, encrypted.
    private_key = models.BinaryField()
    # The public half as a JWK (RFC 7517).
    public_jwk = models.JSONField()
    created_at = models.DateTimeField()
    # Of the next key: when it is planned to sign; null without a plan.
    activated_at = models.DateTimeField(null=True, blank=True)
    retired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["state"], condition=models.Q(state="current"), name="one_current_key"),
            models.UniqueConstraint(fields=["state"], condition=models.Q(state="next"), name="one_next_key"),
        ]

    def __str__(self) -> str:
        return self.id


class SignInMethod(models.TextChoices):
    CODE = "code", "Code by e-mail"
    PASSKEY = "passkey", "Passkey"
    SSO = "sso", "Identity provider"
    COMMAND = "command", "Command"


class Session(models.Model):
    """A sign-in: what its access tokens name as ``sid`` and its refresh tokens belong to."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.ForeignKey("organizations.Person", models.CASCADE, related_name="token_sessions")
    # Null: a person without an organization, who may only create one.
    member = models.ForeignKey("organizations.Member", models.CASCADE, null=True, related_name="sessions")
    method = models.CharField(max_length=8, choices=SignInMethod.choices)
    # Of a session begun at an identity provider: good for its organization alone, and no longer than it.
    sso_provider = models.ForeignKey(
        "SsoProvider", models.SET_NULL, null=True, blank=True, related_name="sessions", db_index=False
    )
    address = models.GenericIPAddressField(null=True, blank=True)
    client = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    # When it is over however often it was refreshed: its provider is asked again then.
    not_after = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    # Why it ended: signed out, token reused, deactivated ...
    ended_for = models.CharField(max_length=32, blank=True)

    class Meta:
        indexes: ClassVar = [
            # The purge of those long over.
            models.Index(fields=["expires_at"], name="session_expires"),
            # Those that end with their provider.
            models.Index(
                fields=["sso_provider"], condition=models.Q(sso_provider__isnull=False), name="session_of_provider"
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class RefreshToken(models.Model):
    """One link of a session's chain: good for one use, soon after which it betrays whoever uses it again."""

    id = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(Session, models.CASCADE, related_name="refresh_tokens")
    token_digest = models.BinaryField(max_length=32, unique=True)
    created_at = models.DateTimeField()
    # When it was used, or became void.
    used_at = models.DateTimeField(null=True, blank=True)
    # Another that the same token gave was used in its place.
    is_void = models.BooleanField(default=False, db_default=False)

    class Meta:
        # The purge of those used long ago.
        indexes: ClassVar = [
            models.Index(fields=["used_at"], condition=models.Q(used_at__isnull=False), name="refreshtoken_used")
        ]

    def __str__(self) -> str:
        return f"{self.id} of {self.session_id}"


class SignInCode(models.Model):
    """Six digits sent to an e-mail address; one row an address, overwritten by the next code."""

    id = models.BigAutoField(primary_key=True)
    email = models.CharField(max_length=254, unique=True)
    # An HMAC under a key of the house: a bare digest of six digits is guessed at once.
    code_digest = models.BinaryField(max_length=32)
    n_tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        # The purge of those that expired.
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="signincode_expires")]

    def __str__(self) -> str:
        return f"a code of {self.created_at}"


class Passkey(models.Model):
    """A WebAuthn credential of a person (W3C Web Authentication, level 2)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    person = models.ForeignKey("organizations.Person", models.CASCADE, related_name="passkeys")
    name = models.CharField(max_length=100)
    credential_id = models.BinaryField(max_length=1023, unique=True)
    public_key = models.BinaryField()
    sign_count = models.PositiveBigIntegerField(default=0)
    transports = ArrayField(models.CharField(max_length=32), default=list)
    is_backed_up = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name


class PasskeyChallenge(models.Model):
    """A challenge given to a browser, good for one answer."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # Null: a sign-in, where nobody knows yet who it is.
    person = models.ForeignKey("organizations.Person", models.CASCADE, null=True, related_name="+")
    # Which the answer names.
    challenge = models.BinaryField(max_length=64, unique=True)
    expires_at = models.DateTimeField()

    class Meta:
        # The purge of those that expired.
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="challenge_expires")]

    def __str__(self) -> str:
        return str(self.id)


class SsoProviderType(models.TextChoices):
    SAML = "saml", "SAML"
    OIDC = "oidc", "OpenID Connect"


class ProofAnswer(models.TextChoices):
    """What came of asking the DNS for a domain's proof."""

    FOUND = "found", "The record is there"
    MISSING = "missing", "There is no such record"
    SILENT = "silent", "The name servers do not answer"
    TAKEN = "taken", "Another organization has proved the domain"


class SsoProvider(models.Model):
    """An organization's identity provider; it steers sign-in once its domain is proved."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.OneToOneField("organizations.Organization", models.CASCADE, related_name="sso_provider")
    domain = models.CharField(max_length=253)
    type = models.CharField(max_length=4, choices=SsoProviderType.choices)
    metadata_url = models.CharField(max_length=2048)
    # What the metadata says, checked: SAML entity id, sign-on address and certificates; OIDC issuer and endpoints.
    metadata = models.JSONField()
    # What the provider calls them: {"email", "given_name", "family_name"}.
    attribute_mapping = models.JSONField(default=dict)
    client_id = models.CharField(max_length=500, blank=True)
    # Encrypted.
    client_secret = models.BinaryField(null=True, blank=True)
    # SAML: whether it may send people who did not begin here.
    allows_idp_initiated = models.BooleanField(default=False)
    # The super_admin who may still sign in by code or passkey, while he is one; null leaves it to the longest-standing.
    break_glass = models.ForeignKey("organizations.Member", models.SET_NULL, null=True, blank=True, related_name="+")
    # What the TXT record of the domain must hold.
    proof = models.CharField(max_length=64)
    proved_at = models.DateTimeField(null=True, blank=True)
    # When the domain was last asked for its proof, and what came of it.
    asked_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=8, choices=ProofAnswer.choices, blank=True)
    # When it is asked next; null: not until somebody wants it.
    due_at = models.DateTimeField(null=True, blank=True)
    # Since when the record of a proved domain has been gone.
    missing_since = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = SsoProviderQuerySet.as_manager()

    class Meta:
        # Others may claim a domain; one can prove it. Also the look-up by an address's domain.
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["domain"], condition=models.Q(proved_at__isnull=False), name="sso_domain_proved_once"
            ),
        ]
        # Those whose domain is to be asked.
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=models.Q(due_at__isnull=False), name="sso_due"),
        ]

    def __str__(self) -> str:
        return self.domain

    @property
    def idp_provider_name(self) -> str:
        """By which clients name it when they begin a sign-in: it tells no more than who asks knows."""
        return f"{self.type}-{self.domain}"

    @property
    def is_proved(self) -> bool:
        return self.proved_at is not None


class SsoAttempt(models.Model):
    """A sign-in that was begun at a provider: one browser's, for minutes, and good for one answer."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(SsoProvider, models.CASCADE, related_name="+")
    # Of the state (SAML: the RelayState) that the answer names.
    state_digest = models.BinaryField(max_length=32, unique=True)
    # Of the secret in the browser's cookie, out of which nonce, PKCE verifier and request id are made.
    browser_digest = models.BinaryField(max_length=32)
    # A path of this installation to go on to; empty is the page itself.
    return_to = models.CharField(max_length=2000, blank=True)
    expires_at = models.DateTimeField()

    class Meta:
        # The purge of those that expired.
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="ssoattempt_expires")]

    def __str__(self) -> str:
        return str(self.id)


class UsedAssertion(models.Model):
    """A SAML assertion that has let somebody in, kept for as long as it would be good. It outlives its provider."""

    id = models.BigAutoField(primary_key=True)
    # Over issuer, audience and id.
    digest = models.BinaryField(max_length=32, unique=True)
    expires_at = models.DateTimeField()

    class Meta:
        # The purge of those that expired.
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="usedassertion_expires")]

    def __str__(self) -> str:
        return f"an assertion good until {self.expires_at}"
