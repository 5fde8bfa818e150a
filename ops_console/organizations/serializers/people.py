"""People as /api/v1 shows and takes them."""

from __future__ import annotations

from rest_framework import serializers

from ops_console.organizations.models import Person
from ops_console.rest.fields import BooleanField, InstantField, ListField, TextField
from ops_console.rest.serializers import StrictSerializer


class PersonSerializer(StrictSerializer):
    """Somebody with an e-mail address."""

    id = serializers.UUIDField()
    email = serializers.CharField()
    is_staff = serializers.BooleanField(help_text="Whether the console is open to them.")
    is_superuser = serializers.BooleanField()
    is_active = serializers.BooleanField()
    groups = serializers.SerializerMethodField(method_name="group_names")
    created_at = InstantField()

    def group_names(self, person: Person) -> list[str]:
        return sorted(group.name for group in person.groups.all())


class StaffSerializer(StrictSerializer):
    """Whether a person uses the console, and in which groups."""

    is_staff = BooleanField()
    groups = ListField(child=TextField(max_length=150), max_length=50, help_text="All of them: others are left.")
    reason = TextField(max_length=200)
