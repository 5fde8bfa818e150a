"""Index messages by date, by reference whatever the account, and those refunded, for /api/v1. Before deploy."""

from __future__ import annotations

import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("couriers", "0002_bound_speed_and_payload"),
        ("ledger", "0006_find_by_kind_and_status"),
        ("organizations", "0004_find_staff"),
        ("pigeon_messages", "0001_initial"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="message",
            name="message_reference",
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(
                condition=models.Q(("reference", ""), _negated=True),
                fields=["reference", "account"],
                name="message_reference",
            ),
        ),
        migrations.AddIndex(
            model_name="message",
            index=django.contrib.postgres.indexes.BrinIndex(fields=["created_at"], name="message_created"),
        ),
        migrations.AddIndex(
            model_name="message",
            index=models.Index(condition=models.Q(("status", "refunded")), fields=["id"], name="message_refunded"),
        ),
        migrations.AddIndex(
            model_name="recipient",
            index=models.Index(fields=["recipient_id"], name="recipient_by_id"),
        ),
    ]
