"""A process that reads specs, taken over by one: the text of the spec says what it does instead, from within the sandbox."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

from orchestrator.beneath import Beneath
from orchestrator.gitops import child


def main(descriptor: int, parent: int) -> None:
    request = json.load(sys.stdin.buffer)
    child.confine(request, parent)
    text = Beneath(request["folder"], descriptor).read(request["request"]["files"][0], 10_000).decode()
    word, _, rest = text.removeprefix("#").strip().partition(" ")
    if word in TRIES:
        told = {"error": {"kinds": ["SpecError"], "message": _tried(TRIES[word], rest), "where": None}}
        told["error"] |= {"hint": "", "reference": "tried", "others": []}
        os.write(1, json.dumps(told).encode())
    elif word in DEEDS:
        DEEDS[word]()
    elif word in LIES:
        os.write(1, LIES[word](json.dumps(child.answer(request, descriptor)), rest.partition("\n")[0]).encode())
    else:
        os.write(1, json.dumps(child.answer(request, descriptor)).encode())


def _tried(what: Callable[[str], Any], rest: str) -> str:
    try:
        return f"could: {what(rest)}"
    except (OSError, MemoryError) as problem:
        return f"could not: {type(problem).__name__}"


def _connect(address: str) -> None:
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), 2).close()


def _unix(path: str) -> None:
    socket.socket(socket.AF_UNIX).connect(path)


def _read(path: str) -> int:
    with open(path, "rb") as file:
        return len(file.read(10))


def _write(path: str) -> None:
    with open(path, "wb") as file:
        file.write(b"x")


def _segv() -> None:
    import ctypes

    ctypes.string_at(0)


def _forever() -> None:
    while True:
        pass


def _idle() -> None:
    sys.stdin.close()
    while True:
        os.sched_yield()
        _wait()


def _wait() -> None:
    import select

    select.select([], [], [], 60)


def _flood() -> None:
    while True:
        os.write(1, b"[" * 65536)


def _closed() -> None:
    os.close(1)
    _wait()


def _written(text: bytes) -> None:
    while text:
        text = text[os.write(1, text) :]


def _error(kind: str, size: int) -> bytes:
    """An error of that kind, in words without end that a terminal would obey."""
    word = "\x1b[2J\u202e" * size
    other = {
        "kinds": ["SpecError"],
        "message": word[:20_000],
        "where": None,
        "hint": word[:20_000],
        "reference": "x",
        "others": [],
    }
    whole = {
        "kinds": [kind],
        "message": word,
        "where": [word, 1, 1, word],
        "hint": word,
        "reference": "x",
        "others": [other] * 200,
    }
    return json.dumps({"error": whole}).encode()


TRIES: dict[str, Callable[[str], Any]] = {
    "connect": _connect,
    "unix": _unix,
    "read": _read,
    "write": _write,
    "list": lambda path: len(os.listdir(path)),
    "fork": lambda _: os.fork(),
    "run": lambda path: os.execv(path, [path]),
    "signal": lambda _: os.kill(os.getppid(), 0),
    "remember": lambda size: len(bytearray(int(size))),
    "environment": lambda _: sorted(set(os.environ) - {"LC_CTYPE"}),
    "descriptors": lambda _: [int(name) > 2 for name in os.listdir("/proc/self/fd")],
    "root": lambda _: os.setuid(0),
    "user": lambda _: os.geteuid(),
    "mount": lambda _: os.chroot("/"),
    "chmod": lambda path: os.chmod(path, 0o777),
    "unlink": os.unlink,
    "link": lambda path: os.symlink("x", path),
}
DEEDS: dict[str, Callable[[], Any]] = {
    "segv": _segv,
    "abort": os.abort,
    "forever": _forever,
    "idle": _idle,
    "flood": _flood,
    "silent": lambda: os._exit(0),
    "exit": lambda: os._exit(7),
    "closed": _closed,
    "garbage": lambda: os.write(1, b"\xff\x00 garbage"),
    "half": lambda: os.write(1, b'{"model": ["m", -1, ["a"'),
    "deep": lambda: os.write(1, b"[" * 1_000_000),
    "memory": lambda: [bytearray(1 << 20) for _ in range(1 << 20)],
    "raise": lambda: {}["no"],
    "empty": lambda: os.write(1, b"{}"),
    "values": lambda: _written(b"[" + b"[]," * 20_000_000 + b"[]]"),
    "words": lambda: _written(_error("SpecError", 300_000)),
    "usage": lambda: _written(_error("UsageError", 1)),
    "unknown": lambda: _written(_error("UnknownService", 1)),
}
# What becomes of the true answer; the rest of the line says how.
LIES: dict[str, Callable[[str, str], str]] = {
    "named": lambda answer, name: json.dumps({**json.loads(answer), "name": name}),
    "instead": lambda answer, words: answer.replace(*words.split(" ", 1)),
}
