"""Faces call services and never write themselves; statuses change in the state machines and nowhere else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APPS = ("ops_console", "couriers", "messages", "campaigns")
FACES = ("api.py", "ops_api.py", "admin.py", "tasks.py", "rpc.py")
FACE_FOLDERS = ("admin", "api", "ops_api", "commands")
ORM = ("save", "create", "update", "delete", "bulk_create", "bulk_update", "get_or_create", "update_or_create")
# A face needs no locks, no transactions and no SQL of its own either.
SQL = ("cursor", "execute", "executemany", "raw", "atomic", "select_for_update")
WRITES = frozenset({*ORM, *(f"a{name}" for name in ORM), *SQL})
# Names that are not the ORM's: dictionaries and progress bars are updated as well.
HARMLESS = frozenset({"context", "extra_context", "headers", "counts", "progress", "actions", "urls"})
UPDATES_STATUS = re.compile(
    r"\bUPDATE\b(?:(?!\bSET\b).)*\bSET\b(?:(?!\b(?:WHERE|FROM)\b).)*?\bstatus\s*=", re.IGNORECASE | re.DOTALL
)
STATE_MACHINE = ROOT / "ops_console" / "state_machine.py"


def sources() -> Iterator[Path]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if not {"migrations", "gen"} & set(path.parts):
                yield path


def is_face(path: Path) -> bool:
    return path.name in FACES or path.parent.name in FACE_FOLDERS or is_rpc_handlers(path)


def is_rpc_handlers(path: Path) -> bool:
    """An app's folder of them; ops_console/rpc is the pipeline around them."""
    return path.parent.name == "rpc" and path.parents[1] != ROOT / "ops_console"


def writes_in(tree: ast.AST) -> list[str]:
    """The calls that write, or could: ``line: name``."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WRITES:
            owner = node.func.value
            name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            if not (node.func.attr == "update" and name in HARMLESS):
                found.append(f"{node.lineno}: {node.func.attr}")
        if isinstance(node, ast.ImportFrom) and node.module == "django.db":
            found += [
                f"{node.lineno}: {name.name}" for name in node.names if name.name in {"connection", "transaction"}
            ]
    return found


def statuses_set_in(tree: ast.AST, models: frozenset[str]) -> list[str]:
    """Where a status is given to a row that exists, as far as the source tells."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and node.attr == "status":
            if isinstance(node.value, ast.Name) and node.value.id in models:
                found.append(f"{node.lineno}: {node.value.id}.status =")
        elif isinstance(node, ast.Call):
            found += status_call(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and UPDATES_STATUS.search(node.value):
            found.append(f"{node.lineno}: UPDATE ... SET status")
    return found


def status_call(node: ast.Call) -> list[str]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    texts = {inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant)}
    gives = any(word.arg == "status" for word in node.keywords)
    if name in {"update", "aupdate", "update_or_create", "aupdate_or_create"} and (gives or "status" in texts):
        return [f"{node.lineno}: {name}(status=)"]
    if name in {"bulk_update", "abulk_update", "setattr", "__setattr__"} and "status" in texts:
        return [f"{node.lineno}: {name}(... status)"]
    return []


# What a variable that holds a row with a status is called.
ROWS = frozenset(
    {"message", "courier", "member", "refund", "webhook", "sent", "row", "obj", "instance", "self", "flight"}
)


def parse(path: Path) -> ast.AST:
    return ast.parse(path.read_text(), str(path))


def test_there_are_faces() -> None:
    faces = {str(path.relative_to(ROOT)) for path in sources() if is_face(path)}
    assert {"messages/api.py", "couriers/api.py", "messages/tasks.py", "messages/ops_api.py"} <= faces
    assert "messages/management/commands/refund.py" in faces
    assert "ops_console/organizations/rpc/members.py" in faces
    assert not {"messages/services/clients.py", "ops_console/rpc/pipeline.py"} & faces


@pytest.mark.parametrize(
    "path", [path for path in sources() if is_face(path)], ids=lambda path: str(path.relative_to(ROOT))
)
def test_a_face_does_not_write(path: Path) -> None:
    assert writes_in(parse(path)) == []


@pytest.mark.parametrize("path", list(sources()), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_state_machine_sets_a_status(path: Path) -> None:
    if path != STATE_MACHINE:
        assert statuses_set_in(parse(path), ROWS) == []


@pytest.mark.parametrize(
    "path",
    [path for app in APPS for path in sorted((ROOT / app).rglob("*.sql"))],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_query_file_sets_a_status(path: Path) -> None:
    assert not UPDATES_STATUS.search(path.read_text())


def test_the_state_machine_is_seen_to_set_it() -> None:
    assert statuses_set_in(parse(STATE_MACHINE), ROWS)


@pytest.mark.parametrize(
    "source",
    [
        "message.save()",
        "Message.objects.filter(pk=1).update(body='x')",
        "self.queryset.model.objects.create(a=1)",
        "message.requested.all().delete()",
        "Message.objects.bulk_create(rows)",
        "Message.objects.get_or_create(pk=1)",
        "with connection.cursor() as c: c.execute('SELECT 1')",
        "with transaction.atomic(): pass",
        "from django.db import connection",
    ],
)
def test_a_write_is_seen(source: str) -> None:
    assert writes_in(ast.parse(source))


@pytest.mark.parametrize(
    "source", ["context.update(a=1)", "clients.create_message()", "self.headers.update({})", "a.patch()"]
)
def test_what_is_no_write_is_let_pass(source: str) -> None:
    assert not writes_in(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "message.status = 'queued'",
        "courier.status: str = x",
        "Message.objects.filter(pk=1).update(status='queued')",
        "Message.objects.update(**{'status': 'queued'})",
        "Message.objects.bulk_update(rows, ['status'])",
        "setattr(message, 'status', x)",
        "SQL = 'UPDATE t SET a = 1, status = %s WHERE status = 2'",
    ],
)
def test_a_status_that_is_set_is_seen(source: str) -> None:
    assert statuses_set_in(ast.parse(source), ROWS)


@pytest.mark.parametrize(
    "source",
    [
        "response.status = 200",
        "Message(status='queued')",
        "Message.objects.filter(status='queued').update(version=2)",
        "SQL = \"UPDATE t SET a = 1 WHERE status = 'queued'\"",
        "SQL = \"SELECT 1 FROM t WHERE status = 'queued' FOR UPDATE\"",
    ],
)
def test_other_uses_of_a_status_are_let_pass(source: str) -> None:
    assert not statuses_set_in(ast.parse(source), ROWS)
