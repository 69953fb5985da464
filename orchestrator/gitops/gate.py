"""When a new commit of a stack may be taken, and when a stack may go that its repository no longer has: the rules of its source,
and what somebody agreed to. What is kept already goes on being kept meanwhile, drift and all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.controller.sources import Newer, Why
from orchestrator.controller.windows import WAITS, is_open
from orchestrator.gitops.known import Leaving
from orchestrator.model.host import Window
from orchestrator.records import dataclass

WAITS_FOR_SYNC = "waits-for-sync"
WAITS_TO_GO = "removal-waits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """When a new commit of a source may be taken. ``wall`` tells local time as (weekday, minute of the day)."""

    source: str = ""
    approve: bool = False
    manual: bool = False
    windows: tuple[Window, ...] = ()
    suspended: Callable[[], bool] = lambda: False
    wall: Callable[[], tuple[int, int]] = lambda: (0, 0)

    def waits(self, stack: str, commit: str, *, agreed: bool, lost: Sequence[str], of: int) -> Newer | None:
        """Why this commit of a stack may not be taken now. It would remove ``lost``, more than half ``of`` its services;
        ``agreed``: somebody wants it."""
        if self.suspended():
            return _waiting(commit, f": source {self.source} is suspended", "source-suspended")
        if lost and not agreed:
            text = (
                f": it would remove {len(lost)} of {of} services ({', '.join(lost)}); `stack approve {stack}` lets it"
            )
            return _waiting(commit, text, "git-much-removed", approvable=True)
        if self.approve and not agreed:
            return _waiting(commit, f" for approval: `stack approve {stack}`", "waits-for-approval", approvable=True)
        if self.manual and not agreed:
            text = f" until it is asked for: `stack sources sync {self.source}`"
            return _waiting(commit, text, WAITS_FOR_SYNC, approvable=True)
        if not is_open(self.windows, self.wall):
            return _waiting(commit, " for a window of its source", WAITS)
        return None

    def parts_with(self, stack: str, leaving: Leaving) -> Newer | None:
        """Why a stack that its repository no longer has may not be taken down now."""
        commit = leaving.commit
        if self.suspended():
            return _waiting(commit, f": source {self.source} is suspended", "source-suspended")
        if leaving.among and not leaving.agreed:
            text = (
                f": it would remove {len(leaving.among)} of {leaving.of} stacks of source {self.source} "
                f"({', '.join(leaving.among)}); `stack approve {stack}` lets this one go"
            )
            return _waiting(commit, text, WAITS_TO_GO, approvable=True)
        if self.approve and not leaving.agreed:
            text = f" for approval: it removes the stack; `stack approve {stack}`"
            return _waiting(commit, text, WAITS_TO_GO, approvable=True)
        if self.manual and not leaving.agreed:
            text = f" until it is asked for: it removes the stack; `stack sources sync {self.source}`"
            return _waiting(commit, text, WAITS_FOR_SYNC, approvable=True)
        if not is_open(self.windows, self.wall):
            return _waiting(commit, " for a window of its source: it removes the stack", WAITS)
        return None


def _waiting(commit: str, why: str, reference: str, *, approvable: bool = False) -> Newer:
    message = f"commit {commit[:12]} waits{why}"
    return Newer(version=commit, why=Why.WAITING, message=message, reference=reference, approvable=approvable)


OPEN = Gate()
