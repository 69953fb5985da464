"""What an engine's going away excuses: what ended or failed in the moments before, or meanwhile, says nothing about the stack.

An engine that stops ends its containers first and tells so while it still can; one that comes back shows them ended. Neither is a
crash, and a version that was being proven meanwhile did not fail. One ``Outages`` a stack; times are monotonic seconds.
"""

from __future__ import annotations

from collections.abc import Callable

BEFORE_SECONDS = 20.0  # that an engine takes to stop its containers, and then itself


class Outages:
    """``gaps`` counts the times at which changes may have been missed, of the daemon as a whole."""

    def __init__(self, gaps: Callable[[], int]) -> None:
        self._gaps = gaps
        self._known = gaps()
        self._away_since: float | None = None

    def away(self, now: float) -> None:
        """The engine did not answer."""
        if self._away_since is None:
            self._away_since = now

    def over(self, now: float) -> float | None:
        """Asked when the engine has answered: since when things are excused, ``None`` where it was there all the time."""
        gaps, since = self._gaps(), self._away_since
        if gaps == self._known and since is None:
            return None
        self._known, self._away_since = gaps, None
        return (now if since is None else since) - BEFORE_SECONDS
