"""People, the organizations they belong to, and the roles they hold there."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from uuid6 import uuid7

from ops_console.organizations.querysets import OrganizationQuerySet


class PersonManager(BaseUserManager["Person"]):
    """Creates people; Django's ``createsuperuser`` calls it."""

    def get_by_natural_key(self, username: str | None) -> Person:
        return self.get(email=(username or "").strip().lower())

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Person:
        person = self.model(email=email.strip().lower(), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> Person:
        return self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})


class Person(AbstractBaseUser, PermissionsMixin):
    """A human being with an e-mail address; ``is_staff`` opens the operations console."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    is_staff = models.BooleanField("may use the console", default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[PersonManager] = PersonManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name_plural = "people"
        permissions: ClassVar = [("manage_staff", "Can say who uses the console, and in which groups")]
        # Lists of staff, who are few among all people.
        indexes: ClassVar = [models.Index(fields=["id"], condition=models.Q(is_staff=True), name="person_staff")]
        constraints: ClassVar = [
            models.CheckConstraint(name="person_email_lower", condition=models.Q(email=Lower("email"))),
        ]

    def __str__(self) -> str:
        return self.email


class Organization(models.Model):
    """A tenant: everything a customer owns hangs on one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    # Requests per second and burst of the shared bucket; empty means the installation's default.
    rate_per_s = models.PositiveIntegerField(null=True, blank=True)
    rate_burst = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        # The console's list and /api/v1/organizations, by age.
        indexes: ClassVar = [models.Index(fields=["created_at", "id"], name="organization_created")]
        permissions: ClassVar = [
            ("create_organization", "Can open an organization with its first administrator and account"),
            ("set_rate", "Can set an organization's request rate"),
        ]

    def __str__(self) -> str:
        return self.name


class Role(models.Model):
    """A named set of rights inside one organization."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="roles")
    name = models.CharField(max_length=100)
    rights = ArrayField(models.CharField(max_length=32), default=list)
    is_system = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "name"], name="role_name_unique"),
            models.UniqueConstraint(
                fields=["organization"], condition=models.Q(is_default=True), name="role_one_default"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class MemberStatus(models.TextChoices):
    INVITED = "invited", "Invited"
    ACTIVE = "active", "Active"
    DEACTIVATED = "deactivated", "Deactivated"


class Member(models.Model):
    """A person in an organization, with a role; what one organization writes here no other sees."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="members")
    person = models.ForeignKey(Person, models.PROTECT, related_name="memberships")
    role = models.ForeignKey(Role, models.PROTECT, related_name="members")
    name = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=16, choices=MemberStatus.choices, default=MemberStatus.ACTIVE)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "person"], name="member_unique"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.id)
