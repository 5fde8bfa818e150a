"""Signing in to the console with a password: for superusers, before there is a mailbox or a passkey to use."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from unfold.forms import AuthenticationForm

from ops_console.access import rate_limits
from ops_console.errors import RateLimited
from ops_console.rest.client_address import client_address


class SuperuserForm(AuthenticationForm):
    """The theme's form, for superusers; failures count against the caller's address."""

    def clean(self) -> dict[str, Any]:
        try:
            cleaned: dict[str, Any] = super().clean()
        except ValidationError:
            self._count_failure()
            raise
        return cleaned

    def confirm_login_allowed(self, user: Any) -> None:
        super().confirm_login_allowed(user)
        if not user.is_superuser:
            raise ValidationError("A password is for superusers alone: use a code or a passkey.", code="no_superuser")

    def _count_failure(self) -> None:
        meta = self.request.META if self.request else {}
        try:
            rate_limits.count_failed_authentication(client_address(meta))
        except RateLimited as error:
            raise ValidationError(error.message, code=error.code) from None
