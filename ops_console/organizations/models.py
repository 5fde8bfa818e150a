"""People, the organizations they belong to, and the roles they hold there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from uuid6 import uuid7

from ops_console.organizations.addresses import normal_email
from ops_console.organizations.querysets import MemberQuerySet, OrganizationQuerySet, RoleQuerySet, TenantQuerySet
from ops_console.state_machine import TransitionEvent


class PersonManager(BaseUserManager["Person"]):
    """Creates people; Django's ``createsuperuser`` calls it."""

    def get_by_natural_key(self, username: str | None) -> Person:
        return self.get(email=normal_email(username or ""))

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> Person:
        person = self.model(email=normal_email(email), **fields)
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
    # Console sessions that began before are over.
    sessions_ended_at = models.DateTimeField(null=True, blank=True, editable=False)

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

    def get_session_auth_hash(self) -> str:
        return self._since_ended(super().get_session_auth_hash())

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        yield from map(self._since_ended, super().get_session_auth_fallback_hash())

    def _since_ended(self, auth_hash: str) -> str:
        """What a console session holds and is over without: another once sessions were ended."""
        return f"{auth_hash} {self.sessions_ended_at.isoformat()}" if self.sessions_ended_at else auth_hash


class Industry(models.TextChoices):
    """The wire's ``Industry`` names without their prefix, in small letters."""

    TECHNOLOGY = "technology", "Technology"
    FINANCE = "finance", "Finance"
    HEALTHCARE = "healthcare", "Healthcare"
    EDUCATION = "education", "Education"
    RETAIL = "retail", "Retail"
    MANUFACTURING = "manufacturing", "Manufacturing"
    MEDIA = "media", "Media"
    OTHER = "other", "Other"


class CompanySize(models.TextChoices):
    """The wire's ``CompanySize`` names without their prefix, in small letters: people who work there."""

    UP_TO_200 = "1_200", "1 to 200"
    UP_TO_500 = "200_500", "200 to 500"
    UP_TO_1000 = "500_1000", "500 to 1,000"
    UP_TO_5000 = "1000_5000", "1,000 to 5,000"
    MORE = "5000_plus", "5,000 and more"


class Organization(models.Model):
    """A tenant: everything a customer owns hangs on one."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    industry = models.CharField(max_length=32, choices=Industry.choices, blank=True)
    company_size = models.CharField(max_length=16, choices=CompanySize.choices, blank=True)
    # The wire's WorkflowDefinition in its JSON form; null is none.
    default_workflow = models.JSONField(null=True, blank=True)
    # In order: [{"idp_claim", "profile_field"}].
    sso_attribute_mappings = models.JSONField(default=list, blank=True)
    # Moves with the rows of Member.
    member_count = models.PositiveIntegerField(default=0)
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
    # The name in small letters for programs; it stays when the name changes.
    slug = models.CharField(max_length=200)
    name = models.CharField(max_length=200)
    rights = ArrayField(models.CharField(max_length=32), default=list)
    is_system = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RoleQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "name"], name="role_name_unique"),
            models.UniqueConstraint(fields=["organization", "slug"], name="role_slug_unique"),
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


class Theme(models.TextChoices):
    LIGHT = "light", "Light"
    DARK = "dark", "Dark"
    SYSTEM = "system", "As the device says"


class Member(models.Model):
    """A person in an organization, with a role; what one organization writes here no other sees."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="members")
    person = models.ForeignKey(Person, models.PROTECT, related_name="memberships")
    role = models.ForeignKey(Role, models.PROTECT, related_name="members")
    name = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=16, choices=MemberStatus.choices, default=MemberStatus.ACTIVE)
    # The wire's UserProfile under its field names; custom_attributes is a map within.
    profile = models.JSONField(default=dict, blank=True)
    theme = models.CharField(max_length=8, choices=Theme.choices, default=Theme.SYSTEM)
    # When the last invitation was sent; null for a founder.
    invited_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    objects = MemberQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "person"], name="member_unique"),
        ]
        indexes: ClassVar = [
            # The organization's members in the order they came.
            models.Index(fields=["organization", "id"], name="member_of_organization"),
            # Those who hold a role: may it be deleted, is this the last super_admin.
            models.Index(fields=["role", "status"], name="member_of_role"),
        ]
        permissions: ClassVar = [
            ("invite_member", "Can invite people into an organization"),
            ("manage_member", "Can change a member's role and profile, and deactivate members"),
        ]

    def __str__(self) -> str:
        # No query for the address.
        return self.name or (self.person.email if Member.person.is_cached(self) else str(self.id))


class MemberEvent(TransitionEvent):
    """A move of a member from status to status."""

    subject = models.ForeignKey(Member, models.CASCADE, related_name="events")

    def __str__(self) -> str:
        return f"{self.from_status} to {self.to_status}"


class Roster(models.Model):
    """A named list of an organization's members; ``member_count`` moves with its entries."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    organization = models.ForeignKey(Organization, models.CASCADE, related_name="%(class)ss")
    name = models.CharField(max_length=200)
    description = models.CharField(max_length=1000, blank=True)
    is_default = models.BooleanField(default=False)
    member_count = models.PositiveIntegerField(default=0)
    # Null: came with the organization.
    created_by = models.ForeignKey(Member, models.SET_NULL, null=True, blank=True, related_name="created_%(class)ss")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        abstract = True
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["organization", "name"], name="%(class)s_name_unique"),
            models.UniqueConstraint(
                fields=["organization"], condition=models.Q(is_default=True), name="%(class)s_one_default"
            ),
        ]
        # The organization's list, in the order they were created.
        indexes: ClassVar = [models.Index(fields=["organization", "id"], name="%(class)s_of_organization")]

    def __str__(self) -> str:
        return self.name


class Team(Roster):
    """People who work together."""

    members: models.ManyToManyField[Member, TeamMember] = models.ManyToManyField(
        Member, through="TeamMember", related_name="teams"
    )


class Group(Roster):
    """People who are written to together; everybody who joins the organization is in the default one."""

    members: models.ManyToManyField[Member, GroupMember] = models.ManyToManyField(
        Member, through="GroupMember", related_name="groups"
    )


class TeamMember(models.Model):
    """That a member is in a team."""

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(Team, models.CASCADE, related_name="entries", db_index=False)
    member = models.ForeignKey(Member, models.CASCADE, related_name="team_entries")
    added_at = models.DateTimeField()

    class Meta:
        # Also the list of a team's members, in the order they joined the organization.
        constraints: ClassVar = [models.UniqueConstraint(fields=["team", "member"], name="team_member_once")]

    def __str__(self) -> str:
        return f"{self.member_id} in {self.team_id}"


class GroupMember(models.Model):
    """That a member is in a group."""

    id = models.BigAutoField(primary_key=True)
    group = models.ForeignKey(Group, models.CASCADE, related_name="entries", db_index=False)
    member = models.ForeignKey(Member, models.CASCADE, related_name="group_entries")
    added_at = models.DateTimeField()

    class Meta:
        # Also the list of a group's members, in the order they joined the organization.
        constraints: ClassVar = [models.UniqueConstraint(fields=["group", "member"], name="group_member_once")]

    def __str__(self) -> str:
        return f"{self.member_id} in {self.group_id}"
