"""Folders with the files of commits, side by side, each whole or not there.

A checkout is moved into place when it is complete; its mark, a file beside it that comes last, says which commit it is and what a
digest of all its files was. It is never taken away while containers may have mounted from it: what was damaged in it is mended file
by file. What containers mount is the commit's files and nothing of ours.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

from orchestrator import beneath
from orchestrator.gitops import layout
from orchestrator.gitops.notes import write_note

KEPT = 5  # checkouts that nobody uses any more
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MARK, _INCOMING, _GONE = ".complete-", ".incoming-", ".gone-"  # begin the names of what lies beside checkouts


class Checkouts:
    """Those below one folder. ``suffix`` tells checkouts of the same commits apart that hold more or less of them."""

    def __init__(self, directory: str, suffix: str = "") -> None:
        self._directory, self._suffix = directory, suffix

    def complete(self, commit: str) -> str | None:
        """The folder of a commit that is laid out already, whole."""
        place = self._place(commit)
        if not _HASH.fullmatch(commit) or not os.path.isdir(place) or not self._is_marked(place):
            return None
        os.utime(place)
        return place

    def sound(self, commit: str) -> str | None:
        """The same, if all of it is still as it was laid out. Every file of it is read."""
        place = self.complete(commit)
        try:
            if place is not None:
                with beneath.opened(self._mark(place)) as mark:
                    return place if mark.read() == f"{commit} {layout.digest(place)}\n".encode() else None
        except (OSError, beneath.Outside):
            pass
        return None

    def _is_marked(self, place: str) -> bool:
        """A mark that lies inside, as it did once, is moved out."""
        mark = self._mark(place)
        if not os.path.lexists(mark):
            with suppress(FileNotFoundError):
                os.rename(os.path.join(place, layout.FORMER_MARK), mark)
        return os.path.lexists(mark)

    @contextmanager
    def incoming(self) -> Iterator[str]:
        """An empty folder to lay out into; what of it is not settled goes at the end."""
        os.makedirs(self._directory, mode=0o755, exist_ok=True)
        temporary = tempfile.mkdtemp(dir=self._directory, prefix=_INCOMING)
        try:
            os.chmod(temporary, 0o755)
            yield os.path.realpath(temporary)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def settle(self, commit: str, temporary: str) -> str:
        """Put what was laid out into its place, with the mark last; its folder."""
        place, digest = self._place(commit), layout.digest(temporary)
        if os.path.isdir(place):
            layout.mend(place, temporary)
        else:
            os.rename(temporary, place)
        write_note(self._mark(place), f"{commit} {digest}")
        return place

    def forget(self, keep: Collection[str]) -> None:
        """Remove all but those of the commits in ``keep``, and the last few; what a killed process began goes as well."""
        try:
            names = set(os.listdir(self._directory))
        except FileNotFoundError:
            return
        for path in (os.path.join(self._directory, name) for name in names if name.startswith((_INCOMING, _GONE))):
            shutil.rmtree(path, ignore_errors=True)
        places = [os.path.join(self._directory, name) for name in names if not name.startswith(".")]
        unused = [place for place in places if os.path.basename(place).partition("-")[0] not in keep]
        for place in sorted(unused, key=os.path.getmtime, reverse=True)[KEPT:]:
            shutil.rmtree(self._given_up(place), ignore_errors=True)
        for name in os.listdir(self._directory):
            if name.startswith(_MARK) and not os.path.isdir(self._marked_by(name)):
                with suppress(FileNotFoundError):
                    os.unlink(os.path.join(self._directory, name))

    def _given_up(self, place: str) -> str:
        """Where a checkout is removed: no longer where one is taken for whole, should this process be killed meanwhile."""
        gone = os.path.join(self._directory, f"{_GONE}{os.path.basename(place)}")
        shutil.rmtree(gone, ignore_errors=True)
        try:
            os.rename(place, gone)
        except OSError:
            return place
        return gone

    def _place(self, commit: str) -> str:
        return os.path.join(self._directory, commit + self._suffix)

    def _mark(self, place: str) -> str:
        return os.path.join(self._directory, _MARK + os.path.basename(place))

    def _marked_by(self, mark: str) -> str:
        return os.path.join(self._directory, mark.removeprefix(_MARK))
