"""What a repository calls its commits: which of its branches and tags is meant, and which commit that is now.

The other side is asked each time; no mirror is needed for that.
"""

from __future__ import annotations

import re

from orchestrator.gitops.git import Git
from orchestrator.gitops.troubles import RefMissing
from orchestrator.gitops.versions import newest_version
from orchestrator.records import dataclass

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Ref:
    """What to follow: a branch, a tag, a range of versions among the tags (``semver``), or one commit."""

    branch: str = ""
    tag: str = ""
    semver: str = ""
    commit: str = ""

    def __str__(self) -> str:
        return self.commit or self.tag or self.semver or self.branch or "the default branch"


class Names:
    """Those of the repository that ``git`` speaks to."""

    def __init__(self, git: Git) -> None:
        self._git = git

    def find(self, name: str) -> Ref:
        """What ``name`` is: a whole commit hash, a branch, a tag or a range of versions. Raises RefMissing."""
        if _HASH.fullmatch(name):
            return Ref(commit=name)
        branches, tags = self._heads_and_tags()
        if name in branches and name in tags:
            raise RefMissing(f"{name} is a branch and a tag", hint="say which with --branch or --tag")
        if name in branches:
            return Ref(branch=name)
        if name in tags:
            return Ref(tag=name)
        try:
            if newest_version(tags, name) is not None:
                return Ref(semver=name)
        except RefMissing:
            pass
        raise self._missing(name, branches, tags)

    def wanted(self, ref: Ref) -> tuple[str, str]:
        """The name to fetch, and the object that the other side has for it now."""
        if ref.commit:
            if not _HASH.fullmatch(ref.commit):
                raise RefMissing(f"{ref.commit!r} is no commit", hint="write its whole hash")
            return ref.commit, ref.commit
        name = "HEAD"
        if ref.tag:
            name = f"refs/tags/{ref.tag}"
        elif ref.semver:
            name = f"refs/tags/{self._newest(ref.semver)}"
        elif ref.branch:
            name = f"refs/heads/{ref.branch}"
        for line in self._ask("--", self._git.url, name):
            tip, _, found = line.partition("\t")
            if found == name and _HASH.fullmatch(tip):
                return name, tip
        raise self.missing(ref)

    def missing(self, ref: Ref) -> RefMissing:
        """The error that ``ref`` is not there, with what is."""
        return self._missing(str(ref), *self._heads_and_tags())

    def _missing(self, name: str, branches: list[str], tags: list[str]) -> RefMissing:
        there = [*branches, *tags]
        more = ", ..." if len(there) > 20 else ""
        return RefMissing(
            f"{self._git.url} has no {name.removeprefix('the ')}",
            hint=f"there are: {', '.join(there[:20])}{more}" if there else "it is empty",
        )

    def _newest(self, wanted: str) -> str:
        newest = newest_version(self._heads_and_tags()[1], wanted)
        if newest is None:
            raise RefMissing(f"{self._git.url} has no tag in {wanted}")
        return newest

    def _heads_and_tags(self) -> tuple[list[str], list[str]]:
        refs = [line.partition("\t")[2] for line in self._ask("--heads", "--tags", "--refs", "--", self._git.url)]
        return (
            [ref.removeprefix("refs/heads/") for ref in refs if ref.startswith("refs/heads/")],
            [ref.removeprefix("refs/tags/") for ref in refs if ref.startswith("refs/tags/")],
        )

    def _ask(self, *words: str) -> list[str]:
        return self._git.run("ls-remote", *words, away=True).decode(errors="replace").splitlines()
