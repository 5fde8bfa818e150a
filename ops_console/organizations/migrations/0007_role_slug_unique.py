from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("organizations", "0006_complete_existing")]

    operations = [
        migrations.AlterField(model_name="role", name="slug", field=models.CharField(max_length=200)),
        migrations.AddConstraint(
            model_name="role",
            constraint=models.UniqueConstraint(fields=("organization", "slug"), name="role_slug_unique"),
        ),
    ]
