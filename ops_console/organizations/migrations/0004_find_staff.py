"""Index the few people who are staff, for the list of /api/v1. Before deploy."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("organizations", "0003_creation_times"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="person",
            index=models.Index(condition=models.Q(("is_staff", True)), fields=["id"], name="person_staff"),
        ),
    ]
