"""Know the screens of apps and their pictures, and what organizations say of heatmaps. Before deploy."""

import django.db.models.deletion
import uuid6
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0008_lists_by_index"),
        ("organizations", "0010_sessions_ended"),
    ]

    operations = [
        migrations.CreateModel(
            name="HeatmapSettings",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="heatmap_settings",
                        serialize=False,
                        to="organizations.organization",
                    ),
                ),
                ("min_users", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "heatmap settings",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("min_users", None), ("min_users__gte", 1), _connector="OR"),
                        name="heatmap_min_users_positive",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Screen",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("seen_on", models.DateField()),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="screens",
                        to="organizations.organization",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Screenshot",
            fields=[
                ("id", models.UUIDField(default=uuid6.uuid7, editable=False, primary_key=True, serialize=False)),
                ("app_version", models.CharField(blank=True, max_length=100)),
                ("file", models.CharField(max_length=200)),
                ("width", models.PositiveIntegerField()),
                ("height", models.PositiveIntegerField()),
                ("n_bytes", models.PositiveIntegerField()),
                ("uploaded_at", models.DateTimeField()),
                (
                    "screen",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="screenshots",
                        to="campaigns.screen",
                    ),
                ),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="organizations.member",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="screen",
            index=models.Index(fields=["seen_on"], name="screen_seen_on"),
        ),
        migrations.AddConstraint(
            model_name="screen",
            constraint=models.UniqueConstraint(fields=("organization", "name"), name="screen_once"),
        ),
        migrations.AddConstraint(
            model_name="screenshot",
            constraint=models.UniqueConstraint(fields=("screen", "app_version"), name="screenshot_once"),
        ),
    ]
