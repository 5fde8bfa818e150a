"""What campaigns are measured beside: the usual way, one Celery task for each recipient that gets, renders and saves.

It has a table of its own, and each recipient one row in it: one SELECT and one UPDATE a task, fewer than ours writes.
"""

from __future__ import annotations

import os
from typing import Any, ClassVar
from uuid import UUID

import django
from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ops_console.settings")
django.setup()

from django.db import models  # noqa: E402
from django.utils import timezone  # noqa: E402

from campaigns.rendering.compiled import compiled  # noqa: E402
from campaigns.rendering.values import values_for  # noqa: E402
from ops_console.organizations.models import Member  # noqa: E402


class Letter(models.Model):
    """A recipient's message: pending, and once rendered sent."""

    id = models.BigAutoField(primary_key=True)
    member = models.ForeignKey(Member, models.CASCADE, related_name="+")
    template_id = models.UUIDField()
    variables = models.JSONField()
    status = models.CharField(max_length=12, default="pending", db_index=True)
    title = models.CharField(max_length=200)
    summary = models.CharField(max_length=500)
    preview = models.CharField(max_length=500)
    body = models.TextField()
    sent_at = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager[Letter]] = models.Manager()

    class Meta:
        app_label = "bench"

    def __str__(self) -> str:
        return self.title


# Not the current one, which is the product's.
app = Celery("bench.usual_tasks", broker=settings.REDIS_URL, set_as_current=False)
app.conf.update(task_default_queue="usual", task_ignore_result=True, broker_connection_retry_on_startup=True)
# The connection to the database stays, which Celery closes before and after each task unless it is told how often.
app.conf["CELERY_DB_REUSE_MAX"] = 1_000_000


@setup_logging.connect
def _leave_logging_to_django(**_: Any) -> None:
    """As the product's worker does."""


@app.task
def send(letter_id: int) -> None:
    letter = Letter.objects.select_related("member__person").get(pk=letter_id)
    template = compiled(template_id=letter.template_id, version=1)
    values = values_for(
        template,
        audience=letter.variables,
        custom={},
        profile=letter.member.profile,
        name=letter.member.name,
        email=letter.member.person.email,
    )
    rendered = template.render(values)
    letter.title, letter.summary = rendered.title, rendered.summary
    letter.preview, letter.body = rendered.preview, rendered.body
    letter.status, letter.sent_at = "sent", timezone.now()
    letter.save()


def write(members: list[UUID], variables: list[dict[str, str]], template_id: UUID) -> list[int]:
    """Add a pending letter for each member."""
    pairs = zip(members, variables, strict=True)
    letters = [Letter(member_id=member, variables=values, template_id=template_id) for member, values in pairs]
    return [letter.pk for letter in Letter.objects.bulk_create(letters, batch_size=1000)]
