from __future__ import annotations

import pytest
from django.conf import LazySettings


@pytest.fixture(autouse=True)
def _sample_urls(settings: LazySettings) -> None:
    settings.ROOT_URLCONF = "tests.integration.rest.sample"
