"""Index entries by kind, refunds by status and origin, for the lists of /api/v1. Before deploy."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0005_house_accounts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="refund",
            name="refund_waiting",
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(
                condition=models.Q(("kind", "charge"), _negated=True),
                fields=["kind", "posted_at", "id"],
                name="entry_kind",
            ),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["status", "created_at", "id"], name="refund_status"),
        ),
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(
                condition=models.Q(("origin", "staff")), fields=["created_at", "id"], name="refund_by_staff"
            ),
        ),
    ]
