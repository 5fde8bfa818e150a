"""Let an organization have one default account. Before deploy."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0006_find_by_kind_and_status"),
        ("organizations", "0009_member_events"),
    ]

    operations = [
        migrations.AddField(
            model_name="account",
            name="is_default",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True)),
                fields=("organization",),
                name="account_default_of_organization",
            ),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=models.Q(("is_default", False), ("kind", "customer"), _connector="OR"),
                name="account_default_customer",
            ),
        ),
    ]
