"""Below /: what signed addresses lead to."""

from __future__ import annotations

from django.urls import path

from campaigns.heatmaps.views import screenshot

urlpatterns = [path("screenshots/<str:token>", screenshot, name="screenshot")]
