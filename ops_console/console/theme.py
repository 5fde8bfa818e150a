"""What the theme asks for on every page."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.templatetags.static import static

# Lightness, chroma and hue of each weight, as CSS's oklch takes them.
BLUES = {
    "50": "97.1% .014 240",
    "100": "94.2% .028 240",
    "200": "89% .054 240",
    "300": "81% .093 240",
    "400": "72% .129 240",
    "500": "64% .146 243",
    "600": "52% .144 246",
    "700": "45% .127 248",
    "800": "39% .104 250",
    "900": "34% .083 252",
    "950": "25% .063 255",
}


def environment(request: HttpRequest) -> list[str] | None:
    """The label at the top of every page."""
    return ["Demo", "warning"] if settings.DEMO else None


def stylesheet(request: HttpRequest) -> str:
    return static("console/console.css")


def primary(request: HttpRequest) -> dict[str, str]:
    return {weight: f"oklch({value})" for weight, value in BLUES.items()}
