"""Below /pigeon/v1/{account}/."""

from __future__ import annotations

from django.urls import path

from couriers.api import CouriersView, TipView

urlpatterns = [
    path("couriers", CouriersView.as_view()),
    path("couriers/tip", TipView.as_view()),
]
