"""Indexes of lists: recipients who closed a campaign, devices by their own names."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies: ClassVar = [("campaigns", "0007_changers_and_tries")]

    operations: ClassVar = [
        migrations.AddIndex(
            model_name="audiencemember",
            index=models.Index(
                condition=~Q(closing="open"), fields=["campaign", "closing", "id"], name="audience_closed"
            ),
        ),
        migrations.AddIndex(
            model_name="device",
            index=models.Index(fields=["device_id"], name="device_by_name"),
        ),
    ]
