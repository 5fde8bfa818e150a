# Before deploy: the tables are small or new.

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0006_sso_proofs"),
    ]

    operations = [
        migrations.AlterField(
            model_name="passkeychallenge",
            name="challenge",
            field=models.BinaryField(max_length=64, unique=True),
        ),
    ]
