"""Open the house's accounts. Before deploy; services open one that is missing, so the reverse need not close them."""

from __future__ import annotations

from django.db import migrations

HOUSE = ["house:revenue", "house:cash", "house:adjustments"]


def open_house_accounts(apps, schema_editor):
    account = apps.get_model("ledger", "Account")
    account.objects.bulk_create([account(kind="house", username=name) for name in HOUSE], ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0004_insert_only_and_balanced")]

    operations = [migrations.RunPython(open_house_accounts, migrations.RunPython.noop)]
