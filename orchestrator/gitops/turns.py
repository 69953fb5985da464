"""Whose turn it is to have a spec read: a few at a time, and no repository may have them all, so that one whose specs take as long
as they may keeps only itself waiting.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """``each`` may have so many at once, all together twice that."""

    def __init__(self, each: int) -> None:
        self._each = each
        self._taken: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def of(self, whose: str) -> Iterator[None]:
        """A turn of ``whose``, waited for and given back."""
        with self._changed:
            self._changed.wait_for(lambda: self._taken[whose] < self._each and self._taken.total() < 2 * self._each)
            self._taken[whose] += 1
        try:
            yield
        finally:
            with self._changed:
                self._taken[whose] -= 1
                self._taken += Counter()  # who has none is forgotten
                self._changed.notify_all()
