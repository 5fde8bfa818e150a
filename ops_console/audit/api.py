"""/api/v1/audit."""

from __future__ import annotations

from typing import ClassVar

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.mixins import ListModelMixin

from ops_console.audit.filters import AuditFilter
from ops_console.audit.models import AuditEntry
from ops_console.audit.serializers import AuditEntrySerializer
from ops_console.rest.filters import StrictFilterBackend
from ops_console.rest.pagination import Orderings
from ops_console.rest.views import ResourceViewSet


@extend_schema_view(
    list=extend_schema(
        operation_id="opsListAudit",
        summary="Read the audit trail",
        description="What staff and commands changed: who, what, from what to what, why and from where.",
    ),
)
class AuditViewSet(ListModelMixin, ResourceViewSet):
    resource = "audit"
    orderings: ClassVar[Orderings] = {"-at": ("-at", "-id"), "at": ("at", "id")}
    filter_backends = (StrictFilterBackend,)
    filterset_class = AuditFilter
    serializer_class = AuditEntrySerializer
    queryset = AuditEntry.objects.all()
