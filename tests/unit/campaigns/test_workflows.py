from __future__ import annotations

import copy
from datetime import timedelta
from ipaddress import ip_address
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protobuf import message_to_json_value

from campaigns.models import StepType
from campaigns.workflows.definition import CallWebhook, DeadlineCheck, SendNotification, message_of, parse
from campaigns.workflows.validation import MOST_BYTES, check

TEMPLATE = "018f0000-0000-7000-8000-000000000001"


def public(name, timeout_s):
    return [ip_address("93.184.216.34")]


def faults_of(data, resolve=public):
    return check(data, organization_id=None, resolve=resolve)


def told_of(data):
    """Each fault as its path and its rule."""
    return {(".".join(map(str, fault.path)), fault.code) for fault in faults_of(data)}


def send(key="send", **more):
    return {"id": key, "type": "STEP_TYPE_SEND_NOTIFICATION", "sendNotification": {"type": "push"}, **more}


def deadline(key="wait", delay="24h", **more):
    return {"id": key, "type": "STEP_TYPE_DEADLINE_CHECK", "deadlineCheck": {"delay": delay}, **more}


def remind(key="remind", **more):
    return {"id": key, "type": "STEP_TYPE_SEND_REMINDER", "sendReminder": {}, **more}


def call(key="call", url="https://hooks.customer.example/done", headers=None, **more):
    config = {"name": "done", "url": url, "headers": headers or {}}
    return {"id": key, "type": "STEP_TYPE_CALL_WEBHOOK", "callWebhook": config, **more}


def missed(key="missed", **more):
    return {"id": key, "type": "STEP_TYPE_MARK_MISSED", **more}


def whole():
    return {
        "steps": [
            send(transitions={"completed": "wait", "failed": "call"}),
            deadline(transitions={"completed": "remind"}),
            remind(transitions={"completed": "missed"}),
            missed(transitions={"completed": "call"}),
            call(),
        ]
    }


def with_steps(*steps):
    return {"steps": list(steps)}


def test_a_whole_workflow_is_accepted():
    assert faults_of(whole()) == []


def test_it_is_read_as_the_engine_walks_it():
    workflow = parse(whole())
    assert workflow.entry.key == "send"
    assert workflow.step("wait").config == DeadlineCheck(timedelta(hours=24))
    assert workflow.step("send").config == SendNotification(channel="push")
    assert workflow.step("send").transitions == {"completed": "wait", "failed": "call"}
    assert workflow.step("call").config == CallWebhook("done", "https://hooks.customer.example/done", {})
    assert workflow.step("missed").type is StepType.MARK_MISSED
    assert workflow.step("missed").config is None


def test_names_as_in_the_proto_are_read_too():
    config = {"template_id": TEMPLATE, "template_version": 3, "action_type": "ACTION_TYPE_ACK", "action_label": "Ok"}
    step = {"id": "send", "type": 1, "send_notification": {**config, "custom_variables": {"a": "b"}}}
    read = parse(with_steps(step)).entry.config
    assert read == SendNotification("push", UUID(TEMPLATE), 3, "Ok", "ack", {"a": "b"})


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m", 60), ("90m", 5400), ("1h30m", 5400), ("8760h", 8760 * 3600), ("60s", 60)]
)
def test_delays(text, seconds):
    read = parse(with_steps(deadline(delay=text))).entry.config
    assert read == DeadlineCheck(timedelta(seconds=seconds))
    assert faults_of(with_steps(deadline(delay=text))) == []


@pytest.mark.parametrize("text", ["", "59s", "8760h1s", "9999h", "1d", "-1h", "1h-1m", "1.5h", "one hour", "30m1h"])
def test_delays_out_of_range_are_refused(text):
    assert told_of(with_steps(deadline(delay=text))) == {
        ("workflow.steps.0.deadline_check.delay", "deadline_check.delay")
    }


@pytest.mark.parametrize("data", [None, 3, "send", [], {"steps": 3}, {"steps": [{"type": "STEP_TYPE_DANCE"}]}])
def test_what_is_no_workflow(data):
    assert told_of(data) == {("workflow", "malformed")}


def test_one_step_at_least():
    assert told_of({}) == {("workflow.steps", "no_steps")}


def test_too_long_a_one():
    variables = {f"name{n}": "x" * 10_000 for n in range(27)}
    step = send()
    step["sendNotification"]["customVariables"] = variables
    assert len(message_of(with_steps(step)).to_binary()) > MOST_BYTES
    assert told_of(with_steps(step)) == {("workflow", "too_long")}
    variables.popitem()
    assert told_of(with_steps(step)) == set()


def test_each_fault_names_its_step_and_its_rule():
    faults = faults_of(
        with_steps(
            send("a", transitions={"completed": "b", "late": "b"}),
            missed("b", sendReminder={}),
            call("b", headers={"Host": "x", "X-Well": "fine", "X-Bad": "a\r\nb"}),
        )
    )
    assert {(".".join(map(str, fault.path)), fault.message) for fault in faults} == {
        ("workflow.steps.0.transitions.late", 'Step "a": a step ends as completed or failed, never as late.'),
        (
            "workflow.steps.1.send_reminder",
            'Step "b" is a MARK_MISSED: it takes no configuration, not send_reminder.',
        ),
        ("workflow.steps.2.id", 'Step "b": step 1 has this id, too.'),
        ("workflow.steps.2.call_webhook.headers.Host", 'Step "b": Host belongs to HTTP itself.'),
        (
            "workflow.steps.2.call_webhook.headers.X-Bad",
            'Step "b": A header\'s value is one line of printable ASCII.',
        ),
    }


def test_a_cycle_is_told_step_by_step():
    [fault] = faults_of(
        with_steps(
            send("a", transitions={"completed": "b"}),
            deadline("b", transitions={"completed": "c"}),
            remind("c", transitions={"failed": "b"}),
        )
    )
    assert (fault.path, fault.code) == (("workflow", "steps", 1), "cycle")
    assert fault.message == 'Step "b" comes back to itself: "b" -> "c" -> "b".'


def test_a_cycle_without_an_entry():
    assert told_of(with_steps(send("a", transitions={"completed": "a"}))) == {("workflow.steps.0", "cycle")}


def test_a_second_entry():
    assert told_of(with_steps(send("a"), deadline("b"))) == {("workflow.steps.1", "entry")}


def test_a_transition_to_nowhere():
    steps = with_steps(send(transitions={"completed": "nowhere"}))
    assert told_of(steps) == {("workflow.steps.0.transitions.completed", "unknown_step")}


@pytest.mark.parametrize(
    "header",
    ["Host", "content-length", "Transfer-Encoding", "CONNECTION", "webhook-signature", "Content-Type", "a b", "é", ""],
)
def test_headers_that_are_not_a_workflows_to_set(header):
    [(_, rule)] = told_of(with_steps(call(headers={header: "x"})))
    assert rule == "header"


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "é", " a", "a "])
def test_values_a_header_cannot_have(value):
    assert told_of(with_steps(call(headers={"X-A": value}))) == {
        ("workflow.steps.0.call_webhook.headers.X-A", "header")
    }


def test_one_header_in_two_spellings():
    steps = with_steps(call(headers={"X-A": "1", "x-a": "2"}))
    assert told_of(steps) == {("workflow.steps.0.call_webhook.headers.x-a", "header")}


@pytest.mark.parametrize("url", ["", "ftp://customer.example", "https://10.0.0.1/", "https://metadata.internal/"])
def test_addresses_no_webhook_may_call(url):
    assert told_of(with_steps(call(url=url))) == {("workflow.steps.0.call_webhook.url", "url")}


def test_a_name_that_resolves_to_a_private_address():
    [fault] = faults_of(with_steps(call()), resolve=lambda name, timeout_s: [ip_address("10.0.0.1")])
    assert fault.path == ("workflow", "steps", 0, "call_webhook", "url")


def test_each_host_is_looked_up_once():
    asked = []

    def resolve(name, timeout_s):
        asked.append(name)
        return public(name, timeout_s)

    keys = [f"call{n}" for n in range(20)]
    steps = [
        call(key, transitions={"completed": following} if following else {})
        for key, following in zip(keys, [*keys[1:], None], strict=True)
    ]
    assert faults_of(with_steps(*steps), resolve=resolve) == []
    assert asked == ["hooks.customer.example"]


def test_a_channel_there_is_not():
    step = send()
    step["sendNotification"]["type"] = "smoke"
    assert told_of(with_steps(step)) == {("workflow.steps.0.send_notification.type", "channel")}


def test_a_version_of_no_template():
    step = send()
    step["sendNotification"]["templateVersion"] = 2
    told = check(with_steps(step), organization_id=UUID(TEMPLATE))
    assert [fault.code for fault in told] == ["template"]


def test_a_text_the_database_cannot_hold():
    step = send()
    step["sendNotification"]["customVariables"] = {"name": "a\0b"}
    assert told_of(with_steps(step)) == {("workflow.steps.0.send_notification.custom_variables.name", "nul")}


# --- Any graph without cycles is accepted, and none with one fault -----------------------------------------------

KINDS = [send, deadline, remind, call, missed]


@st.composite
def graphs(draw):
    """Steps in a random order; each but the first is led to from one before it, and there is no other entry."""
    n = draw(st.integers(1, 12))
    steps = [draw(st.sampled_from(KINDS))(f"step{i}", transitions={}) for i in range(n)]
    for i in range(1, n):
        free = [(j, outcome) for j in range(i) for outcome in ("completed", "failed")]
        free = [(j, outcome) for j, outcome in free if outcome not in steps[j]["transitions"]]
        j, outcome = draw(st.sampled_from(free))
        steps[j]["transitions"][outcome] = f"step{i}"
    # Ways that meet again.
    for i in range(n - 1):
        if "failed" not in steps[i]["transitions"] and draw(st.booleans()):
            steps[i]["transitions"]["failed"] = f"step{draw(st.integers(i + 1, n - 1))}"
    return {"steps": draw(st.permutations(steps))}


@given(graphs())
def test_random_graphs_without_cycles_are_accepted(graph):
    assert faults_of(graph) == []
    workflow = parse(graph)
    assert workflow.entry.key == "step0"
    assert parse(message_to_json_value(message_of(graph))) == workflow


def with_same_id(graph, draw):
    graph["steps"].append(send(draw(st.sampled_from(graph["steps"]))["id"], transitions={}))
    return "duplicate"


def with_lost_transition(graph, draw):
    draw(st.sampled_from(graph["steps"]))["transitions"]["completed"] = "elsewhere"
    return "unknown_step"


def with_way_back(graph, draw):
    by_id = {step["id"]: step for step in graph["steps"]}
    start = by_id[draw(st.sampled_from(sorted(by_id)))]
    end = start
    while end["transitions"] and draw(st.booleans()):
        end = by_id[draw(st.sampled_from(sorted(end["transitions"].values())))]
    # In the place of no transition, so that no other fault comes of it.
    outcome = next((name for name in ("failed", "completed") if name not in end["transitions"]), None)
    if outcome is None:
        end["transitions"]["failed"] = start["id"]
        return None
    end["transitions"][outcome] = start["id"]
    return "cycle"


def with_other_entry(graph, draw):
    graph["steps"].insert(draw(st.integers(0, len(graph["steps"]))), remind("other", transitions={}))
    return "entry"


def with_unknown_outcome(graph, draw):
    step = draw(st.sampled_from(graph["steps"]))
    step["transitions"]["Completed"] = step["id"]
    return "outcome"


def without_type(graph, draw):
    draw(st.sampled_from(graph["steps"])).pop("type")
    return "type"


def with_another_type(graph, draw):
    step = draw(st.sampled_from(graph["steps"]))
    types = [make("x")["type"] for make in KINDS]
    step["type"] = draw(st.sampled_from([each for each in types if each != step["type"]]))
    return "config"


def without_config(graph, draw):
    graph["steps"].append({"id": "bare", "type": "STEP_TYPE_DEADLINE_CHECK"})
    graph["steps"].append(send("first", transitions={"completed": "bare", "failed": "step0"}))
    return "config"


def with_long_wait(graph, draw):
    graph["steps"].append(deadline("first", delay="8760h1s", transitions={"completed": "step0"}))
    return "deadline_check.delay"


def without_id(graph, draw):
    graph["steps"].append(deadline("", transitions={"completed": "step0"}))
    return "string.min_len"


MUTATIONS = [
    with_same_id,
    with_lost_transition,
    with_way_back,
    with_other_entry,
    with_unknown_outcome,
    without_type,
    with_another_type,
    without_config,
    with_long_wait,
    without_id,
]


@pytest.mark.parametrize("mutate", MUTATIONS)
@given(graph=graphs(), data=st.data())
def test_any_single_fault_is_refused(mutate, graph, data):
    broken = copy.deepcopy(graph)
    rule = mutate(broken, data.draw)
    faults = faults_of(broken)
    assert faults
    assert rule is None or rule in {fault.code for fault in faults}
