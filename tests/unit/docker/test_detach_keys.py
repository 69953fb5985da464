"""Leaving a container by keys: the sequence never reaches the container, everything else does, in order."""

from __future__ import annotations

import pytest

from orchestrator.engines.docker.detach_keys import DetachKeys
from orchestrator.errors import UsageError


def typed(keys: str, *packets: bytes) -> tuple[bytes, bool]:
    watcher = DetachKeys.parse(keys)
    sent = b""
    for packet in packets:
        out, done = watcher.feed(packet)
        sent += out
        if done:
            return sent, True
    return sent, False


@pytest.mark.parametrize(
    ("packets", "expected"),
    [
        ((b"ls\r",), (b"ls\r", False)),
        ((b"\x10\x11",), (b"", True)),
        ((b"a\x10", b"\x11b"), (b"a", True)),
        ((b"\x10", b"x"), (b"\x10x", False)),
        ((b"\x10\x10\x11",), (b"\x10", True)),
    ],
    ids=["ordinary keys", "the sequence", "torn in two", "begun and broken", "begun twice"],
)
def test_the_usual_keys(packets: tuple[bytes, ...], expected: tuple[bytes, bool]) -> None:
    assert expected == typed("ctrl-p,ctrl-q", *packets)


def test_a_sequence_that_begins_inside_itself_is_found() -> None:
    assert (b"a", True) == typed("a,a,b", b"aaab")


@pytest.mark.parametrize(
    ("text", "keys"), [("ctrl-@", b"\0"), ("ctrl-[", b"\x1b"), ("ctrl-_", b"\x1f"), ("X,y", b"Xy")]
)
def test_keys_are_written_as_docker_writes_them(text: str, keys: bytes) -> None:
    assert (b"", True) == typed(text, keys)


@pytest.mark.parametrize("text", ["", "ctrl-", "ctrl-1", "alt-x", "ctrl-p,,ctrl-q"])
def test_keys_that_do_not_exist_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="detach keys"):
        DetachKeys.parse(text)
