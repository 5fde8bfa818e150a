"""Keep recordings of visits, what members agree to, and what organizations say of replay. Before deploy."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0010_touches"),
        ("organizations", "0010_sessions_ended"),
    ]

    operations = [
        migrations.CreateModel(
            name="Consent",
            fields=[
                (
                    "member",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="consent",
                        serialize=False,
                        to="organizations.member",
                    ),
                ),
                ("touches", models.BooleanField(null=True)),
                ("touches_at", models.DateTimeField(null=True)),
                ("recording", models.BooleanField(null=True)),
                ("recording_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Recording",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField()),
                ("first_ms", models.BigIntegerField()),
                ("last_ms", models.BigIntegerField()),
                ("offset_ms", models.BigIntegerField()),
                ("n_bytes", models.PositiveIntegerField()),
                ("n_chunks", models.PositiveIntegerField()),
                ("n_active_seconds", models.PositiveIntegerField()),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="RecordingCampaign",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("started_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="RecordingChunk",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("file", models.CharField(max_length=200)),
                ("n_bytes", models.PositiveIntegerField()),
                ("digest", models.BinaryField(max_length=32)),
                ("first_ms", models.BigIntegerField()),
                ("last_ms", models.BigIntegerField()),
                ("active", django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
                ("received_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ReplaySettings",
            fields=[
                (
                    "organization",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="replay_settings",
                        serialize=False,
                        to="organizations.organization",
                    ),
                ),
                (
                    "provider",
                    models.CharField(
                        choices=[("local", "This installation"), ("posthog", "PostHog")], default="local", max_length=8
                    ),
                ),
                ("is_offered", models.BooleanField(default=True)),
                ("masks_text", models.BooleanField(default=True)),
                ("posthog_host", models.CharField(blank=True, max_length=200)),
                ("posthog_project", models.CharField(blank=True, max_length=100)),
                ("posthog_key", models.BinaryField(blank=True, default=b"")),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "replay settings",
            },
        ),
        migrations.AddConstraint(
            model_name="screenshot",
            constraint=models.UniqueConstraint(fields=("file",), name="screenshot_file_once"),
        ),
        migrations.AddConstraint(
            model_name="consent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("touches", None), ("touches_at", None)),
                    models.Q(("touches__isnull", False), ("touches_at__isnull", False)),
                    _connector="OR",
                ),
                name="consent_touches_dated",
            ),
        ),
        migrations.AddConstraint(
            model_name="consent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("recording", None), ("recording_at", None)),
                    models.Q(("recording__isnull", False), ("recording_at__isnull", False)),
                    _connector="OR",
                ),
                name="consent_recording_dated",
            ),
        ),
        migrations.AddField(
            model_name="recording",
            name="member",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="recordings", to="organizations.member"
            ),
        ),
        migrations.AddField(
            model_name="recording",
            name="organization",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="recordings",
                to="organizations.organization",
            ),
        ),
        migrations.AddField(
            model_name="recordingcampaign",
            name="campaign",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="recordings",
                to="campaigns.campaign",
            ),
        ),
        migrations.AddField(
            model_name="recordingcampaign",
            name="recording",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="shown",
                to="campaigns.recording",
            ),
        ),
        migrations.AddField(
            model_name="recordingchunk",
            name="recording",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="chunks",
                to="campaigns.recording",
            ),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(fields=["organization", "-started_at", "-id"], name="recording_newest"),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(fields=["created_at"], name="recording_created"),
        ),
        migrations.AddConstraint(
            model_name="recording",
            constraint=models.CheckConstraint(
                condition=models.Q(("ended_at__gte", models.F("started_at")), ("last_ms__gte", models.F("first_ms"))),
                name="recording_ends_after_start",
            ),
        ),
        migrations.AddIndex(
            model_name="recordingcampaign",
            index=models.Index(fields=["campaign", "-started_at", "-recording"], name="recording_campaign_newest"),
        ),
        migrations.AddConstraint(
            model_name="recordingcampaign",
            constraint=models.UniqueConstraint(fields=("recording", "campaign"), name="recording_campaign_once"),
        ),
        migrations.AddConstraint(
            model_name="recordingchunk",
            constraint=models.UniqueConstraint(fields=("recording", "number"), name="recording_chunk_once"),
        ),
    ]
