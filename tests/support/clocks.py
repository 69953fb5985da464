"""A wall clock that can be set while programs run, for these programs alone: nobody else's time is touched.

libfaketime is loaded into them and reads the offset from a file. Only the wall clock is theirs; the monotonic clock goes on as
ever, as it does when people, or NTP, set the time of a host.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from scripts.machine import packages
from scripts.machine.commands import ROOT

# Python sleeps until a moment of the monotonic clock, which libfaketime takes for one of the clock that it moves.
SLEEP = """\
import select, time
def _sleep(seconds):
    select.select([], [], [], max(0.0, seconds))
time.sleep = _sleep
"""


class Clock:
    """Programs started with ``environment`` see the time that ``jump`` set last, within a second."""

    def __init__(self, file: Path) -> None:
        self.offset = 0
        self._file = file
        self._library = packages.faketime()
        self._site = file.parent / "clock.site"

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            "PYTHONPATH": f"{self._site}:{ROOT}",
        }

    def jump(self, offset: int) -> None:
        """The clock is ``offset`` seconds off from now on."""
        self._site.mkdir(exist_ok=True)
        (self._site / "sitecustomize.py").write_text(SLEEP, encoding="utf-8")
        draft = self._file.with_suffix(".draft")
        draft.write_text(f"{offset:+d}\n", encoding="utf-8")
        draft.replace(self._file)
        self.offset = offset
