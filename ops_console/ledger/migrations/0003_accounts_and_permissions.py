"""Add the ledger's own permissions, check account names, index postings for statements. Before deploy."""

from __future__ import annotations

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ledger", "0002_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="account",
            options={
                "permissions": [
                    ("adjust_account", "Can record payments and adjust balances"),
                    ("set_limit", "Can set credit limits"),
                ]
            },
        ),
        migrations.AlterModelOptions(
            name="refund",
            options={
                "permissions": [
                    ("request_refund", "Can ask for refunds"),
                    ("approve_refund", "Can approve and reject refunds others asked for"),
                ]
            },
        ),
        migrations.AlterField(
            model_name="account",
            name="created_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.AlterField(
            model_name="account",
            name="username",
            field=models.CharField(max_length=40, unique=True),
        ),
        migrations.AlterField(
            model_name="posting",
            name="account",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="postings",
                to="ledger.account",
            ),
        ),
        migrations.AlterField(
            model_name="posting",
            name="entry",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="postings", to="ledger.entry"
            ),
        ),
        migrations.AddIndex(
            model_name="posting",
            index=models.Index(fields=["account", "id"], name="posting_account"),
        ),
        migrations.AddConstraint(
            model_name="account",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "customer"), ("username__regex", "^[a-z0-9][a-z0-9_-]{2,31}$")),
                    models.Q(models.Q(("kind", "customer"), _negated=True), ("username__contains", ":")),
                    _connector="OR",
                ),
                name="account_username",
            ),
        ),
        migrations.AddConstraint(
            model_name="posting",
            constraint=models.UniqueConstraint(fields=("entry", "account"), name="posting_entry_account"),
        ),
    ]
