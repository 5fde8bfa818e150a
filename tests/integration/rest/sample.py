"""A small API on the plumbing, so that its rules are tested where no domain's rules stand in the way."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.views import APIView

from ops_console import errors
from ops_console.ledger.models import Account
from ops_console.organizations.models import Organization
from ops_console.rest import fields
from ops_console.rest.serializers import StrictSerializer
from ops_console.rest.views import AccountAPIView, ResourceViewSet, answer


class NoteSerializer(StrictSerializer):
    name = fields.TextField(max_length=100)
    is_urgent = fields.BooleanField(required=False)


class Notes(AccountAPIView):
    def get(self, request: Request, account: str) -> HttpResponse:
        return answer({"account": self.account.username, "actor": self.actor.label, "cost": Decimal("0.1")})

    def post(self, request: Request, account: str) -> HttpResponse:
        note = NoteSerializer(data=request.data).parsed()
        made = Organization.objects.create(name=note["name"])
        if note.get("is_urgent"):
            raise errors.CreditExceeded()
        return answer({"id": made.pk, "secret": "s3cret"}, status=201, headers={"Location": "/n"}, kept={"id": made.pk})


class Tips(AccountAPIView):
    takes_body = False

    def post(self, request: Request, account: str) -> HttpResponse:
        Organization.objects.create(name="tip")
        return answer({"tip": Decimal("0.05")})


class Slow(AccountAPIView):
    """Takes until another request was refused meanwhile."""

    other_was_refused = threading.Event()

    def post(self, request: Request, account: str) -> HttpResponse:
        made = Organization.objects.create(name=NoteSerializer(data=request.data).parsed()["name"])
        self.other_was_refused.wait(60)
        return answer({"id": made.pk}, status=201)


class Broken(AccountAPIView):
    def get(self, request: Request, account: str) -> HttpResponse:
        raise KeyError("SELECT another tenant's secret")


class OrganizationSerializer(StrictSerializer):
    id = fields.TextField()
    name = fields.TextField()


class Organizations(ListModelMixin, RetrieveModelMixin, ResourceViewSet):
    resource = "organizations"
    orderings: ClassVar = {"-createdAt": ("-created_at", "-id"), "name": ("name", "id")}
    policy_actions: ClassVar = {"rename": "create"}
    serializer_class = OrganizationSerializer
    filterset_fields: ClassVar = {"id": ["exact"], "created_at": ["gte"]}
    search_fields = ("name",)

    def get_queryset(self) -> QuerySet[Any]:
        return Organization.objects.all()

    @action(detail=True, methods=["post"])
    def rename(self, request: Request, pk: str) -> Response:
        return Response({"name": NoteSerializer(data=request.data).parsed()["name"]})

    @action(detail=False)
    def unlisted(self, request: Request) -> Response:
        return Response({})


class Forgotten(APIView):
    """A view nobody gave a policy."""

    def get(self, request: Request) -> Response:
        return Response({})


def page(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{Account.objects.count()}")


router = SimpleRouter(trailing_slash=False)
router.register("organizations", Organizations, basename="organizations")
urlpatterns = [
    path("pigeon/v1/<str:account>/notes", Notes.as_view()),
    path("pigeon/v1/<str:account>/tips", Tips.as_view()),
    path("pigeon/v1/<str:account>/slow", Slow.as_view()),
    path("pigeon/v1/<str:account>/broken", Broken.as_view()),
    path("api/v1/", include(router.urls)),
    path("api/v1/forgotten", Forgotten.as_view()),
    path("page", page),
    path("", include("ops_console.observability.urls")),
]
