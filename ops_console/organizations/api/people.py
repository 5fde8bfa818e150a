"""/api/v1/people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request

from ops_console.access.services.sessions import end_sessions_of_person
from ops_console.access.staff import set_staff
from ops_console.organizations.filters import PersonFilter
from ops_console.organizations.models import Person
from ops_console.organizations.serializers.people import PersonSerializer, StaffSerializer
from ops_console.rest.pagination import Orderings
from ops_console.rest.serializers import ReasonSerializer
from ops_console.rest.views import ResourceViewSet, answer


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListPeople",
        summary="List people",
        description="Staff and members of organizations. `search` is the beginning of an e-mail address.",
    ),
    retrieve=extend_schema(
        operation_id="opsGetPerson", summary="Read a person", description="One person, with the groups of staff."
    ),
)
class PersonViewSet(ListModelMixin, RetrieveModelMixin, ResourceViewSet):
    resource = "people"
    # Ids grow with time.
    orderings: ClassVar[Orderings] = {"-createdAt": ("-id",), "createdAt": ("id",)}
    policy_actions: ClassVar[Mapping[str, str]] = {"staff": "set_staff"}
    filterset_class = PersonFilter
    search_fields = ("email__startswith",)
    serializer_class = PersonSerializer
    queryset = Person.objects.prefetch_related("groups")

    @extend_schema(
        operation_id="opsEndSessions",
        summary="End all sessions of a person",
        description="Signs the person out of every organization and of the console. API keys and passkeys stay.",
        request=ReasonSerializer,
        responses=PersonSerializer,
    )
    @action(detail=True, methods=["post"], url_path="end-sessions")
    def end_sessions(self, request: Request, pk: str) -> HttpResponse:
        person = self.get_object()
        given = ReasonSerializer(data=request.data).parsed()
        end_sessions_of_person(person_id=person.pk, actor=self.actor, now=self.now, **given)
        return answer(PersonSerializer(person).data)

    @extend_schema(
        operation_id="opsSetStaff",
        summary="Open or close the console to a person",
        description="Puts the person into exactly these groups. Nobody gives or takes what he may not do himself.",
        request=StaffSerializer,
        responses=PersonSerializer,
    )
    @action(detail=True, methods=["post"])
    def staff(self, request: Request, pk: str) -> HttpResponse:
        person = set_staff(
            person_id=self.get_object().pk,
            actor=self.actor,
            now=self.now,
            **StaffSerializer(data=request.data).parsed(),
        )
        return answer(PersonSerializer(person).data)
