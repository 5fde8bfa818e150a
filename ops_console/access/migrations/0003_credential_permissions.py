# Before deploy.

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0002_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="accountcredential",
            options={
                "permissions": [
                    ("create_credential", "Can open a credential on an account"),
                    ("revoke_credential", "Can revoke a credential"),
                ]
            },
        ),
    ]
