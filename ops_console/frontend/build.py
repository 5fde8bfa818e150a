"""Build the inbox page: ``python -m ops_console.frontend.build``. It needs Node.js, and node_modules (``npm ci``).

protoc-gen-es makes TypeScript of the descriptors that ``ops_console.gen`` holds, without their rules, which only the
server checks; esbuild makes two scripts and a stylesheet of it all, below ``static/``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from protobuf import DescFile
from protobuf.wkt import FileDescriptorProto
from protobuf.wkt.google.protobuf.compiler.plugin_pb import CodeGeneratorRequest, CodeGeneratorResponse
from protobuf.wkt.google.protobuf.descriptor_pb import DescriptorProto

from ops_console.gen.pidgr.v1 import action_pb, device_pb, inbox_pb, member_pb

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE.parent.parent / "node_modules" / ".bin"
SOURCES, GENERATED, BUILT = HERE / "inbox", HERE / "gen", HERE / "static" / "inbox"
# What the page calls.
SERVICES = (action_pb, device_pb, inbox_pb, member_pb)
RULES = "buf/validate/validate.proto"
BUNDLING = ("--bundle", "--minify", "--target=es2022", "--legal-comments=none", "--log-level=warning")


def main() -> None:
    if shutil.which("node") is None or not (PROGRAMS / "esbuild").exists():
        sys.exit("Install Node.js 20 or newer with npm, then run 'npm ci' and this again.")
    write_messages()
    for name, form in (("inbox.ts", "esm"), ("inbox.css", "esm"), ("worker.ts", "iife")):
        run("esbuild", str(SOURCES / name), f"--outdir={BUILT}", f"--format={form}", *BUNDLING)


def run(program: str, *arguments: str, given: bytes = b"") -> bytes:
    """Run a program of node_modules; give what it prints. Raises subprocess.CalledProcessError."""
    command = [str(PROGRAMS / program), *arguments]
    return subprocess.run(command, input=given, check=True, stdout=subprocess.PIPE).stdout  # noqa: S603 - our own


def write_messages() -> None:
    """Write TypeScript of the messages and services."""
    files = {file.name: file.proto for module in SERVICES for file in with_dependencies(module.desc())}
    request = CodeGeneratorRequest(
        file_to_generate=[name for name in files if name.startswith("pidgr/")],
        parameter="target=ts,import_extension=none",
        proto_file=[without_rules(file) for file in files.values()],
    )
    response = CodeGeneratorResponse.from_binary(run("protoc-gen-es", given=request.to_binary()))
    for made in response.file:
        path = GENERATED / made.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made.content)


def with_dependencies(file: DescFile) -> Iterator[DescFile]:
    """A file after all it imports but the rules, as plugins want them; some more than once."""
    for each in file.dependencies:
        if each.name != RULES:
            yield from with_dependencies(each)
    yield file


def without_rules(file: FileDescriptorProto) -> FileDescriptorProto:
    """A copy that carries no options: those of the rules are longer than all the rest."""
    bare = FileDescriptorProto.from_binary(file.to_binary())
    bare.dependency[:] = [name for name in bare.dependency if name != RULES]
    for message in bare.message_type:
        _drop_options(message)
    return bare


def _drop_options(message: DescriptorProto) -> None:
    # A map's entry is known by its options.
    if not (message.options and message.options.map_entry):
        message.options = None
    for field in message.field:
        field.options = None
    for oneof in message.oneof_decl:
        oneof.options = None
    for nested in message.nested_type:
        _drop_options(nested)


if __name__ == "__main__":
    main()
