"""Below /pigeon/v1/<account>/."""

from __future__ import annotations

from django.urls import path

from messages import api

urlpatterns = [
    path("messages", api.MessagesView.as_view()),
    path("messages/<str:msg_id>", api.MessageView.as_view()),
    path("quotes", api.QuotesView.as_view()),
    path("recipients", api.RecipientsView.as_view()),
    path("recipients/<str:recipient_id>", api.RecipientView.as_view()),
]
