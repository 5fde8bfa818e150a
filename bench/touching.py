"""Touches through the RPC, beside COPY of the same rows; and heatmaps, beside one SQL aggregate over their rows."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import cycle
from statistics import median, quantiles
from tempfile import SpooledTemporaryFile
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone
from protobuf.wkt import Timestamp

from bench.fixtures import ACTOR, SEED, Login, settle
from bench.load import measure, request
from bench.report import ROUNDS, Comparison
from bench.servers import web
from campaigns.heatmaps import queries, storage
from campaigns.heatmaps.queries import Asked, Mode
from campaigns.models import Screen
from ops_console.access.models import SignInMethod
from ops_console.access.services.sessions import Client
from ops_console.access.services.sign_in import SignedIn, enter
from ops_console.gen.pidgr.v1 import heatmap_pb as pb
from ops_console.organizations.models import Member

METHOD = "/pidgr.v1.HeatmapService/IngestTouchEvents"
PRODUCT = "ops_console.wsgi:application"
CONNECTIONS = 8
SECONDS = 3.0
BATCH = 100
SCREENS = ("Home", "Inbox", "Settings", "Profile")

EVENTS = 10_000_000
# Of the screen whose heatmap is read once alone and once among the others.
SHARE_OF_SMALL = 10
USERS = 2000
DAYS = 30
QUERIES = 20
LARGE, SMALL = "Home", "Inbox"

PEOPLE = """
WITH person AS (
    INSERT INTO organizations_person (id, email, password, is_staff, is_active, is_superuser, created_at)
    SELECT gen_random_uuid(), 'toucher' || n || '@bench.example', '!', false, true, false, now()
    FROM generate_series(1, %(n)s) n RETURNING id
)
INSERT INTO organizations_member (id, organization_id, person_id, role_id, name, status, profile, theme, created_at)
SELECT gen_random_uuid(), %(organization)s, id,
    (SELECT id FROM organizations_role WHERE organization_id = %(organization)s LIMIT 1),
    '', 'active', '{}', 'system', now()
FROM person
RETURNING id
"""
# Seven in ten on one of 200 buttons, the others anywhere.
GENERATE = """
INSERT INTO campaigns_touch
    (received_at, client_at, screen_id, member_id, x, y, screen_width, screen_height, cell, event_type)
SELECT at, at, %(screen)s, (%(members)s::uuid[])[1 + floor(random() * %(n_members)s)::int], x, y, 390, 844,
    least(floor(y * 200), 199)::int * 200 + least(floor(x * 200), 199)::int, kind
FROM (
    SELECT %(end)s::timestamptz - (random() * %(seconds)s) * interval '1 second' AS at,
        CASE WHEN place < 0.7 THEN floor(random() * 10) / 10 + random() * 0.04 ELSE random() END AS x,
        CASE WHEN place < 0.7 THEN floor(random() * 20) / 20 + random() * 0.02 ELSE random() END AS y,
        1 + floor(random() * 4)::int AS kind
    FROM (SELECT random() AS place FROM generate_series(1, %(n)s)) drawn
) touched
ORDER BY at
"""
AGGREGATE = """
SELECT least(floor(x * 50), 49), least(floor(y * 50), 49), count(*) FROM campaigns_touch
WHERE screen_id = %s AND received_at >= %s AND received_at < %s GROUP BY 1, 2
"""
SEQUENTIAL = """
SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off;
SET LOCAL enable_bitmapscan = off
"""


def bench_touches(
    logins: Sequence[Login], *, n: int = EVENTS, seconds: float = SECONDS, rounds: int = ROUNDS
) -> list[Comparison]:
    compared = [*bench_ingest(logins, seconds=seconds, rounds=rounds), *bench_heatmaps(logins[0], n=n)]
    clear()
    return compared


# --- Ingest ---------------------------------------------------------------------------------------------------------


def bench_ingest(logins: Sequence[Login], *, seconds: float, rounds: int) -> list[Comparison]:
    """Events a second in batches of 100, spread over the organizations so that none passes its rate limit.

    Beside COPY as it is without options, which is by texts, and beside its binary form, which is about twice as fast.
    """
    name = "touches through the RPC, one web process, beside"
    plain = Comparison(f"{name} COPY", "events/s", least=1 / 10)
    binary = Comparison(f"{name} binary COPY", "events/s", least=1 / 20)
    calls = over_connect(logins)
    with web(PRODUCT, workers=1) as port:
        measure(port, calls, connections=CONNECTIONS, seconds=1)
        for _ in range(rounds):
            clear()
            settle()
            measured = measure(port, calls, connections=CONNECTIONS, seconds=seconds)
            for compared, options in ((plain, ""), (binary, "(FORMAT BINARY)")):
                compared.ours.append(measured.per_s * BATCH)
                compared.peer.append(copy_again(len(measured.latencies_ms) * BATCH, options))
                compared.notes = {"p95": f"{measured.p95_ms:.1f} ms"}
    return [plain, binary]


def over_connect(logins: Sequence[Login]) -> Iterator[bytes]:
    chance = random.Random(SEED)
    return cycle(
        [
            request(
                "POST",
                METHOD,
                authorization=f"Bearer {token}",
                body=batch(chance).to_binary(),
                content_type="application/proto",
            )
            for token in map(token_of, logins)
        ]
    )


def token_of(login: Login) -> str:
    """An access token of the organization's founder."""
    founder = Member.objects.select_related("person").filter(organization=login.organization_id).earliest("created_at")
    entered = enter(
        person=founder.person,
        organization_id=login.organization_id,
        method=SignInMethod.CODE,
        client=Client(),
        now=timezone.now(),
    )
    assert isinstance(entered, SignedIn)
    return entered.access.text


def batch(chance: random.Random) -> pb.IngestTouchEventsRequest:
    return pb.IngestTouchEventsRequest(
        events=[
            pb.TouchEvent(
                screen_name=chance.choice(SCREENS),
                x_pct=chance.random(),
                y_pct=chance.random(),
                event_type=pb.TouchEventType.TAP,
                screen_width=390,
                screen_height=844,
                client_timestamp=Timestamp.from_datetime(timezone.now()),
            )
            for _ in range(BATCH)
        ]
    )


def copy_again(n: int, options: str) -> float:
    """The rate at which the same rows are copied into the same table, once it is empty again."""
    with SpooledTemporaryFile() as rows, connection.cursor() as cursor:
        with cursor.copy(f"COPY (SELECT * FROM campaigns_touch) TO STDOUT {options}") as copied:
            for data in copied:
                rows.write(data)
        clear()
        rows.seek(0)
        start = time.perf_counter()
        with cursor.copy(f"COPY campaigns_touch FROM STDIN {options}") as copying:
            while data := rows.read(1 << 16):
                copying.write(data)
        elapsed = time.perf_counter() - start
        cursor.execute("SELECT count(*) FROM campaigns_touch")
        [n_rows] = cursor.fetchone()
    if n_rows < n:
        raise RuntimeError(f"Of {n} touches {n_rows} are there.")
    return float(n_rows / elapsed)


def clear() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE campaigns_touch, campaigns_touchday")


# --- Heatmaps -------------------------------------------------------------------------------------------------------


def bench_heatmaps(login: Login, *, n: int) -> list[Comparison]:
    """Each mode over a screen with ``n`` touches, and over one with a tenth of them, alone and among the others."""
    clear()
    members = write_members(login.organization_id)
    small, large = (screen_of(login.organization_id, name) for name in (SMALL, LARGE))
    generate(small, members, n // SHARE_OF_SMALL, days=DAYS)
    tidy_up()
    alone = {mode: p95_s(login, members, SMALL, mode) for mode in Mode}
    generate(large, members, n, days=DAYS)
    generate(small, members, n // SHARE_OF_SMALL, days=DAYS, ago=DAYS + 1)
    settle()
    aggregate_s = median(timed(lambda: aggregate(large)) for _ in range(3))
    tidy_up()
    compared = []
    for mode in Mode:
        over_all = Comparison(f"heatmap, {mode}, {n:,} touches, beside one SQL aggregate", "touches/s", least=1 / 4)
        over_all.ours, over_all.peer = [n / p95_s(login, members, LARGE, mode)], [n / aggregate_s]
        among = Comparison(f"heatmap, {mode}, {n // SHARE_OF_SMALL:,} touches among more", "heatmaps/s", least=1 / 1.5)
        among.ours, among.peer = [1 / p95_s(login, members, SMALL, mode)], [1 / alone[mode]]
        compared += [over_all, among]
    return compared


def write_members(organization_id: UUID) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE, {"n": USERS, "organization": organization_id})
        return [pk for (pk,) in cursor.fetchall()]


def screen_of(organization_id: UUID, name: str) -> int:
    made, _ = Screen.objects.get_or_create(
        organization_id=organization_id, name=name, defaults={"seen_on": timezone.now().date()}
    )
    return made.pk


def generate(screen_id: int, members: list[UUID], n: int, *, days: int, ago: int = 0) -> None:
    """Touches of so many days up to ``ago`` days before now."""
    end = timezone.now() - timedelta(days=ago)
    for back in range(days + 1):
        storage.make_day((end - timedelta(days=back)).date())
    values: dict[str, Any] = {"screen": screen_id, "members": members, "n_members": len(members), "n": n, "end": end}
    with connection.cursor() as cursor:
        cursor.execute(GENERATE, {**values, "seconds": days * 86_400})


def tidy_up() -> None:
    """Count up what is old, as the task does."""
    storage.tend(timezone.now())
    settle()


def p95_s(login: Login, members: list[UUID], screen: str, mode: str) -> float:
    def ask() -> None:
        queries.query(
            asked=Asked(screen, mode=mode, user_id=members[0] if mode == Mode.USER_SPECIFIC else None),
            organization_id=login.organization_id,
            actor=ACTOR,
            now=timezone.now(),
        )

    ask()
    return quantiles([timed(ask) for _ in range(QUERIES)], n=100, method="inclusive")[94]


def aggregate(screen_id: int) -> None:
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(SEQUENTIAL)
        cursor.execute(AGGREGATE, [screen_id, now - timedelta(days=DAYS), now])
        cursor.fetchall()
        cursor.execute("COMMIT")


def timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start
