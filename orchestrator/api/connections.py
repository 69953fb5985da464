"""Connections that say nothing do not keep others out: a request's head has its time, and only so many may be unfinished.

uvicorn waits for ever for a head that was begun. Whoever opens connections and stays silent would use up what the server admits.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, ClassVar

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0
MOST_UNFINISHED = 100


class Connection(H11Protocol):
    """Closed when a head is not complete in time; of too many silent ones the oldest makes room."""

    _silent: ClassVar[OrderedDict[Connection, None]] = OrderedDict()

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin_to_wait()
        mine = [
            one for one in self._silent if one.loop is self.loop
        ]  # each listener has a loop, and a thread, of its own
        if len(mine) > MOST_UNFINISHED:
            mine[0].transport.close()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_answering():
            self._end_waiting()
        elif self._late is None:
            self._begin_to_wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_waiting()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        return not getattr(self.cycle, "response_complete", True)

    def _begin_to_wait(self) -> None:
        self._late = self.loop.call_later(HEAD_SECONDS, self._close)
        self._silent[self] = None

    def _end_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        self._silent.pop(self, None)

    def _close(self) -> None:
        if not self._is_answering():
            self.transport.close()
