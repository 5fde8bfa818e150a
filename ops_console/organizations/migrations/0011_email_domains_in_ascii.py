from __future__ import annotations

from typing import Any

from django.db import migrations

from ops_console.organizations.addresses import normal_email


def forwards(apps: Any, schema_editor: Any) -> None:
    """Know people by their domain in ASCII; who is known by both spellings of one already stays as he is."""
    people = apps.get_model("organizations", "Person").objects
    for person in people.filter(email__regex=r"[^\x01-\x7f]").only("email").iterator():
        email = normal_email(person.email)
        if not people.filter(email=email).exists():
            people.filter(pk=person.pk).update(email=email)


class Migration(migrations.Migration):
    dependencies = [("organizations", "0010_sessions_ended")]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
