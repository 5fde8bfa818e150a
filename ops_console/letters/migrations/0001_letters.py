# Before deploy: nothing writes letters yet.

import uuid6
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Letter",
            fields=[
                ("id", models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                ("to", models.CharField(max_length=254)),
                ("template", models.CharField(max_length=64)),
                ("content", models.BinaryField(null=True)),
                ("created_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("leased_by", models.CharField(blank=True, max_length=100)),
                ("give_up_at", models.DateTimeField()),
                ("n_failures", models.PositiveIntegerField(default=0)),
                ("last_error", models.CharField(blank=True, max_length=500)),
                ("sent_at", models.DateTimeField(blank=True, null=True)),
                ("given_up_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("content__isnull", False)), fields=["due_at"], name="letter_due"),
                    models.Index(fields=["created_at"], name="letter_created"),
                ],
            },
        ),
    ]
