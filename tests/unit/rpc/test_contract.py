"""Every limit of proto/contract is checked by protovalidate, and nothing is refused that the contract allows."""

from __future__ import annotations

from typing import Any

import protovalidate
import pytest
from protobuf import Oneof

from tests.contract import CLASSES, FIELDS, MESSAGES, OURS, UUID, Field, path


def is_refused(field: Field, value: Any) -> bool:
    """Whether a message with this value violates a rule of the field, or one of the message."""
    in_oneof = field.facts.get("oneof")
    message = CLASSES[field.message](**{in_oneof or field.name: Oneof(field.name, value) if in_oneof else value})
    paths = [path(violation) for violation in protovalidate.collect_violations(message)]
    return [] in paths or [field.name] in [[name for name, _ in each] for each in paths]


@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_a_field_takes_all_that_the_contract_allows(field: Field) -> None:
    for value in field.field_samples().taken:
        assert not is_refused(field, value), str(value)[:100]


@pytest.mark.parametrize("field", [field for field in FIELDS if field.field_samples().refused], ids=str)
def test_a_field_refuses_what_is_past_its_limits(field: Field) -> None:
    for value in field.field_samples().refused:
        assert is_refused(field, value), str(value)[:100]


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_each_message_has_the_fields_of_the_contract_and_ours(name: str) -> None:
    ours = {field for message, field in OURS if message == name}
    assert {field.name for field in CLASSES[name].desc().fields} == ours | {*MESSAGES[name]["fields"]}


@pytest.mark.parametrize(
    "delay", ["1m", "60s", "90s", "1h30m", "1h0m1s", "36h", "525600m", "31536000s", "8760h", "8759h60m"]
)
def test_a_delay_is_hours_minutes_and_seconds(delay: str) -> None:
    protovalidate.validate(CLASSES["DeadlineCheckConfig"](delay=delay))


@pytest.mark.parametrize(
    ("delay", "why"),
    [
        *((delay, "must be from 1m to 8760h") for delay in ("0s", "59s", "0h0m", "8760h1s", "525601m", "9999h")),
        *(
            (delay, "must be hours, minutes and seconds, such as 1h30m")
            for delay in (
                "",
                " ",
                "soon",
                "90",
                "1d",
                "1.5h",
                "-1h",
                "+1h",
                "1h 30m",
                "30m1h",
                "1h1h",
                "5m\n",
                "٣m",
                "9" * 30 + "h",
            )
        ),
    ],
)
def test_another_delay_is_refused_with_the_reason(delay: str, why: str) -> None:
    violations = protovalidate.collect_violations(CLASSES["DeadlineCheckConfig"](delay=delay))
    assert [violation.proto.message for violation in violations] == [why]


def test_a_resolution_is_checked_in_single_precision() -> None:
    assert 0.10000000149011612 > 0.1, "the double nearest to the float is past the limit"
    protovalidate.validate(CLASSES["QueryHeatmapDataRequest"].from_json('{"gridResolution": 0.10000000149011612}'))


def test_violations_name_their_fields() -> None:
    request = CLASSES["CreateCampaignRequest"].from_json(
        f'{{"templateId": "{UUID}", "name": "x", "audience": [{{"userId": "{UUID}"}}, {{"userId": "me"}}]}}'
    )
    (violation,) = protovalidate.collect_violations(request)
    assert path(violation) == [("audience", Oneof("index", 1)), ("user_id", None)]
