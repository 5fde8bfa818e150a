# Before deploy: nothing asks these columns yet.

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0005_keys_sessions_providers"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="ssoprovider",
            name="sso_unproved",
        ),
        migrations.AddField(
            model_name="ssoprovider",
            name="answer",
            field=models.CharField(
                blank=True,
                choices=[
                    ("found", "The record is there"),
                    ("missing", "There is no such record"),
                    ("silent", "The name servers do not answer"),
                    ("taken", "Another organization has proved the domain"),
                ],
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="ssoprovider",
            name="due_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="ssoprovider",
            name="missing_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name="ssoprovider",
            name="client_id",
            field=models.CharField(blank=True, max_length=500),
        ),
        migrations.AddIndex(
            model_name="ssoprovider",
            index=models.Index(condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="sso_due"),
        ),
    ]
