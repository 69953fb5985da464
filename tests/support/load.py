"""A steady load on an HTTP server, in a process of its own: so many requests a second, on kept and on new connections.

As a program: ``load.py --port 80 (--address ADDRESS | --name NAME) --rate 100``. It runs until its input ends, then prints one
line of JSON: how many requests were sent, which failed and how, how long the slowest took. With ``--name`` the server is
looked up anew for each new connection, in the DNS of the namespace that it runs in. A failure is anything but a whole answer
with status 200; nothing is tried twice, and what is late is still sent. ``Load`` starts it and reads the report.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType

DNS = ("127.0.0.11", 53)
LIMIT = 10.0


def lookup(name: str) -> str:
    """The first IPv4 address of ``name``."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    query = os.urandom(2) + struct.pack(">5H", 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">2H", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(LIMIT)
        asking.sendto(query, DNS)
        answer = asking.recv(4096)
    records = answer[len(query) :]
    while records:
        records = _behind_name(records)
        kind, _, _, length = struct.unpack(">HHIH", records[:10])
        if kind == 1:
            return ".".join(str(byte) for byte in records[10 : 10 + length])
        records = records[10 + length :]
    raise OSError(f"nobody is called {name}")


def _behind_name(data: bytes) -> bytes:
    """What follows a name, which is written out or refers to an earlier one."""
    while data[0]:
        if data[0] >= 0xC0:
            return data[2:]
        data = data[1 + data[0] :]
    return data[1:]


class Client(threading.Thread):
    """One connection's worth of requests, at its own even pace."""

    def __init__(self, address: str, name: str, port: int, rate: float, *, keep: bool, end: threading.Event) -> None:
        super().__init__(daemon=True)
        self.address, self.asked, self.port, self.pause = address, name, port, 1 / rate
        self.keep, self.end = keep, end
        self.sent, self.slowest = 0, 0.0
        self.failures: list[str] = []
        self.answers: dict[str, int] = {}
        self.connection: socket.socket | None = None

    def run(self) -> None:
        due = time.monotonic()
        while not self.end.wait(max(0.0, due - time.monotonic())):
            began = time.monotonic()
            self.sent += 1
            try:
                body = self._request()
                self.answers[body] = self.answers.get(body, 0) + 1
            except (OSError, ValueError) as problem:
                kind = "kept" if self.keep else "new"
                self.failures.append(f"{kind} connection, at {time.time():.3f}: {problem}")
                self._close()
            self.slowest = max(self.slowest, time.monotonic() - began)
            due += self.pause
        self._close()

    def _request(self) -> str:
        if self.connection is None:
            address = self.address or lookup(self.asked)
            self.connection = socket.create_connection((address, self.port), timeout=LIMIT)
        closing = "" if self.keep else "Connection: close\r\n"
        self.connection.sendall(f"GET /version HTTP/1.1\r\nHost: load\r\n{closing}\r\n".encode())
        head, body = self._answer(self.connection)
        if not self.keep or b"connection: close" in head.lower():
            self._close()
        return body

    def _answer(self, connection: socket.socket) -> tuple[bytes, str]:
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._some(connection, data)
        head, _, body = data.partition(b"\r\n\r\n")
        if head.split()[1] != b"200":
            raise ValueError(f"answered with {head.splitlines()[0].decode(errors='replace')}")
        lines = (line.partition(b":") for line in head.lower().splitlines()[1:])
        length = next(int(value) for key, _, value in lines if key == b"content-length")
        while len(body) < length:
            body += self._some(connection, body)
        return head, body.decode(errors="replace").strip()

    def _some(self, connection: socket.socket, so_far: bytes) -> bytes:
        piece = connection.recv(65536)
        if not piece:
            raise OSError(f"the connection ended after {len(so_far)} bytes of the answer")
        return piece

    def _close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


@dataclass(frozen=True, slots=True)
class Report:
    sent: int
    failed: int
    slowest: float
    failures: list[str] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)


class Load:
    """``with Load(port=80, address="10.0.0.1") as load: ...; load.report``. ``pid``: in the network namespace of this process."""

    def __init__(self, *, port: int, address: str = "", name: str = "", pid: int = 0, rate: float = 100.0) -> None:
        inside = ["nsenter", f"--net=/proc/{pid}/ns/net"] if pid else []
        where = ["--address", address] if address else ["--name", name]
        self.command = [*inside, sys.executable, __file__, "--port", str(port), *where, "--rate", str(rate)]

    def __enter__(self) -> Load:
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "running\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        out, _ = self.process.communicate("", timeout=60)
        self.report = Report(**json.loads(out))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", default="")
    parser.add_argument("--name", default="")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--rate", type=float, default=100.0)
    given = parser.parse_args()
    end = threading.Event()
    clients = [
        Client(given.address, given.name, given.port, given.rate / 4, keep=keep, end=end)
        for keep in (True, True, False, False)
    ]
    for client in clients:
        client.start()
    print("running", flush=True)
    sys.stdin.read()
    end.set()
    for client in clients:
        client.join()
    print(json.dumps(_report(clients)), flush=True)


def _report(clients: list[Client]) -> dict[str, object]:
    failures = [failure for client in clients for failure in client.failures]
    answers: dict[str, int] = {}
    for client in clients:
        for body, count in client.answers.items():
            answers[body] = answers.get(body, 0) + count
    return {
        "sent": sum(client.sent for client in clients),
        "failed": len(failures),
        "failures": failures[:50],
        "slowest": max(client.slowest for client in clients),
        "answers": answers,
    }


if __name__ == "__main__":
    main()
