"""The facts of proto/contract, with values that each field of the contract takes and refuses."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NamedTuple

import protovalidate
from protobuf import Message

from ops_console.var_dir import PROJECT

CONTRACT = json.loads((PROJECT / "proto" / "contract" / "pidgr_v1.json").read_text())
MESSAGES, ENUMS = CONTRACT["messages"], CONTRACT["enums"]
ENUMS["Platform"]["PLATFORM_WEB"] = 100
UUID = "01890a5d-ac96-774b-bcce-b302099a8057"
LONG = 200_001

# What the contract's `about` says in words.
NO_UUID = {"recording_id", "action_id", "client_id", "employee_id"}
MAY_BE_ZERO = {
    ("GetUserRequest", "user_id"),
    ("InviteUserRequest", "role_id"),
    ("ListSessionRecordingsRequest", "campaign_id"),
    ("QueryHeatmapDataRequest", "campaign_id"),
    ("QueryHeatmapDataRequest", "grid_resolution"),
    ("QueryHeatmapDataRequest", "user_id"),
    ("SendNotificationConfig", "template_id"),
    ("SyncRequest", "limit"),
    ("UpdateCampaignRequest", "template_id"),
    ("UpdateUserProfileRequest", "user_id"),
}
MORE_FACTS = {
    ("Pagination", "page_size"): {"range": [0, 200]},
    ("WorkflowStep", "id"): {"max_length": 100},
}
NOT_EMPTY = {
    ("GetSessionSnapshotsRequest", "recording_id"),
    ("SubmitActionRequest", "action_id"),
    ("WorkflowStep", "id"),
}
# Ours: docs/decisions/protos.md.
NOT_UNSPECIFIED = {("RegisterRequest", "platform"), ("CreateSSOProviderRequest", "type")}
OURS = {
    ("CreateSSOProviderRequest", "client_id"): {"type": "string", "max_length": 500},
    ("CreateSSOProviderRequest", "client_secret"): {"type": "string", "max_length": 500},
}


def python_classes() -> dict[str, type[Message[Any]]]:
    """The generated class of each message."""
    modules = [
        import_module(f"ops_console.gen.pidgr.v1.{file.removesuffix('.proto')}_pb") for file in CONTRACT["files"]
    ]
    return {message.name: message.type for module in modules for message in module.desc().messages}


def parts(kind: str) -> list[str]:
    """The names in a type: 'map<string, Role>' is map, string, Role."""
    return re.findall(r"[\w.]+", kind)


def reachable(name: str) -> Iterator[str]:
    """A message and all it holds."""
    yield name
    for facts in MESSAGES[name]["fields"].values():
        for part in parts(facts["type"]):
            if part in MESSAGES:
                yield from reachable(part)


CLASSES = python_classes()
REQUESTS = [method["request"] for methods in CONTRACT["services"].values() for method in methods.values()]
ASKED = {name for request in REQUESTS for name in reachable(request)}


class Samples(NamedTuple):
    """Values a field takes, a short one first, and values it refuses."""

    taken: list[Any]
    refused: list[Any]


@dataclass(frozen=True)
class Field:
    """A field of the contract."""

    message: str
    name: str
    facts: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.message}.{self.name}"

    @property
    def key(self) -> tuple[str, str]:
        return self.message, self.name

    @property
    def kind(self) -> str:
        """The type of one element."""
        return str(self.facts["type"]).removeprefix("repeated ")

    @property
    def is_uuid(self) -> bool:
        names_a_row = re.search(r"_ids?$", self.name) and self.kind == "string" and self.name not in NO_UUID
        return self.facts.get("format") == "uuid" or (self.message in ASKED and bool(names_a_row))

    @property
    def is_name(self) -> bool:
        return self.name == "name" and re.fullmatch(r"Create\w+Request", self.message) is not None

    def samples(self) -> Samples:
        """Values of one element, or of the field if it is not repeated."""
        if self.kind.startswith("map<"):
            return maps(self.facts)
        if self.kind in ENUMS:
            return self.enum_samples()
        if self.kind in MESSAGES or self.kind == "google.protobuf.Timestamp":
            return Samples([valid(self.kind)] if self.kind in MESSAGES else [None], [])
        if self.is_uuid:
            return self.uuids()
        if "duration_range" in self.facts:
            return Samples(["1m", "8760h"], ["", "59s", "8760h1s"])
        return {"string": self.texts, "bytes": self.blobs}.get(self.kind, self.numbers)()

    def enum_samples(self) -> Samples:
        known, unknown = [*ENUMS[self.kind].values()], [max(ENUMS[self.kind].values()) + 1]
        if self.message not in ASKED:
            return Samples([*known, *unknown], [])
        if self.kind == "Permission" or self.key in NOT_UNSPECIFIED:
            return Samples(known[1:], [0, *unknown])
        return Samples(known, unknown)

    def uuids(self) -> Samples:
        empty = Samples([""], []) if self.key in MAY_BE_ZERO else Samples([], [""])
        taken = [UUID, UUID.upper(), *empty.taken]
        return Samples(taken, ["x", "x" * 36, UUID[:-1], f"{UUID}0", f"{{{UUID}}}", *empty.refused])

    def texts(self) -> Samples:
        longest = self.facts.get("max_length")
        empty = Samples([], [""]) if self.is_name or self.key in NOT_EMPTY else Samples([""], [])
        if longest is None:
            return Samples(["x", "é" * LONG, *empty.taken], empty.refused)
        return Samples(["x", "é" * longest, *empty.taken], ["é" * (longest + 1), *empty.refused])

    def blobs(self) -> Samples:
        longest = self.facts["max_bytes"]
        return Samples([b"", bytes(longest)], [bytes(longest + 1)])

    def numbers(self) -> Samples:
        if self.kind == "bool":
            return Samples([False, True], [])
        if "range" not in self.facts:
            return Samples([0, -1, 2**31 - 1], [])
        low, high = self.facts["range"]
        if self.kind == "int32":
            samples = Samples([int(low), int(high)], [int(low) - 1, int(high) + 1])
        else:
            samples = Samples([low, high], [low - 1e-7, high + 1e-7, math.nan, math.inf])
        if self.key in MAY_BE_ZERO:
            return Samples([*samples.taken, 0], [-1, *filter(None, samples.refused)])
        return samples

    def field_samples(self) -> Samples:
        """Values of the field, repeated or not."""
        of_one = self.samples()
        if not self.facts["type"].startswith("repeated "):
            return of_one
        fewest, most = self.facts.get("min_items", 0), self.facts.get("max_items")
        one = of_one.taken[:1]
        taken = [one, one * fewest, of_one.taken, one * (1000 if most is None else most)]
        refused = [[value] for value in of_one.refused] + ([[]] if fewest else [])
        return Samples(taken, refused if most is None else [*refused, one * (most + 1)])


def maps(facts: dict[str, Any]) -> Samples:
    """Maps of texts: with many pairs, with long keys, with long values."""
    taken, refused = [{"key": "value"}, {}], []
    most, key, value = (facts.get(name) for name in ("max_items", "max_key_length", "max_value_length"))
    for limit, make in (
        (most, lambda n: {str(i): "" for i in range(n)}),
        (key, lambda n: {"é" * n: ""}),
        (value, lambda n: {"": "é" * n}),
    ):
        taken.append(make(LONG if limit is None else limit))
        refused += [] if limit is None else [make(limit + 1)]
    return Samples(taken, refused)


def valid(name: str) -> Message[Any]:
    """A message without violations."""
    given = {
        field.name: field.field_samples().taken[0]
        for field in fields_of(name)
        if field.is_uuid or field.kind in {"string", *ENUMS}
    }
    return CLASSES[name](**given)


def fields_of(name: str) -> Iterator[Field]:
    for field, facts in MESSAGES[name]["fields"].items():
        yield Field(name, field, facts | MORE_FACTS.get((name, field), {}))


FIELDS = [field for name in MESSAGES for field in fields_of(name)]
FIELDS += [Field(*key, facts) for key, facts in OURS.items()]


def path(violation: protovalidate.Violation) -> list[tuple[str, object]]:
    """The field a violation is about, with the index of each element; empty if it is about the whole message."""
    return (
        [(part.field_name, part.subscript) for part in violation.proto.field.elements] if violation.proto.field else []
    )
