"""Write ops_console/gen/ from the .proto files; with --check, say whether all of it still holds instead.

protoc makes descriptors, buf lints them and makes Python of them. The rules of buf.validate come as descriptors too,
out of the protovalidate package, because buf would fetch them from a registry.
"""

from __future__ import annotations

import argparse
import filecmp
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from protobuf import DescFile
from protobuf.wkt import FileDescriptorSet
from protovalidate._gen.buf.validate import validate_pb

PROJECT = Path(__file__).resolve().parent.parent
PROTO = PROJECT / "proto"
CONTRACT = PROTO / "contract" / "check_contract.py"
GENERATED = Path("ops_console", "gen")
PROGRAMS = Path(sys.executable).parent
# google/protobuf is left out: the protobuf package has it, and nothing imports ours.
OURS = ("--path", "pidgr", "--path", "buf", "--path", "google/rpc")


def run(*command: str | Path) -> None:
    """Run a program in the project's folder, with the plugins of this Python on its path.

    Raises subprocess.CalledProcessError.
    """
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(command, cwd=PROJECT, check=True, env={**os.environ, "PATH": path})


def with_dependencies(file: DescFile) -> Iterator[DescFile]:
    """A file after all it imports, as protoc wants them; some more than once."""
    for each in file.dependencies:
        yield from with_dependencies(each)
    yield file


def describe(folder: Path) -> Path:
    """Compile the .proto files to one descriptor set."""
    rules, descriptors = folder / "rules.binpb", folder / "all.binpb"
    files = {file.name: file.proto for file in with_dependencies(validate_pb.desc())}
    rules.write_bytes(FileDescriptorSet(file=[*files.values()]).to_binary())
    protoc = (sys.executable, "-m", "grpc_tools.protoc", "-I", PROTO, f"--descriptor_set_in={rules}")
    complete = ("--include_imports", "--include_source_info")
    run(*protoc, *complete, "-o", descriptors, *sorted(PROTO.glob("*/**/*.proto")))
    return descriptors


def differences(left: Path, right: Path) -> Iterator[str]:
    """Paths of Python files that only one folder has, or that differ."""
    paths = {path.relative_to(folder) for folder in (left, right) for path in folder.rglob("*.py")}
    for path in sorted(paths):
        if not all((folder / path).is_file() for folder in (left, right)):
            yield f"{path} is on one side only"
        elif not filecmp.cmp(left / path, right / path, shallow=False):
            yield f"{path} differs"


def check(descriptors: Path, folder: Path) -> int:
    """Lint, compare with the contract, and with the code as it would be generated now; 1 if anything is wrong."""
    run(PROGRAMS / "buf", "format", "--diff", "--exit-code", "proto")
    run(PROGRAMS / "buf", "lint", descriptors, "--path", "pidgr")
    run(sys.executable, CONTRACT, descriptors)
    run(PROGRAMS / "buf", "generate", descriptors, *OURS, "-o", folder)
    found = list(differences(folder / GENERATED, PROJECT / GENERATED))
    if found:
        print(f"{GENERATED} is not what the .proto files say; run 'make proto':", *found, sep="\n  ", file=sys.stderr)
    return len(found[:1])


def main() -> int:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if anything is wrong")
    with tempfile.TemporaryDirectory() as name:
        descriptors = describe(Path(name))
        if parser.parse_args().check:
            return check(descriptors, Path(name))
        run(PROGRAMS / "buf", "generate", descriptors, *OURS)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
