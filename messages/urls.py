"""Below /pigeon/v1/<account>/ and, for staff, /api/v1/."""

from __future__ import annotations

from django.urls import path
from rest_framework.routers import SimpleRouter

from messages import api, ops_api

urlpatterns = [
    path("messages", api.MessagesView.as_view()),
    path("messages/<str:msg_id>", api.MessageView.as_view()),
    path("quotes", api.QuotesView.as_view()),
    path("recipients", api.RecipientsView.as_view()),
    path("recipients/<str:recipient_id>", api.RecipientView.as_view()),
]


def register(router: SimpleRouter) -> None:
    router.register("messages", ops_api.MessageViewSet, basename="messages")
    router.register("refunds", ops_api.RefundApprovalViewSet, basename="refund-approvals")
    router.register("recipients", ops_api.RecipientViewSet, basename="recipients")
