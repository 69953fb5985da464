"""Folders with the files of commits, side by side, each whole or not there.

A checkout is moved into place when it is complete, its mark says which commit it is and what a digest of all its files was, and
it is never taken away while containers may have mounted from it: what was damaged in it is mended file by file.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from orchestrator.gitops import layout
from orchestrator.gitops.layout import MARK

KEPT = 5  # checkouts that nobody uses any more
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class Checkouts:
    """Those below one folder. ``suffix`` tells checkouts of the same commits apart that hold more or less of them."""

    def __init__(self, directory: str, suffix: str = "") -> None:
        self._directory, self._suffix = directory, suffix

    def complete(self, commit: str) -> str | None:
        """The folder of a commit that is laid out already, whole."""
        place = self._place(commit)
        if not _HASH.fullmatch(commit) or not os.path.exists(os.path.join(place, MARK)):
            return None
        os.utime(place)
        return place

    def sound(self, commit: str) -> str | None:
        """The same, if all of it is still as it was laid out. Every file of it is read."""
        place = self.complete(commit)
        try:
            if place is not None:
                with open(os.path.join(place, MARK), encoding="ascii") as mark:
                    return place if mark.read() == f"{commit} {layout.digest(place)}\n" else None
        except (OSError, ValueError):
            pass
        return None

    @contextmanager
    def incoming(self) -> Iterator[str]:
        """An empty folder to lay out into; what of it is not settled goes at the end."""
        os.makedirs(self._directory, mode=0o755, exist_ok=True)
        temporary = tempfile.mkdtemp(dir=self._directory, prefix=".incoming-")
        try:
            os.chmod(temporary, 0o755)
            yield os.path.realpath(temporary)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def settle(self, commit: str, temporary: str) -> str:
        """Put what was laid out into its place, with the mark last; its folder."""
        place, digest = self._place(commit), layout.digest(temporary)
        is_there = os.path.isdir(place)
        if is_there:
            layout.mend(place, temporary)
        with open(os.path.join(temporary, MARK), "x", encoding="ascii") as mark:
            mark.write(f"{commit} {digest}\n")
        if is_there:
            os.rename(os.path.join(temporary, MARK), os.path.join(place, MARK))
        else:
            os.rename(temporary, place)
        return place

    def forget(self, keep: Collection[str]) -> None:
        """Remove all but those of the commits in ``keep``, and the last few; what a killed process began goes as well."""
        try:
            names = [name for name in os.listdir(self._directory) if name.partition("-")[0] not in keep]
        except FileNotFoundError:
            return
        found = {os.path.join(self._directory, name): name.startswith(".") for name in names}
        begun = [path for path, draft in found.items() if draft]
        whole = sorted((path for path, draft in found.items() if not draft), key=os.path.getmtime, reverse=True)
        for path in (*begun, *map(self._given_up, whole[KEPT:])):
            shutil.rmtree(path, ignore_errors=True)

    def _given_up(self, place: str) -> str:
        """Where a checkout is removed: no longer where one is taken for whole, should this process be killed meanwhile."""
        gone = os.path.join(self._directory, f".gone-{os.path.basename(place)}")
        shutil.rmtree(gone, ignore_errors=True)
        try:
            os.rename(place, gone)
        except OSError:
            return place
        return gone

    def _place(self, commit: str) -> str:
        return os.path.join(self._directory, commit + self._suffix)
