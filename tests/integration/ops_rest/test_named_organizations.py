"""What an organization has one of, and staff are of none: they say in the address whose they mean."""

from __future__ import annotations

import pytest

from tests import factories, ops

pytestmark = pytest.mark.django_db
REPLAY = {"provider": "local", "isOffered": True, "masksText": True}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "heatmaps?screen=Home", None),
        ("GET", "heatmap-settings", None),
        ("PUT", "heatmap-settings", {"minUsers": 3}),
        ("GET", "recordings", None),
        ("GET", "replay-settings", None),
        ("PUT", "replay-settings", REPLAY),
    ],
)
def test_staff_name_the_organization(method: str, path: str, body: dict[str, object] | None) -> None:
    answer = ops.StaffClient(factories.superuser()).send(path, body, method=method)
    assert answer.status_code == 400
    assert [(fault.get("parameter"), fault["code"]) for fault in answer.json()["errors"]] == [
        ("organization", "required")
    ]
