"""Below /pigeon/v1/{account}/ and, for staff, /api/v1/."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from couriers.api import CouriersView, TipView
from couriers.ops_api import CourierViewSet

urlpatterns = [
    path("couriers", CouriersView.as_view()),
    path("couriers/tip", TipView.as_view()),
]


def register(router: SimpleRouter) -> None:
    router.register("couriers", CourierViewSet, basename="couriers")
