"""What the product's endpoints are measured beside: bare DRF views without any middleware, on the same server."""

from __future__ import annotations

import os
from typing import Any

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.urls import path
from django.utils import timezone

django.setup()

from rest_framework.parsers import JSONParser  # noqa: E402
from rest_framework.renderers import JSONRenderer  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

from messages.ids import new_msg_id  # noqa: E402
from messages.models import Message  # noqa: E402
from messages.serializers import MessageSerializer  # noqa: E402
from ops_console.ledger.models import Account  # noqa: E402


class BareView(APIView):
    """DRF as it comes, without callers."""

    authentication_classes: Any = ()
    permission_classes: Any = ()
    parser_classes: Any = (JSONParser,)
    renderer_classes: Any = (JSONRenderer,)


class Insert(BareView):
    """The product's serializer, then one INSERT into the product's table."""

    def post(self, request: Request) -> Response:
        serializer = MessageSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        address = serializer.validated_data["destination"]["address"]
        now = timezone.now()
        account = first_account()
        message = Message.objects.create(
            msg_id=new_msg_id(),
            account_id=account.pk,
            organization_id=account.organization_id,  # type: ignore[misc]
            region="US_SW",
            address=dict(address),
            place_name=address["city"],
            latitude=33.448,
            longitude=-112.074,
            body=serializer.validated_data["message"]["body"],
            weight_g=2.95,
            cost="0.15",
            eta=now,
            created_at=now,
        )
        return Response({"msgId": message.msg_id, "status": message.status, "eta": now, "cost": 0.15}, status=201)


class Select(BareView):
    """One SELECT by key."""

    def get(self, request: Request, msg_id: str) -> Response:
        message = Message.objects.get(msg_id=msg_id)
        return Response(
            {"msgId": message.msg_id, "status": message.status, "eta": message.eta, "cost": float(message.cost)}
        )


_accounts: list[Account] = []


def first_account() -> Account:
    if not _accounts:
        _accounts.append(Account.objects.filter(kind="customer")[:1].get())
    return _accounts[0]


urlpatterns = [path("messages", Insert.as_view()), path("messages/<str:msg_id>", Select.as_view())]
settings.ROOT_URLCONF = __name__
settings.MIDDLEWARE = []
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ops_console.settings")
application = WSGIHandler()
