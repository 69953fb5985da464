"""When a version that was taken is gone back from: it did not come up, or its services do badly, and the one before did well.

Which version that is, the source knows (a repository's commits); files of this host have none, and there nothing is gone back from.
"""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.controller import verdicts
from orchestrator.controller.healing import Healing
from orchestrator.controller.means import Means
from orchestrator.controller.showing import Showing
from orchestrator.controller.sources import Source
from orchestrator.model.host import HostStack, Mode


class GoingBack:
    """Of one stack."""

    def __init__(self, entry: HostStack, source: Source, means: Means, showing: Showing) -> None:
        self._entry, self._source, self._means, self._showing = entry, source, means, showing
        self._at = float("-inf")  # monotonic seconds: when a version was gone back from
        self._version = ""  # which
        self._excused = ""  # and which was once tried again, because the engine went away meanwhile

    def from_what_does_badly(self, healing: Healing) -> bool:
        """Whether services do so badly that their version is gone back from. One that never did well needs no second chance."""
        sick = healing.unhealthy | {container.service for container in healing.restart}
        lost = healing.loops | healing.exhausted | healing.give_up
        return (bool(lost) and self.begun(f"{verdicts.names(lost)} does not stay up", lost)) or (
            bool(sick) and self.begun(f"{verdicts.names(sick)} is unhealthy", sick, unproven=True)
        )

    def begun(self, why: str, services: Iterable[str] = (), *, unproven: bool = False) -> bool:
        """What was taken last may be to blame: whether there is a version before it that did well. That is kept from now on."""
        if self._entry.mode is not Mode.ENFORCE or not self._source.failed(why, services, unproven=unproven):
            return False
        version = self._showing.status.version
        self._at, self._version = self._means.monotonic(), version
        self._means.held(self._entry.name, version, why)
        self._showing.tell("commit-failed", f"commit {version[:12]} failed: {why}", level="error")
        return True

    def excuse(self, since: float) -> None:
        """The engine was away since then, which is no fault of the version's: it is tried again, once."""
        if self._at >= since and self._excused != self._version:
            self._excused = self._version
            self._showing.tell("again", "the engine was away while the commit failed: tried again", level="info")
            self._source.force()

    def command(self) -> str:
        """For the history and the audit log: a way back is never called anything else."""
        newer = self._showing.status.newer
        if newer is None or newer.reference != "commit-held":
            return "daemon"
        return f"daemon: back from {newer.version[:12]}"
