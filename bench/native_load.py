"""Unary gRPC calls from a connection that costs little: grpcio's own client takes a third of what the server does."""

from __future__ import annotations

import struct
import time

from hpack import Decoder, Encoder, NeverIndexedHeaderTuple

from bench.load import Connection, NotOk

# Of RFC 9113: frame types, flags, and what a client says first.
DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE = 0x0, 0x1, 0x4, 0x6, 0x8
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_BYTES = 9
# All that may be granted, so that no answer waits for more.
MORE_WINDOW = 2**31 - 1 - 65_535
# gRPC's prefix of a message of no bytes, not compressed.
EMPTY_MESSAGE = bytes(5)


def call(path: str, *, authorization: str) -> bytes:
    """The header block of a call, in a form that leaves no trace in the connection's table."""
    fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "127.0.0.1"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("authorization", authorization),
    ]
    block: bytes = Encoder().encode([NeverIndexedHeaderTuple(*field) for field in fields])
    return block


class NativeConnection(Connection):
    """One HTTP/2 connection with at most one call under way, of an empty message."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.decoder = Decoder()
        self.stream = -1
        window = _frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", MORE_WINDOW))
        self.socket.sendall(PREFACE + _frame(SETTINGS, 0, 0, b"") + window)

    def send(self, request: bytes) -> None:
        self.stream += 2
        self.sent_at = time.perf_counter()
        message = _frame(DATA, END_STREAM, self.stream, EMPTY_MESSAGE)
        self.socket.sendall(_frame(HEADERS, END_HEADERS, self.stream, request) + message)

    def is_answered(self) -> bool:
        """Read what is there; whether the answer is whole.

        Raises:
            NotOk: its status is not OK, or the connection ended.
        """
        received = self.socket.recv(65536)
        if not received:
            raise NotOk("The connection ended.")
        self.buffer += received
        is_whole = False
        while len(self.buffer) >= HEAD_BYTES:
            end = HEAD_BYTES + int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < end:
                break
            kind, flags = self.buffer[3], self.buffer[4]
            payload, self.buffer = self.buffer[HEAD_BYTES:end], self.buffer[end:]
            is_whole = self._takes(kind, flags, payload) or is_whole
        return is_whole

    def _takes(self, kind: int, flags: int, payload: bytes) -> bool:
        """Whether the frame ends the answer."""
        if kind in (SETTINGS, PING) and not flags & ACK:
            self.socket.sendall(_frame(kind, ACK, 0, payload if kind == PING else b""))
        if kind != HEADERS:
            return False
        # Of every block, for each may add to the table that the next ones refer to.
        fields = [(str(name), str(value)) for name, value in self.decoder.decode(payload)]
        if not flags & END_STREAM:
            return False
        if ("grpc-status", "0") not in fields:
            raise NotOk(str(fields))
        return True


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload
