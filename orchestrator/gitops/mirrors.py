"""What is done to a bare mirror beside fetching: cleared after a kill, kept small, asked how far its history goes, made partial."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable

from orchestrator.gitops.git import Git
from orchestrator.gitops.troubles import GitFailed

REMOTE = "origin"  # partial clones need a remote with a name
MOST_PACKS = 50
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def tidy(mirror: str) -> None:
    """Remove what a killed git has left: locks, and packs that were not finished. Nobody else works on the mirror meanwhile."""
    for folder, _, names in os.walk(mirror):
        for name in names:
            if name.endswith(".lock") or name.startswith(("tmp_", ".tmp-")):
                try:
                    os.unlink(os.path.join(folder, name))
                except OSError:
                    pass


def tip(mirror: str, ref: str) -> str:
    """The object that a reference of ours names, "" where it is not there. It is read from its file: refs are never packed here."""
    try:
        with open(os.path.join(mirror, ref), encoding="ascii") as file:
            found = file.read(128).strip()
    except (OSError, ValueError):
        return ""
    return found if _HASH.fullmatch(found) else ""


def compact(git: Git, mirror: str) -> None:
    """Each fetch leaves a pack; when there are many, or much, what nothing names any more is thrown away."""
    try:
        folder = os.path.join(mirror, "objects", "pack")
        packs = [os.path.join(folder, name) for name in os.listdir(folder) if name.endswith(".pack")]
    except OSError:
        return
    if len(packs) <= MOST_PACKS and sum(map(os.path.getsize, packs)) <= git.caps.pack:
        return
    try:
        git.run("repack", "-a", "-d", "-l", "--quiet", "--no-write-bitmap-index", directory=mirror)
        git.run("prune", "--expire=now", directory=mirror)
    except GitFailed:
        pass  # it is only larger than it needs to be


def is_cut(git: Git, mirror: str, commit: str) -> bool:
    """Whether there is more history behind ``commit`` than the mirror has."""
    try:
        with open(os.path.join(mirror, "shallow"), encoding="ascii") as file:
            cut = set(file.read().split())
    except OSError:
        return False
    try:
        known = set(git.text("rev-list", commit, directory=mirror).split())
    except GitFailed:
        return False
    return bool(cut & known)


def make_partial(git: Git, mirror: str) -> None:
    """Prepare a new mirror to hold a commit without all of its contents."""
    for name, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", REMOTE),
        (f"remote.{REMOTE}.promisor", "true"),
        (f"remote.{REMOTE}.partialCloneFilter", "blob:none"),
    ):
        git.run("config", name, value, directory=mirror)


def partial(url: str) -> tuple[str, ...]:
    return (f"remote.{REMOTE}.url={url}", "fetch.negotiationAlgorithm=noop")


def bring_contents(away: Callable[..., bytes], git: Git, mirror: str, objects: Iterable[str]) -> None:
    """Fetch the contents that a sparse checkout needs, all in one request."""
    wanted = sorted(set(objects))
    listed = git.run(
        "cat-file", "--batch-check", "--batch-all-objects", "--unordered", "--buffer", directory=mirror
    ).decode()
    have = {line.partition(" ")[0] for line in listed.splitlines()}
    missing = [one for one in wanted if one not in have]
    if missing:
        away("--stdin", REMOTE, stdin="".join(f"{one}\n" for one in missing).encode())
