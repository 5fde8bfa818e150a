"""CreateCampaign for as many members as a campaign may have, over the web: seconds, and the memory it takes there."""

from __future__ import annotations

import http.client
import time
from statistics import median
from typing import Literal

from protobuf import Oneof

from bench.crowds import TITLE, Crowd, clear, recipients, write_template
from bench.fixtures import settle
from bench.processes import peak_mb
from bench.report import ROUNDS, Limit
from bench.servers import web_server
from ops_console.gen.pidgr.v1.campaign_pb import AudienceMember, CreateCampaignRequest
from ops_console.gen.pidgr.v1.common_pb import (
    ActionType,
    SendNotificationConfig,
    StepType,
    WorkflowDefinition,
    WorkflowStep,
)

METHOD = "/pidgr.v1.CampaignService/CreateCampaign"
# A body may have 32 MiB, and its message is a multiple of that.
MOST_S, MOST_MB = 10.0, 400.0


def bench_creating(crowd: Crowd, *, rounds: int = ROUNDS) -> list[Limit]:
    """In both forms a message has on the wire, each on a server of one process that has just been started."""
    template = write_template(crowd.login)
    message = request(crowd, str(template.pk))
    settle()
    limits = []
    for form, body in (("json", message.to_json().encode()), ("proto", message.to_binary())):
        limits += measured(crowd, form, body, rounds)
        clear()
    return limits


def request(crowd: Crowd, template_id: str) -> CreateCampaignRequest:
    sending = SendNotificationConfig(action_label="Understood", action_type=ActionType.ACK)
    config: Oneof[Literal["send_notification"], SendNotificationConfig] = Oneof("send_notification", sending)
    step = WorkflowStep(id="send", type=StepType.SEND_NOTIFICATION, config=config)
    audience = [AudienceMember(user_id=each.user_id, variables=each.variables) for each in recipients(crowd.members)]
    return CreateCampaignRequest(
        name=TITLE, template_id=template_id, audience=audience, workflow=WorkflowDefinition(steps=[step])
    )


def measured(crowd: Crowd, form: str, body: bytes, rounds: int) -> list[Limit]:
    """Campaigns made one after another: the median time, and the most memory of the process."""
    seconds = []
    with web_server("ops_console.wsgi:application", workers=1) as server:
        before_mb = peak_mb(server.pid)
        for _ in range(rounds):
            start = time.perf_counter()
            post(server.port, body, form, crowd.login.api_key)
            seconds.append(time.perf_counter() - start)
        after_mb = peak_mb(server.pid)
    name = f"CreateCampaign, {len(crowd.members):,} members, {len(body) / 1e6:.1f} MB of {form}"
    return [
        Limit(name, median(seconds), MOST_S, "s"),
        Limit(f"{name}: memory of the web process, peak", after_mb, MOST_MB, "MB", {"before": f"{before_mb:.0f} MB"}),
    ]


def post(port: int, body: bytes, form: str, api_key: str) -> None:
    """Raise if the answer is not 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    headers = {"Authorization": f"Bearer {api_key}", "Content-Type": f"application/{form}"}
    connection.request("POST", METHOD, body=body, headers=headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {said[:500].decode()}")
