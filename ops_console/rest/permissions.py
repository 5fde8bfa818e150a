"""What a DRF view without a policy of its own gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission

if TYPE_CHECKING:
    # DRF reads this module by name while it defines these.
    from rest_framework.request import Request
    from rest_framework.views import APIView


class DenyAll(BasePermission):
    """Let nobody pass: a view says itself who may call it."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return False
