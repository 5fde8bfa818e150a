"""/api/v1/consents, recordings and replay-settings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import IO, Any, ClassVar
from uuid import UUID

from django.core import signing
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from campaigns.api.parameters import ORGANIZATION, id_in, instant_in, of_parameters, owner_in
from campaigns.replay import chunks, consents, recordings, settings
from campaigns.replay.events import CUSTOM, Chunk, chunk_in, decompressed, refuse_large
from campaigns.replay.provider import Listed
from campaigns.serializers.replay import (
    CHUNK,
    ConsentsChangeSerializer,
    ConsentsSerializer,
    RecordingPageSerializer,
    RecordingSerializer,
    ReplaySettingsChangeSerializer,
    ReplaySettingsSerializer,
    TakenChunkSerializer,
)
from ops_console.errors import InvalidInput, NotFound, UpstreamError
from ops_console.formats import to_json
from ops_console.rest.pagination import MAX_LIMIT, limit_in, link_of
from ops_console.rest.parsers import MAX_BYTES, refuse_other_charset
from ops_console.rest.problems import InvalidParameter, PayloadTooLarge
from ops_console.rest.views import ResourceView, answer

LINES = "application/x-ndjson"
# Written together.
BLOCK_BYTES = 64 * 1024
# The tag of an event that stands for those that could not be read.
BROKEN_OFF = "broken_off"
PARAMETERS = {"date_from": "from", "date_to": "to", "campaign_id": "campaign", "page_token": "cursor"}
ID = OpenApiParameter("id", str, OpenApiParameter.PATH, description="As its provider names it.")
OF_POSTHOG = OpenApiParameter(
    "organization", UUID, description="Whose. Staff must say it of a recording that PostHog keeps."
)
EVENTS = OpenApiExample(
    "Two events",
    value='{"type":4,"data":{...},"timestamp":1792598400000}\n{"type":2,...}\n',
    response_only=True,
    media_type=LINES,
)


class ChunkParser(BaseParser):
    """Reads ``application/json``, compressed by gzip or not: at most 1 MiB, and 1 MiB decompressed."""

    media_type = "application/json"

    def parse(  # type: ignore[override]
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Chunk:
        refuse_other_charset(media_type or "")
        assert parser_context is not None
        encoding = parser_context["request"].META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip"):
            raise UnsupportedMediaType(encoding, "The body is neither plain nor compressed by gzip.")
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise PayloadTooLarge(MAX_BYTES)
        if encoding != "identity":
            return chunk_in(decompressed(body))
        refuse_large(body)
        return chunk_in(body)


class ConsentsView(ResourceView):
    resource = "consents"
    policy_actions: ClassVar[Mapping[str, str]] = {"retrieve": "own", "update": "own"}

    @extend_schema(
        operation_id="opsGetConsents",
        summary="Read what one agreed to",
        description="For people in an organization: whether their touches are kept and their visits recorded, and how "
        "the organization records.",
        responses=ConsentsSerializer,
    )
    def retrieve(self, request: Request) -> HttpResponse:
        return answer(ConsentsSerializer(consents.get_consents(actor=self.actor)).data)

    @extend_schema(
        operation_id="opsSetConsents",
        summary="Agree, or no longer",
        description="From now on. What was recorded before stays until its time is over, or somebody deletes it.",
        request=ConsentsChangeSerializer,
        responses=ConsentsSerializer,
    )
    def update(self, request: Request) -> HttpResponse:
        parsed = ConsentsChangeSerializer(data=request.data).parsed()
        return answer(ConsentsSerializer(consents.set_consents(actor=self.actor, now=self.now, **parsed)).data)


class RecordingChunkView(ResourceView):
    resource = "recordings"
    policy_actions: ClassVar[Mapping[str, str]] = {"create": "record"}
    parser_classes = (ChunkParser,)

    chunk: Chunk

    def prepare(self) -> None:
        if not isinstance(self.request.data, Chunk):
            raise InvalidInput.field("number", message="Give a chunk.", code="required")
        self.chunk = self.request.data

    @extend_schema(
        operation_id="opsAddRecordingChunk",
        summary="Send a chunk of one's visit",
        description="For people in an organization who agreed to be recorded. The page chooses the recording's id, and "
        "counts its chunks from 0; they may come in any order. May be compressed: `Content-Encoding: gzip`. The same "
        "chunk again changes nothing and is answered with 200. At most 1 MiB a chunk and 50 MiB a recording, both "
        "decompressed: the code `session_full` says that no more is taken, `no_consent` that the member has not "
        "agreed, or no longer, or recording is not offered.",
        request={ChunkParser.media_type: CHUNK},
        responses={201: TakenChunkSerializer, 200: TakenChunkSerializer},
    )
    def create(self, request: Request, pk: str) -> HttpResponse:
        taken = chunks.add_chunk(recording_id=_uuid(pk), chunk=self.chunk, actor=self.actor, now=self.now)
        return answer(TakenChunkSerializer(taken).data, status=201 if taken.is_new else 200)


class RecordingViewSet(ResourceView):
    resource = "recordings"
    policy_actions: ClassVar[Mapping[str, str]] = {"snapshots": "retrieve", "destroy": "delete"}

    @extend_schema(
        operation_id="opsListRecordings",
        summary="List recordings",
        description="Of visits that began from `from` to before `to`, the newest first, from whichever provider the "
        "organization chose.",
        parameters=[
            ORGANIZATION,
            OpenApiParameter("campaign", UUID, description="Visits in which a message of it was shown."),
            OpenApiParameter("from", OpenApiTypes.DATETIME, description="30 days before `to` unless it is said."),
            OpenApiParameter("to", OpenApiTypes.DATETIME, description="Now unless it is said."),
            OpenApiParameter("cursor", description="Where to go on: nextCursor of the page before."),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 50}),
        ],
        responses=RecordingPageSerializer,
    )
    def list(self, request: Request) -> HttpResponse:
        given = request.query_params
        salt = _salt(request, self.actor.organization_id)
        try:
            asked = recordings.asked_for(
                campaign_id=id_in(given, "campaign"),
                date_from=instant_in(given, "from"),
                date_to=instant_in(given, "to"),
                now=self.now,
            )
            found = recordings.list_recordings(
                asked=asked,
                following=_place_in(given, salt),
                size=limit_in(given),
                actor=self.actor,
                organization_id=owner_in(given, self.actor),
            )
        except InvalidInput as error:
            raise of_parameters(error, PARAMETERS) from error
        except NotFound:
            # As in every list: of an organization that is not there for the caller, there is nothing.
            found = Listed([])
        cursor = signing.dumps(found.following, salt=salt) if found.following else None
        shown = {
            "results": found.visits,
            "next_cursor": cursor,
            "next": link_of(given, request.path, cursor) if cursor else None,
        }
        return answer(RecordingPageSerializer(shown).data)

    @extend_schema(
        operation_id="opsGetRecording",
        summary="Read what is known of a recording",
        description="Without what it shows; this is not put on record.",
        parameters=[ID, OF_POSTHOG],
        responses=RecordingSerializer,
    )
    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        organization_id = id_in(request.query_params, "organization")
        found = recordings.find(recording_id=pk, organization_id=organization_id, actor=self.actor)
        return answer(RecordingSerializer(found).data)

    @extend_schema(
        operation_id="opsDeleteRecording",
        summary="Delete a recording",
        description="With all that was kept of it.",
        parameters=[ID, OF_POSTHOG],
        responses={204: None},
    )
    def destroy(self, request: Request, pk: str) -> HttpResponse:
        organization_id = id_in(request.query_params, "organization")
        recordings.delete_recording(recording_id=pk, organization_id=organization_id, actor=self.actor, now=self.now)
        return answer(status=204)

    @extend_schema(
        operation_id="opsGetRecordingSnapshots",
        summary="Watch a recording",
        description="All its events as rrweb recorded them, one a line, in the order of their timestamps, in one "
        "answer, which is streamed. That it was watched is put into the audit trail first. Where it breaks off midway, "
        "the last event is a custom one with the tag `broken_off` and a reason.",
        parameters=[ID, OF_POSTHOG],
        responses={(200, LINES): OpenApiTypes.STR},
        examples=[EVENTS],
    )
    @action(detail=True)
    def snapshots(self, request: Request, pk: str) -> StreamingHttpResponse:
        organization_id = id_in(request.query_params, "organization")
        events = recordings.open_snapshots(
            recording_id=pk, organization_id=organization_id, actor=self.actor, now=self.now
        )
        # What the provider refuses, it refuses before the first.
        begun = chain(list(islice(events, 1)), events)
        return StreamingHttpResponse(_blocks(begun), content_type=LINES, headers={"Cache-Control": "no-store"})


class ReplaySettingsView(ResourceView):
    resource = "replay-settings"

    @extend_schema(
        operation_id="opsGetReplaySettings",
        summary="Read what an organization says about replay",
        description="Where its recordings are kept, and how its members are recorded; never the key.",
        parameters=[ORGANIZATION],
        responses=ReplaySettingsSerializer,
    )
    def retrieve(self, request: Request) -> HttpResponse:
        organization_id = owner_in(request.query_params, self.actor)
        found = settings.get_settings(organization_id=organization_id, actor=self.actor)
        return answer(ReplaySettingsSerializer(found).data)

    @extend_schema(
        operation_id="opsSetReplaySettings",
        summary="Say where recordings are kept and how members are recorded",
        description="All of it anew, but for the key, which stays if it is left out. PostHog is asked whether it takes "
        "the key.",
        parameters=[ORGANIZATION],
        request=ReplaySettingsChangeSerializer,
        responses=ReplaySettingsSerializer,
    )
    def update(self, request: Request) -> HttpResponse:
        organization_id = owner_in(request.query_params, self.actor)
        parsed = ReplaySettingsChangeSerializer(data=request.data).parsed()
        reason = parsed.pop("reason", "")
        changed = settings.set_settings(
            wanted=settings.Wanted(**parsed),
            organization_id=organization_id,
            actor=self.actor,
            now=self.now,
            reason=reason,
        )
        return answer(ReplaySettingsSerializer(changed).data)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


def _salt(request: Request, organization_id: UUID | None) -> str:
    """A cursor is good only for the list it came from."""
    given = request.query_params
    asked = [given.get(name, "") for name in ("organization", "campaign", "from", "to")]
    return f"cursor:{request.path}:{organization_id}:{asked}"


def _place_in(given: QueryDict, salt: str) -> str:
    cursor = given.get("cursor")
    try:
        return str(signing.loads(cursor, salt=salt)) if cursor else ""
    except (signing.BadSignature, ValueError):
        raise InvalidParameter.named("cursor", "This cursor did not come from this list.") from None


def _blocks(events: Iterable[bytes]) -> Iterator[bytes]:
    """Lines, some together: a write for each would take longer than reading it."""
    block, size = [], 0
    for event in _with_end(events):
        block.append(event)
        size += len(event) + 1
        if size >= BLOCK_BYTES:
            yield b"\n".join([*block, b""])
            block, size = [], 0
    if block:
        yield b"\n".join([*block, b""])


def _with_end(events: Iterable[bytes]) -> Iterator[bytes]:
    """The events, and one that says why there are no more where they break off: servers end such an answer as if it
    were whole."""
    last = b'{"timestamp":0}'
    try:
        for last in events:
            yield last
    except (UpstreamError, OSError) as error:
        reason = error.message if isinstance(error, UpstreamError) else "A file could not be read."
        data = {"tag": BROKEN_OFF, "payload": {"reason": reason}}
        yield to_json({"type": CUSTOM, "timestamp": json.loads(last)["timestamp"], "data": data})
