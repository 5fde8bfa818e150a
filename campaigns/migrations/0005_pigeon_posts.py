"""Remember which Pigeon Protocol messages carry deliveries. Before deploy."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0004_versions_insert_only"),
        ("pigeon_messages", "0002_find_by_date_and_reference"),
    ]

    operations = [
        migrations.CreateModel(
            name="PigeonPost",
            fields=[
                (
                    "message",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="pigeon_messages.message",
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("send", "Send"), ("retry", "Retry"), ("reminder", "Reminder")], max_length=8
                    ),
                ),
                ("look_at", models.DateTimeField(blank=True, null=True)),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pigeon_posts",
                        to="campaigns.delivery",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("look_at", None), _negated=True),
                        fields=["look_at"],
                        name="pigeon_post_due",
                    )
                ],
            },
        ),
    ]
