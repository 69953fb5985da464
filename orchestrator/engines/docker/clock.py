"""What time it is for a container: its engine's, whatever clock is here, and whatever that is set to meanwhile.

The engine says when a container started, by its own clock. The clock here is as good where the two agree, and finer than the whole
seconds that an engine's answers carry. Where they do not agree (another host, or a clock that was set), the engine's counts. And
a container has run at least as long as it has been watched: a clock that went back does not make it younger.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from orchestrator.engines.docker.client import Client

AGREE_SECONDS = 2.0

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def unix_seconds(moment: str) -> float:
    """``2026-11-23T19:33:49.283502358Z``; the engine always writes UTC."""
    from datetime import datetime

    whole, _, fraction = moment.removesuffix("Z").partition(".")
    return datetime.fromisoformat(whole + "+00:00").timestamp() + float(f"0.{fraction or 0}")


def seconds_of(date: str) -> float | None:
    """``Mon, 23 Nov 2026 19:53:23 GMT`` as seconds since 1970, ``None`` for what is no date."""
    from datetime import UTC, datetime

    words = date.replace(":", " ").split()
    try:
        day, month, year, hour, minute, second = (
            _MONTHS.index(word) + 1 if word in _MONTHS else int(word) for word in words[1:7]
        )
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None


def now(client: Client) -> float:
    """Seconds since 1970, as the engine would have it when it last answered."""
    here, there = time.time(), seconds_of(client.date)
    return here if there is None or abs(here - there) < AGREE_SECONDS else there


class RunningTime:
    """Of one container that is read again and again."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._start = ""
        self._seen = 0.0

    def now(self, container: Mapping[str, Any]) -> float:
        """The time by which to judge what was just read."""
        start: str = container["State"].get("StartedAt") or ""
        if start != self._start:
            self._start, self._seen = start, time.monotonic()
        found = now(self._client)
        if not container["State"].get("Running"):
            return found
        return max(found, unix_seconds(start) + time.monotonic() - self._seen)
