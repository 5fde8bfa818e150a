"""Build the inbox page: ``python -m ops_console.frontend.build``. It needs Node.js, and node_modules (``npm ci``).

protoc-gen-es makes TypeScript of the descriptors that ``ops_console.gen`` holds, without their rules, which only the
server checks; esbuild makes two scripts and a stylesheet of it all, below ``static/``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from protobuf import DescFile
from protobuf.wkt import FileDescriptorProto
from protobuf.wkt.google.protobuf.compiler.plugin_pb import CodeGeneratorRequest, CodeGeneratorResponse
from protobuf.wkt.google.protobuf.descriptor_pb import DescriptorProto

from ops_console.frontend import VERSION_FILE
from ops_console.gen.pidgr.v1 import action_pb, device_pb, heatmap_pb, inbox_pb, member_pb

HERE = Path(__file__).resolve().parent
PROGRAMS = HERE.parent.parent / "node_modules" / ".bin"
SOURCES, GENERATED, BUILT = HERE / "inbox", HERE / "gen", HERE / "static" / "inbox"
TEMPLATE = HERE.parent.parent / "templates" / "inbox.html"
# The console's, of recordings.
PLAYER, PLAYER_BUILT = HERE / "player", HERE / "static" / "player"
# What the page calls.
SERVICES = (action_pb, device_pb, heatmap_pb, inbox_pb, member_pb)
RULES = "buf/validate/validate.proto"
PAGE = ("inbox.ts", "recorder.ts", "inbox.css")
FILES = ("inbox.js", "recorder.js", "inbox.css", "worker.js")
# Stands in what is built until the version is known; the page asks for each file by its address and the version.
VERSION = b"version-of-this-page"
# The page loads the recorder only when somebody has agreed to it. Without what both could share in files of its own
# (--splitting), the service worker knows the names of all files.
DEFINITIONS = (f'--define:VERSION="{VERSION.decode()}"',)
BUNDLING = ("--bundle", "--minify", "--target=es2022", "--legal-comments=none", "--log-level=warning")


def main() -> None:
    if shutil.which("node") is None or not (PROGRAMS / "esbuild").exists():
        sys.exit("Install Node.js 20 or newer with npm, then run 'npm ci' and this again.")
    write_messages()
    for name in PAGE:
        run("esbuild", str(SOURCES / name), f"--outdir={BUILT}", "--format=esm", *DEFINITIONS, *BUNDLING)
    run("esbuild", str(SOURCES / "worker.ts"), f"--outdir={BUILT}", "--format=iife", *DEFINITIONS, *BUNDLING)
    put_in_version()
    for name in ("player.ts", "player.css"):
        run("esbuild", str(PLAYER / name), f"--outdir={PLAYER_BUILT}", "--format=esm", *BUNDLING)


def put_in_version() -> None:
    """Put a digest of all that the page is made of in each of its files, by which the service worker knows them."""
    parts = {BUILT / name: (BUILT / name).read_bytes() for name in FILES}
    digest = sha256(b"".join([*parts.values(), TEMPLATE.read_bytes()])).hexdigest()[:16]
    for path, content in parts.items():
        path.write_bytes(content.replace(VERSION, digest.encode()) + f"/*{digest}*/\n".encode())
    (BUILT / VERSION_FILE).write_text(digest)


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
