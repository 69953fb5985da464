"""What is shown and told of one stack: its phase in a word and why, and what keeps a newer version from being the one that is kept.

A keeper says what its pass has come to; here that becomes the ``StackStatus`` of the board. All that is decided here is what comes
first: a file that cannot be used, then a newer version that is not taken, then "all is well".
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.controller.means import Means
from orchestrator.controller.sources import Newer, Why, Withheld
from orchestrator.controller.status import Phase, StackStatus
from orchestrator.errors import SpecError
from orchestrator.model.host import HostStack
from orchestrator.model.plan import Note
from orchestrator.records import replace
from orchestrator.spec.interpolate import SpecWarning

_PHASES = {
    Why.WAITING: Phase.WAITING,
    Why.INVALID: Phase.INVALID,
    Why.FAILED: Phase.FAILED,
    Why.LEFT: Phase.CONVERGED,
}
_TOLD = {
    Why.WAITING: ("waits", "info"),
    Why.INVALID: ("invalid", "error"),
    Why.FAILED: ("not-taken", "error"),
    Why.LEFT: ("left", "warning"),
}


class Showing:
    """Of one stack. ``trouble`` is why its file cannot be used, while the last good version of it goes on being kept."""

    def __init__(self, entry: HostStack, means: Means) -> None:
        self._means = means
        self.trouble: SpecError | None = None
        self._failed_with = ""
        self._warned: dict[str, frozenset[str]] = {}
        self.status = StackStatus(name=entry.name, mode=entry.mode, since=means.now(), source=entry.source)
        self.put()

    def tell(self, kind: str, text: str, service: str = "", *, level: str = "warning") -> None:
        self._means.board.tell(self.status.name, kind, text, level=level, service=service)

    def know(self, **fields: object) -> None:
        """Something to be shown with the next phase."""
        self.status = replace(self.status, **fields)  # type: ignore[arg-type]

    def warn(self, kind: str, warnings: Iterable[SpecWarning | Note]) -> None:
        """Tell what a file says without effect, and the like; each once for as long as it is so."""
        found = [f"{one.text}\n  at {one.where}" if one.where and str(one.where) else one.text for one in warnings]
        for text in found:
            if text not in self._warned.get(kind, ()):
                self.tell(kind, text)
        self._warned[kind] = frozenset(found)

    def failed(self, message: str, *, again: bool) -> None:
        """Tell why the stack as a whole could not be brought about; once for failures in a row that are alike."""
        if not again or message != self._failed_with:
            self.tell("failed", message, level="error")
        self._failed_with = message

    def looked(self, **seen: object) -> None:
        """The engine was observed."""
        self.know(looked_at=self._means.now(), passes=self.status.passes + 1, **seen)

    def put(self) -> None:
        self._means.board.put(self.status)

    def newer(self, newer: Newer | None) -> None:
        """What there is to show of a newer version; what is new about it is told."""
        known = self.status.newer
        if newer is not None and (known is None or known.message != newer.message):
            kind, level = _TOLD[newer.why]
            self.tell(kind, f"{newer.message}\n  at {newer.where}" if newer.where else newer.message, level=level)
        self.know(newer=newer)

    def has_told(self, problem: SpecError) -> bool:
        """Whether people know already that the file, or the newer version, cannot be used for that reason."""
        newer = self.status.newer
        shown = self.status.message if self.status.phase is Phase.INVALID else None
        return problem.message in (shown, newer.message if newer is not None else None)

    def withheld(self, problem: Withheld) -> tuple[Phase, str, str]:
        """Phase, message and reference while nothing is kept yet: what is said of the version that is not taken."""
        newer = self.status.newer
        if newer is None:
            return Phase.WAITING, problem.message, ""
        return _PHASES[newer.why], newer.message, newer.reference

    def show(self, phase: Phase, message: str, **more: object) -> None:
        """Put it on the board, unless there is something more important to say."""
        newer = self.status.newer
        if self.trouble is not None and phase in (Phase.CONVERGED, Phase.PROGRESSING):
            phase, message = Phase.INVALID, self.trouble.message
            more = {**more, "reference": self.trouble.ref, "where": self.trouble.where}
        elif newer is not None and (
            phase is Phase.CONVERGED or (phase is Phase.PROGRESSING and newer.why not in (Why.WAITING, Why.LEFT))
        ):
            phase, message = _PHASES[newer.why], newer.message
            more = {**more, "reference": newer.reference, "where": newer.where}
        since = self.status.since if self.status.phase is phase else self._means.now()
        self.know(**{"reference": "", "where": None, **more}, phase=phase, message=message, since=since)
        self.put()
