"""A name server on loopback, over UDP and TCP, that answers as it is told."""

from __future__ import annotations

import socket
import socketserver
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

# As far as an answer over UDP goes; a longer one is cut and asked for again over TCP.
MOST_OVER_UDP = 512


class NameServer:
    """Knows ``texts``, TXT records by name; any other name does not exist."""

    def __init__(self) -> None:
        self.texts: dict[str, Sequence[str]] = {}
        # Names for which it says nothing, and for which it says that it failed.
        self.silent: set[str] = set()
        self.failing: set[str] = set()
        self.asked: list[str] = []
        self._udp, self._tcp = _on_one_port(self._handler(socketserver.BaseRequestHandler))
        self.port = int(self._udp.server_address[1])
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
            for server in (self._udp, self._tcp)
        ]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        for server in (self._udp, self._tcp):
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def answer(self, query: bytes, most: int | None) -> bytes | None:
        asked = dns.message.from_wire(query)
        question = asked.question[0]
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append(name)
        if name in self.silent:
            return None
        response = dns.message.make_response(asked)
        if name in self.failing:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif name not in self.texts:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif question.rdtype == dns.rdatatype.TXT and self.texts[name]:
            records = [_quoted(text) for text in self.texts[name]]
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", "TXT", *records))
        wire = response.to_wire()
        if most is None or len(wire) <= most:
            return wire
        cut = dns.message.make_response(asked)
        cut.flags |= dns.flags.TC
        return cut.to_wire()

    def _handler(self, base: type[socketserver.BaseRequestHandler]) -> type[socketserver.BaseRequestHandler]:
        answer = self.answer

        class Handler(base):  # type: ignore[misc, valid-type]
            def handle(self) -> None:
                if isinstance(self.request, socket.socket):
                    over_tcp(self.request)
                else:
                    data, sock = self.request
                    if reply := answer(data, MOST_OVER_UDP):
                        sock.sendto(reply, self.client_address)

        def over_tcp(sock: socket.socket) -> None:
            (length,) = struct.unpack("!H", sock.recv(2, socket.MSG_WAITALL))
            if reply := answer(sock.recv(length, socket.MSG_WAITALL), None):
                sock.sendall(struct.pack("!H", len(reply)) + reply)

        return Handler


class TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


def _on_one_port(
    handler: type[socketserver.BaseRequestHandler],
) -> tuple[socketserver.ThreadingUDPServer, TcpServer]:
    """Servers for UDP and TCP on a port that is free for both."""
    for _ in range(20):
        udp = socketserver.ThreadingUDPServer(("127.0.0.1", 0), handler)
        try:
            return udp, TcpServer(udp.server_address, handler)
        except OSError:
            udp.server_close()
    raise TimeoutError("No port is free for both UDP and TCP.")


def _quoted(text: str) -> str:
    """As a zone file writes it: in strings of at most 255 characters."""
    return " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text), 255))


@contextmanager
def answering() -> Iterator[NameServer]:
    server = NameServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()
