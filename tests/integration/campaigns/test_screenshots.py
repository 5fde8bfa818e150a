"""Pictures of screens: which are taken, and by which addresses they are seen."""

from __future__ import annotations

import struct
import zlib
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.test import Client
from PIL import Image
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from campaigns.heatmaps import screenshots
from campaigns.models import Screenshot
from ops_console.errors import InvalidInput
from ops_console.gen.pidgr.v1 import heatmap_pb as pb
from ops_console.organizations.rights import Right
from ops_console.rpc.statuses import Code
from tests import tenants
from tests.heatmaps import png
from tests.pidgr import Tenant, call, faults, refusal, token_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
UPLOAD = "HeatmapService.UploadScreenshot"


@pytest.fixture
def tenant(db: None) -> Tenant:
    return Tenant.new()


def request(image: bytes | None = None, screen: str = "Home", version: str = "1.0") -> pb.UploadScreenshotRequest:
    return pb.UploadScreenshotRequest(
        screen_name=screen, app_version=version, image_data=png() if image is None else image
    )


def upload(tenant: Tenant, *given: Any) -> str:
    """By somebody new, for nobody may upload often."""
    return str(call(UPLOAD, request(*given), tenant.person()).url)


def get(url: str) -> Any:
    assert url.startswith("http")
    return Client().get(urlsplit(url).path)


def seen(url: str) -> bytes:
    answer = get(url)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    assert (answer["X-Content-Type-Options"], answer["Content-Security-Policy"][:18]) == (
        "nosniff",
        "default-src 'none'",
    )
    return bytes(answer.content)


def listed(tenant: Tenant) -> list[tuple[str, str, str]]:
    answer = call(
        "HeatmapService.ListScreenshots", pb.ListScreenshotsRequest(), tenant.key(rights=[Right.CAMPAIGNS_READ])
    )
    return [(each.screen_name, each.app_version, each.url) for each in answer.screenshots]


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack("!I", len(content)) + kind + content + struct.pack("!I", zlib.crc32(kind + content))


def size_chunk(width: int, height: int, *, depth: int = 8, colours: int = 2) -> bytes:
    return chunk(b"IHDR", struct.pack("!IIBBBBB", width, height, depth, colours, 0, 0, 0))


def header_of(width: int, height: int) -> bytes:
    """A PNG as far as its header, and no further."""
    return screenshots.SIGNATURE + size_chunk(width, height) + bytes(20)


def of_two_sizes() -> bytes:
    """A PNG whose first header tells of one pixel, and whose second of 36 million black ones, which follow."""
    side = 6000
    headers = size_chunk(1, 1, depth=1, colours=0) + size_chunk(side, side, depth=1, colours=0)
    pixels = zlib.compress(bytes((1 + side // 8) * side))
    return screenshots.SIGNATURE + headers + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_the_newest_picture_of_each_screen_and_version_is_kept(
    tenant: Tenant, media: Path, settings: Settings, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    settings.PUBLIC_URL = "https://ops.example.com"
    first = upload(tenant)
    assert first.startswith("https://ops.example.com/screenshots/")
    assert seen(first) == png()
    red = png(30, 60, "red")
    with django_capture_on_commit_callbacks(execute=True):
        again = upload(tenant, red)
    assert (seen(again), get(first).status_code) == (red, 404)
    assert len([path for path in media.rglob("*") if path.is_file()]) == 1
    upload(tenant, png(), "Home", "2.0")
    upload(tenant, png(), "About")
    assert [each[:2] for each in listed(tenant)] == [("About", "1.0"), ("Home", "2.0"), ("Home", "1.0")]
    assert [seen(url) for *_, url in listed(tenant)] == [png(), png(), red]
    assert listed(Tenant.new("Others")) == []
    answer = call("HeatmapService.QueryHeatmapData", pb.QueryHeatmapDataRequest(screen_name="Home"), tenant.key())
    assert seen(answer.screenshot_url) == png()
    # A screen keeps the newest versions.
    for number in range(screenshots.MOST_VERSIONS):
        upload(tenant, png(), "Home", f"3.{number}")
    assert set(Screenshot.objects.filter(screen__name="Home").values_list("app_version", flat=True)) == {
        f"3.{number}" for number in range(screenshots.MOST_VERSIONS)
    }


def test_an_address_is_good_for_a_while_and_only_as_it_was_given(tenant: Tenant, settings: Settings) -> None:
    settings.SCREENSHOT_URL_S = 600
    url = upload(tenant)
    with time_machine.travel(timedelta(seconds=590)):
        assert get(url).status_code == 200
    with time_machine.travel(timedelta(seconds=610)):
        assert get(url).status_code == 404
    assert get(f"{url}x").status_code == 404
    assert get(url.replace("/screenshots/", "/screenshots/x")).status_code == 404
    assert Client().post(urlsplit(url).path).status_code == 405


def test_only_whole_pngs_of_a_fair_size_are_taken(tenant: Tenant, media: Path) -> None:
    jpeg = BytesIO()
    Image.new("RGB", (4, 4)).save(jpeg, "JPEG")
    noise = png(400, 400)
    bad = {
        "nothing": b"",
        "a JPEG": jpeg.getvalue(),
        "a JPEG that says PNG": b"\x89PNG\r\n\x1a\n" + jpeg.getvalue(),
        "cut short": noise[: len(noise) // 2],
        "changed": noise[:60] + b"\0\0\0\0" + noise[64:],
        "only a header": header_of(100, 100),
        # Refused by its header: there is nothing to decode.
        "25 megapixels and one": header_of(25_000_001, 1),
        "no pixel": header_of(0, 100),
        "larger than it says": of_two_sizes(),
    }
    for what, image in bad.items():
        assert faults(UPLOAD, request(image), tenant.person()) == ["image_data"], what
    assert "pixels" in refusal(UPLOAD, request(header_of(5001, 5000)), tenant.person()).violations[0].description
    with pytest.raises(InvalidInput) as large:
        screenshots.size_of(png() + bytes(screenshots.MOST_BYTES))
    assert large.value.errors[0].code == "too_large"
    assert faults(UPLOAD, request(screen="", version="x" * 101), tenant.person()) == ["screen_name", "app_version"]
    assert not list(media.rglob("*.png"))
    assert screenshots.size_of(header_of(5000, 5000)) == (5000, 5000)


def test_ten_uploads_a_minute_and_no_more_screens_than_there_is_room_for(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(tenants.member(tenant.organization))
    for number in range(10):
        call(UPLOAD, request(screen=f"Screen {number}"), token)
    refused = refusal(UPLOAD, request(), token)
    assert refused.code is Code.RESOURCE_EXHAUSTED
    assert 0 < (refused.retry_after_s or 0) <= 60
    monkeypatch.setattr(screenshots, "MOST_SCREENS", 10)
    assert faults(UPLOAD, request(screen="Screen 10"), tenant.person()) == ["screen_name"]
    call(UPLOAD, request(screen="Screen 9"), tenant.person())
    assert Screenshot.objects.count() == 10
