"""HeatmapService."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from campaigns.heatmaps import queries, screenshots, touches
from campaigns.heatmaps.queries import Asked, Mode
from campaigns.models import Screenshot
from campaigns.rpc.instants import instant
from ops_console.errors import FieldError, InvalidInput
from ops_console.gen.pidgr.v1 import heatmap_pb as pb
from ops_console.rpc.call import Call, Services

# gRPC clients refuse answers over 4 MiB.
MOST_BYTES = 3 * 2**20
# Of what surrounds the texts of a user's count, or of a picture.
FRAME_BYTES = 60
NAMES = {kind: kind.name.lower() for kind in pb.TouchEventType}


def ingest(request: pb.IngestTouchEventsRequest, call: Call) -> pb.IngestTouchEventsResponse:
    taken = _touches(request.events)
    return pb.IngestTouchEventsResponse(ingested_count=touches.ingest(touches=taken, actor=call.actor, now=call.now))


def query(request: pb.QueryHeatmapDataRequest, call: Call) -> pb.QueryHeatmapDataResponse:
    asked = Asked(
        screen_name=request.screen_name,
        date_from=instant(request.date_from, "date_from"),
        date_to=instant(request.date_to, "date_to"),
        campaign_id=UUID(request.campaign_id) if request.campaign_id else None,
        user_id=UUID(request.user_id) if request.user_id else None,
        resolution=request.grid_resolution,
        mode=request.mode.name.lower() if request.mode else Mode.TOTAL,
        event_types=_named_kinds(request.event_types),
    )
    found = queries.query(asked=asked, actor=call.actor, now=call.now)
    points = [pb.HeatmapDataPoint(x_pct=each.x, y_pct=each.y, value=each.value) for each in found.points]
    # What the points leave: at most 40,000 of them, of 17 bytes each.
    counts = queries.with_emails(found.user_counts[: (MOST_BYTES - 20 * len(points)) // FRAME_BYTES])
    return pb.QueryHeatmapDataResponse(
        data_points=points,
        user_touch_counts=[
            pb.UserTouchCount(user_id=str(each.user_id), count=min(each.n, 2**31 - 1), user_email=each.email)
            for each in _fitting(counts, MOST_BYTES - 20 * len(points))
        ],
        screenshot_url=screenshots.url_of(found.screenshot) if found.screenshot else "",
    )


def list_screenshots(request: pb.ListScreenshotsRequest, call: Call) -> pb.ListScreenshotsResponse:
    made, left = [], MOST_BYTES
    for screenshot in screenshots.list_screenshots(actor=call.actor):
        shown = _summary(screenshot)
        left -= len(shown.to_binary()) + FRAME_BYTES
        if left < 0:
            break
        made.append(shown)
    return pb.ListScreenshotsResponse(screenshots=made)


def upload(request: pb.UploadScreenshotRequest, call: Call) -> pb.UploadScreenshotResponse:
    made = screenshots.upload(
        screen_name=request.screen_name,
        app_version=request.app_version,
        image=bytes(request.image_data),
        actor=call.actor,
        now=call.now,
    )
    return pb.UploadScreenshotResponse(url=screenshots.url_of(made))


def _touches(events: Sequence[pb.TouchEvent]) -> touches.Touches:
    clocks = [event.client_timestamp for event in events]
    return touches.Touches.of(
        names=[event.screen_name for event in events],
        places=([event.x_pct for event in events], [event.y_pct for event in events]),
        kinds=[NAMES.get(event.event_type, "") for event in events],
        sizes=([event.screen_width for event in events], [event.screen_height for event in events]),
        clocks=[None if clock is None else (clock.seconds, clock.nanos) for clock in clocks],
    )


def _named_kinds(kinds: Iterable[pb.TouchEventType]) -> list[str]:
    """Raises: InvalidInput where one is unspecified."""
    named = [NAMES[kind] for kind in kinds]
    faults = [
        FieldError(("event_types", number), "Say which.", "required") for number, kind in enumerate(kinds) if not kind
    ]
    if faults:
        raise InvalidInput(faults)
    return named


def _fitting(counts: Iterable[queries.UserCount], left: int) -> Iterable[queries.UserCount]:
    """The first of them, as far as there is room."""
    for each in counts:
        left -= len(each.email.encode()) + FRAME_BYTES
        if left < 0:
            return
        yield each


def _summary(screenshot: Screenshot) -> pb.ScreenScreenshot:
    return pb.ScreenScreenshot(
        screen_name=screenshot.screen.name,
        url=screenshots.url_of(screenshot),
        app_version=screenshot.app_version,
    )


SERVICES: Services = {
    "HeatmapService": {
        "IngestTouchEvents": ingest,
        "QueryHeatmapData": query,
        "ListScreenshots": list_screenshots,
        "UploadScreenshot": upload,
    }
}
