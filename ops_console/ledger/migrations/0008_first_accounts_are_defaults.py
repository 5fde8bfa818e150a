"""Make the first account of each organization its default. After deploy: those opened meanwhile count, too."""

from __future__ import annotations

from django.db import migrations

NAME = """
UPDATE ledger_account SET is_default = true WHERE id IN (
    SELECT DISTINCT ON (organization_id) id FROM ledger_account
    WHERE kind = 'customer' ORDER BY organization_id, is_default DESC, created_at, id)
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0007_default_accounts")]

    operations = [migrations.RunSQL(NAME, migrations.RunSQL.noop)]
