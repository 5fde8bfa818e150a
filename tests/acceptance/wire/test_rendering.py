"""RenderBatch for 10,000 users over both servers: answers come as they are ready, and are not heaped up."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest
from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

from ops_console.gen.pidgr.v1.render_pb import RenderBatchRequest, UserRenderContext
from tests import authoring, callers, campaigning, factories
from tests.acceptance.wire.conftest import Servers
from tests.rpc_clients import ConnectCaller, NativeCaller

METHOD = "RenderService/RenderBatch"
N_USERS, N_MEMBERS = 10_000, 100
BODY = "{{first_name}} flies on {{day}}. " + "Coo coo, says the pigeon. " * 90
MB = 2**20


@dataclass(frozen=True)
class Asked:
    request: RenderBatchRequest
    key: str


@pytest.fixture
def asked(committed_db: None) -> Asked:
    """Every hundredth is one nobody knows."""
    organization = factories.organization()
    template = authoring.template(organization, body=BODY)
    known = [str(member.pk) for member in campaigning.crowd(N_MEMBERS - 1, organization)]
    ids = [*known, str(template.template_id)] * (N_USERS // N_MEMBERS)
    users = [UserRenderContext(user_id=pk, variables={"day": f"day {n}"}) for n, pk in enumerate(ids)]
    return Asked(RenderBatchRequest(template_id=str(template.template_id), users=users), callers.service_key("render"))


def figures(web_url: str) -> tuple[float, float]:
    """Megabytes the web process has, and how many such calls have ended in it."""
    headers = {"Authorization": f"Bearer {settings.METRICS_TOKEN}"}
    text = httpx.get(f"{web_url}/metrics", headers=headers, timeout=30).text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    [memory] = [sample.value for sample in samples if sample.name == "process_resident_memory_bytes"]
    calls = [sample for sample in samples if sample.name == "rpc_duration_seconds_count"]
    return memory / MB, sum(sample.value for sample in calls if sample.labels["method"] == "RenderBatch")


def assert_complete(asked: Asked, answers: list[Any]) -> None:
    assert [answer.user_id for answer in answers] == [user.user_id for user in asked.request.users]
    errors = [n for n, answer in enumerate(answers) if answer.error]
    assert errors == list(range(N_MEMBERS - 1, N_USERS, N_MEMBERS))
    assert answers[-2].message.title == f"Your day {N_USERS - 2}"


def test_answers_come_as_they_are_ready_and_are_not_heaped_up(servers: Servers, asked: Asked) -> None:
    before_mb, n_before = figures(servers.web_url)
    call = ConnectCaller(servers.web_url).stream(METHOD, asked.request, key=asked.key)
    answers = [next(call)]
    # Nobody reads on: the server waits, too, and holds little of what it has yet to send.
    time.sleep(0.5)
    mb, n_ended = figures(servers.web_url)
    assert n_ended == n_before
    answers += call
    assert_complete(asked, answers)
    size_mb = sum(len(answer.to_binary()) for answer in answers) / MB
    assert size_mb > 25
    # Its first call of all makes it grow, too.
    assert max(mb, figures(servers.web_url)[0]) - before_mb < 20

    started, arrived, answers = time.monotonic(), [], []
    with grpc.insecure_channel(servers.grpc_address) as channel:
        for answer in NativeCaller(channel).stream(METHOD, asked.request, key=asked.key):
            answers.append(answer)
            arrived.append(time.monotonic() - started)
    assert_complete(asked, answers)
    assert arrived[0] < arrived[-1] / 2
