"""Files of this host whose new versions wait for a window. What was brought about before goes on being kept meanwhile, drift and
all: windows hold back what somebody wants to be changed, not what has to be mended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from orchestrator.controller.sources import Newer, Source, Wanted, Why, Withheld
from orchestrator.errors import SpecError
from orchestrator.model.host import Window

Wall = Callable[[], tuple[int, int]]
WAITS = "waits-for-window"


def is_open(windows: Sequence[Window], wall: Wall) -> bool:
    """Whether new versions may be taken at this moment; ``wall`` tells local time as (weekday, minute of the day)."""
    if not windows:
        return True
    day, minute = wall()
    return any(window.contains(day, minute) for window in windows)


class Windowed(Source):
    """``inner``, with windows. ``before`` answers, after a restart, with what was brought about last: the version it is given,
    where that is the one, and None where nothing is known.
    """

    def __init__(
        self, inner: Source, windows: Sequence[Window], wall: Wall, before: Callable[[Wanted], Wanted | None]
    ) -> None:
        self._inner, self._windows, self._wall, self._before = inner, windows, wall, before
        self._kept: Wanted | None = None
        self._newest: Wanted | None = None
        self._invalid: SpecError | None = None
        self._forced = False

    def load(self) -> Wanted:
        self._look()
        if self._kept is None:
            raise self._invalid or Withheld("waits for its window; nothing of it was brought about before")
        return self._kept

    def candidate(self) -> Wanted | None:
        self._look()
        return self._newest if self._newest is not self._kept else None

    def newer(self) -> Newer | None:
        if self._invalid is not None:
            problem = self._invalid
            return Newer(
                version="", why=Why.INVALID, message=problem.message, reference=problem.ref, where=problem.where
            )
        if self._newest is self._kept or self._forced or is_open(self._windows, self._wall):
            return None
        return Newer(version="", why=Why.WAITING, message="the new version waits for its window", reference=WAITS)

    def take(self, candidate: Wanted) -> None:
        if candidate is self._newest:
            self._kept, self._forced = candidate, False

    def proven(self) -> None:
        self._inner.proven()

    def failed(self, message: str, services: Iterable[str] = (), *, unproven: bool = False) -> bool:
        return self._inner.failed(message, services, unproven=unproven)

    def force(self) -> None:
        self._forced = True

    def places(self) -> tuple[str, ...]:
        return self._inner.places()

    def _look(self) -> None:
        try:
            found, self._invalid = self._inner.load(), None
        except SpecError as problem:
            self._invalid = problem
            return
        if self._newest is None:
            self._kept = self._before(found)
        if self._kept is not None and found.stack == self._kept.stack:
            found = self._kept  # written anew, and nothing else in it
        self._newest = found
        if found is self._kept:
            self._forced = False
