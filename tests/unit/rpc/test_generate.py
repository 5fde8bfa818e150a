"""proto/generate.py --check tells when the protos, the contract and the generated code have come apart."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ops_console.var_dir import PROJECT

GENERATED = Path("ops_console", "gen")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What make proto reads and writes, to be spoiled."""
    for folder in (Path("proto"), GENERATED):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("buf.yaml", "buf.gen.yaml"):
        shutil.copy(PROJECT / file, tmp_path / file)
    return tmp_path


def check(project: Path) -> tuple[int, str]:
    """The exit status of the check, and all it printed."""
    script = str(project / "proto" / "generate.py")
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def edit(path: Path, pattern: str, replacement: str) -> None:
    text, n_replaced = re.subn(pattern, replacement, path.read_text(), count=1)
    assert n_replaced
    path.write_text(text)


def test_generated_code_that_was_edited_is_told(project: Path) -> None:
    generated = project / GENERATED / "pidgr" / "v1"
    edit(generated / "team_pb.py", "DO NOT EDIT", "edited")
    (generated / "old_pb.py").touch()
    (generated / "role_pb.py").unlink()
    status, said = check(project)
    assert status == 1
    assert "run 'make proto'" in said
    assert re.findall(r"pidgr/v1/\w+\.py .*", said) == [
        "pidgr/v1/old_pb.py is on one side only",
        "pidgr/v1/role_pb.py is on one side only",
        "pidgr/v1/team_pb.py differs",
    ]


@pytest.mark.parametrize(
    ("pattern", "replacement", "told"),
    [
        ("int32 member_count", "int64 member_count", "Team.member_count should be int32, is int64"),
        (r"  // Return one team\.\n  //\n.*\n", "", 'RPC "GetTeam" should have a non-empty comment'),
        ("string id", "string  id", "+  string id"),
    ],
    ids=["off the contract", "no comment", "badly laid out"],
)
def test_a_proto_that_breaks_a_rule_is_told(project: Path, pattern: str, replacement: str, told: str) -> None:
    edit(project / "proto" / "pidgr" / "v1" / "team.proto", pattern, replacement)
    status, said = check(project)
    assert status != 0
    assert told in said
