"""How two commits lie, which a shallow mirror does not know: as much history is fetched as it takes to find one in the other's."""

from __future__ import annotations

import os
from collections.abc import Callable

from orchestrator.gitops import mirrors
from orchestrator.gitops.git import Git
from orchestrator.gitops.troubles import GitFailed, RefMissing, Unreachable
from orchestrator.records import dataclass

DEEPER = (16, 240, 1800)  # commits by which history is fetched


@dataclass(frozen=True, slots=True)
class Ancestry:
    """That of the commits in ``mirror``. ``bring`` fetches more of it: how much, and what the other side calls its tip."""

    git: Git
    mirror: str
    bring: Callable[[str, str], None]

    def lies_behind(self, older: str, newer: str, name: str) -> bool:
        """Whether ``older``, which the other side calls ``name``, lies behind ``newer``.

        Of ``older`` as much history is fetched as it takes to find ``newer`` in it, which says that it does not; then of
        ``newer``, as far as the other side still has it. What stays unknown is history that was written anew.
        """
        if older != newer and self._is_known_behind(newer, older):  # as it mostly is; there are no circles
            return False
        if self._is_known_behind(older, newer):
            return True
        return not self._found_deeper(older, newer, name) and self._found_deeper(newer, older, newer)

    def _found_deeper(self, tip: str, wanted: str, name: str) -> bool:
        """Whether ``wanted`` lies behind ``tip``, which the other side calls ``name``."""
        if self._is_known_behind(wanted, tip):
            return True
        for commits in DEEPER:
            if not mirrors.is_cut(self.git, self.mirror, tip):
                return False
            # What no reference of the other side leads to any more is not deepened there, but given to a depth.
            if not self._deepened(f"--depth={commits}" if name == tip else f"--deepen={commits}", name):
                return False
            if self._is_known_behind(wanted, tip):
                return True
        return False

    def _deepened(self, depth: str, name: str) -> bool:
        """Whether the other side still has it. Raises where it cannot be asked, and where the mirror was damaged."""
        try:
            self.bring(depth, name)
        except RefMissing:
            return False
        except GitFailed as problem:
            if isinstance(problem, Unreachable) or not os.path.exists(self.mirror):
                raise
            return False
        return True

    def _is_known_behind(self, older: str, newer: str) -> bool:
        try:
            self.git.run("merge-base", "--is-ancestor", older, newer, directory=self.mirror)
        except GitFailed:
            return False
        return True
