"""What can go wrong between a client and the engine, as values the proxy acts on.

A fault hits the k-th mutating request (``at``), or requests whose text begins with ``match`` ("POST /build"), the first
``times`` of them. ``kill_*`` end the client's process group with SIGKILL, as a machine would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["kill", "answer", "reset", "stall", "mute"]
When = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Fault:
    kind: Kind
    when: When = "before"
    at: int = 0
    match: str = ""
    times: int = 1
    status: int = 500
    message: str = "the engine was told to fail"

    def hits(self, mutation: int, text: str) -> bool:
        if self.at:
            return mutation == self.at
        return bool(self.match) and text.startswith(self.match)


def kill_before(mutation: int) -> Fault:
    """The client dies when it has asked; the engine never hears of it."""
    return Fault("kill", "before", at=mutation)


def kill_after(mutation: int) -> Fault:
    """The engine has done it and answered; the client dies before it learns so."""
    return Fault("kill", "after", at=mutation)


def answer(status: int, *, at: int = 0, match: str = "", times: int = 1, message: str = "told to fail") -> Fault:
    """The engine's answer is an error, and it did nothing."""
    return Fault("answer", at=at, match=match, times=times, status=status, message=message)


def reset(*, at: int = 0, match: str = "", times: int = 1, when: When = "before") -> Fault:
    """The connection ends without an answer; ``when="after"``: although the engine did what was asked."""
    return Fault("reset", when, at=at, match=match, times=times)


def stall(*, at: int = 0, match: str = "", times: int = 1) -> Fault:
    """No answer comes, and the connection stays open."""
    return Fault("stall", at=at, match=match, times=times)


def mute_events(*, times: int = 1_000_000) -> Fault:
    """The stream of events opens and stays silent: events may be lost, and nothing may depend on them alone."""
    return Fault("mute", match="GET /events", times=times)
