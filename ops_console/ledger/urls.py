"""Below /api/v1/."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from ops_console.ledger.api import AccountViewSet, EntryViewSet, RefundViewSet


def register(router: SimpleRouter) -> None:
    router.register("accounts", AccountViewSet, basename="accounts")
    router.register("entries", EntryViewSet, basename="entries")
    router.register("refunds", RefundViewSet, basename="refunds")
