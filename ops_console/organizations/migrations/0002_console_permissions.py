# Before deploy.

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("organizations", "0001_initial"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="organization",
            options={
                "permissions": [
                    ("create_organization", "Can open an organization with its first administrator and account"),
                    ("set_rate", "Can set an organization's request rate"),
                ]
            },
        ),
        migrations.AlterModelOptions(
            name="person",
            options={
                "permissions": [("manage_staff", "Can say who uses the console, and in which groups")],
                "verbose_name_plural": "people",
            },
        ),
    ]
