"""Pictures of screens: taken up, listed, and handed out by addresses that expire."""

from __future__ import annotations

import struct
from datetime import UTC, datetime
from io import BytesIO
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.core.files.storage import default_storage
from django.db import transaction
from PIL import Image
from throttled import RateLimiterType
from uuid6 import uuid7

from campaigns import stored_files
from campaigns.heatmaps import screens, touches
from campaigns.models import Screen, Screenshot
from campaigns.models.heatmaps import NAME_LENGTH, VERSION_LENGTH
from campaigns.querysets import ScreenshotQuerySet
from ops_console.access import policy, rate_limits
from ops_console.access.actors import Actor
from ops_console.errors import FieldError, Forbidden, InvalidInput, NotFound
from ops_console.organizations.models import Organization

MOST_BYTES = 512 * 1024
MOST_PIXELS = 25_000_000
UPLOADS = "10/m"
# Screens of an organization that have pictures, and versions of the app a screen has them of: the newest.
MOST_SCREENS = 1000
MOST_VERSIONS = 5
SALT = "screenshot"
# Below Django's storage.
FOLDER = "screenshots"

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# What a PNG begins with: its signature, then the length and kind of a chunk that tells width and height.
HEADER = struct.Struct("!8sI4sII")
HEADER_LENGTH = 13


def upload(*, screen_name: str, app_version: str, image: bytes, actor: Actor, now: datetime) -> Screenshot:
    """Keep a picture in place of the one there was of this screen in this version of the app.

    Raises:
        Forbidden: the actor is no person in an organization.
        NoConsent: he has said no to touches, and so to pictures.
        InvalidInput: at ``screen_name``, ``app_version`` or ``image_data``.
        RateLimited: the member has uploaded ten within a minute.
    """
    policy.require(actor, "screenshots", "upload")
    if actor.member is None:
        raise Forbidden()
    counted = rate_limits.limits().count(RateLimiterType.SLIDING_WINDOW, UPLOADS, f"screenshots:{actor.member.pk}")
    rate_limits.refuse_if_limited(counted)
    _refuse_faults(screen_name, app_version)
    touches.refuse_unwanted(actor.member.pk)
    width, height = size_of(image)
    decode(image, (width, height))
    with transaction.atomic():
        file = stored_files.save_with_rows(f"{FOLDER}/{actor.member.organization_id}/{uuid7()}.png", image)
        screen = _room_for(screen_name, actor.member.organization_id, now)
        made = Screenshot(
            screen=screen,
            app_version=app_version,
            file=file,
            width=width,
            height=height,
            n_bytes=len(image),
            uploaded_by=actor.member,
            uploaded_at=now,
        )
        _replace(made)
    return made


def size_of(image: bytes) -> tuple[int, int]:
    """Width and height as a PNG's header tells them, before anything is decoded.

    Raises:
        InvalidInput: at ``image_data``: it is no PNG, or too large.
    """
    if len(image) > MOST_BYTES:
        raise _unfit(f"A picture has at most {MOST_BYTES} bytes.", "too_large")
    if len(image) < HEADER.size:
        raise _unfit("This is no PNG.")
    signature, length, kind, width, height = HEADER.unpack_from(image)
    if (signature, length, kind) != (SIGNATURE, HEADER_LENGTH, b"IHDR") or not (width and height):
        raise _unfit("This is no PNG.")
    if width * height > MOST_PIXELS:
        raise _unfit(f"A picture has at most {MOST_PIXELS:,} pixels.", "too_large")
    return width, height


def decode(image: bytes, size: tuple[int, int]) -> None:
    """Read all of a picture that is as large as its header said.

    Raises:
        InvalidInput: at ``image_data``: it cannot be read, or a second header tells another size.
    """
    try:
        with Image.open(BytesIO(image), formats=["PNG"]) as picture:
            # Of several headers, Pillow believes the last.
            if picture.size != size:
                raise _unfit("This PNG tells two sizes.")
            picture.load()
    # Pillow raises these of bytes that are no picture.
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise _unfit("This PNG cannot be decoded.") from error


def list_screenshots(*, actor: Actor) -> ScreenshotQuerySet:
    """The organization's by the names of the screens, the newest of each first.

    Raises:
        Forbidden: the actor may not see heatmaps, or is of no organization.
    """
    policy.require(actor, "heatmaps", "retrieve")
    if actor.organization_id is None:
        raise Forbidden()
    return Screenshot.objects.of_organization(actor.organization_id)


def path_of(screenshot: Screenshot) -> str:
    """The path of an address that is good for ``SCREENSHOT_URL_S`` from now, for whoever has it."""
    return f"/screenshots/{signing.dumps(str(screenshot.pk), salt=SALT)}"


def url_of(screenshot: Screenshot) -> str:
    return settings.PUBLIC_URL + path_of(screenshot)


def read(token: str) -> bytes:
    """The picture an address leads to.

    Raises:
        NotFound: it has expired, was never given out, or another picture has taken its place.
    """
    try:
        pk = UUID(signing.loads(token, salt=SALT, max_age=settings.SCREENSHOT_URL_S))
        with default_storage.open(Screenshot.objects.get(pk=pk).file) as file:
            return bytes(file.read())
    except (signing.BadSignature, Screenshot.DoesNotExist, FileNotFoundError):
        raise NotFound("There is no such picture, or its address has expired.") from None


def sweep(now: datetime) -> int:
    """Delete pictures that a killed process left; return how many."""
    return stored_files.sweep(FOLDER, rows_with=Screenshot.objects.files_among, now=now)


def _refuse_faults(screen_name: str, app_version: str) -> None:
    faults = []
    if not 0 < len(screen_name) <= NAME_LENGTH or "\0" in screen_name:
        faults.append(FieldError(("screen_name",), f"Give a name of 1 to {NAME_LENGTH} characters, without NUL."))
    if len(app_version) > VERSION_LENGTH or "\0" in app_version:
        faults.append(FieldError(("app_version",), f"This has at most {VERSION_LENGTH} characters, none of them NUL."))
    if faults:
        raise InvalidInput(faults)


def _room_for(screen_name: str, organization_id: UUID, now: datetime) -> Screen:
    """The screen of that name. Uploads of one organization follow each other, so that its screens can be counted."""
    Organization.objects.select_for_update(no_key=True).only("pk").get(pk=organization_id)
    try:
        [screen_id] = screens.ids_of(organization_id, [screen_name], now.astimezone(UTC).date()).values()
    except screens.NoRoom as full:
        raise InvalidInput.field("screen_name", message=full.message, code="too_many") from full
    pictured = Screenshot.objects.filter(screen__organization=organization_id).exclude(screen=screen_id)
    if pictured.order_by().values("screen").distinct().count() >= MOST_SCREENS:
        message = f"Of {MOST_SCREENS:,} screens there are pictures already: that is the most."
        raise InvalidInput.field("screen_name", message=message, code="too_many")
    return Screen(pk=screen_id, organization_id=organization_id, name=screen_name)


def _replace(made: Screenshot) -> None:
    """Keep it in place of its predecessor, and let go of the oldest versions."""
    others = Screenshot.objects.filter(screen=made.screen)
    kept = others.exclude(app_version=made.app_version).order_by("-uploaded_at", "-id")
    surplus = [*others.filter(app_version=made.app_version), *kept[MOST_VERSIONS - 1 :]]
    others.filter(pk__in=[each.pk for each in surplus]).delete()
    made.save(force_insert=True)
    stored_files.delete_after_commit([each.file for each in surplus])


def _unfit(message: str, code: str = "invalid") -> InvalidInput:
    return InvalidInput.field("image_data", message=message, code=code)
