"""Changes of one template at once."""

from __future__ import annotations

import pytest
from django.utils import timezone

from campaigns.models import Template, TemplateVersion
from campaigns.services import templates
from tests import authoring, factories
from tests.factories import COMMAND
from tests.threads import in_threads

pytestmark = pytest.mark.usefixtures("committed_db")


def test_all_land_each_as_a_version_of_its_own():
    template_id = authoring.template(factories.organization()).template_id
    wanted = [f"{{{{day}}}} {n}" for n in range(16)]

    def change(n: int) -> int:
        made = templates.update_template(
            template_id=template_id, body=wanted[n], variables=None, actor=COMMAND, now=timezone.now()
        )
        assert made.body == wanted[n]
        return made.version

    assert sorted(int(str(made)) for made in in_threads(16, change)) == list(range(2, 18))
    bodies = TemplateVersion.objects.filter(template=template_id, version__gt=1).values_list("body", flat=True)
    assert sorted(bodies) == sorted(wanted)
    assert Template.objects.get(pk=template_id).version == 17
