# Before deploy: the tables are small or new.

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0007_find_challenges"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="refreshtoken",
            index=models.Index(
                condition=models.Q(("used_at__isnull", False)), fields=["used_at"], name="refreshtoken_used"
            ),
        ),
    ]
