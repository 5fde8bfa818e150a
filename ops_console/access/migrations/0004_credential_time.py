# Before deploy: the database is not touched.

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("access", "0003_credential_permissions")]

    operations = [
        migrations.AlterField(model_name="accountcredential", name="created_at", field=models.DateTimeField()),
    ]
