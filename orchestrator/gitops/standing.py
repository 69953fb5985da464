"""What is remembered of one stack of a repository, over restarts: which commit is kept, which did well, which did not, and what
somebody agreed to.

A ``Standing`` is a small file beside the repository's mirror. What cannot be read counts as nothing: then the newest commit is
taken as if it were the first.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestrator.gitops.notes import read_note, write_note
from orchestrator.records import dataclass, field

REMEMBERED = 3  # versions that did well


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """Where what a stack mounts has lain since it last changed, so that mounts do not move: a commit's checkout."""

    commit: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A commit as far as one stack is concerned. Two with the same ``digest`` are the same to it.

    ``anchors`` are by path in the repository; ``services`` by name, a digest of each; ``networks`` are their names in the spec;
    ``proven`` is when it first ran well, in seconds since 1970, 0 for not yet.
    """

    commit: str
    digest: str
    anchors: Mapping[str, Anchor] = field(default_factory=dict)
    services: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[str, ...] = ()
    proven: float = 0.0

    def commits(self) -> Iterator[str]:
        """The commits whose checkouts it needs."""
        yield self.commit
        yield from (anchor.commit for anchor in self.anchors.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A version that was gone back from: ``gone`` and ``gone_networks`` are what it alone had, ``since`` seconds since 1970."""

    commit: str
    digest: str
    message: str
    since: float
    gone: tuple[str, ...] = ()
    gone_networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """``kept``: what is to be; ``well``: what did well, the latest first; ``approved``: the digest that somebody agreed to."""

    kept: Version | None = None
    well: tuple[Version, ...] = ()
    held: Held | None = None
    approved: str = ""

    def commits(self) -> set[str]:
        """The commits whose checkouts must stay."""
        versions = (*self.well, *((self.kept,) if self.kept else ()))
        return {commit for version in versions for commit in version.commits()}


def differs(back: Version, bad: Version, services: Iterable[str]) -> bool:
    """Whether going back changes any of these services; without any, whether it changes anything."""
    named = list(services)
    if not named:
        return back.digest != bad.digest
    return any(back.services.get(name) != bad.services.get(name) for name in named)


def held(bad: Version, back: Version, message: str, since: float) -> Held:
    """What is noted of a version that was gone back from."""
    return Held(
        commit=bad.commit,
        digest=bad.digest,
        message=message,
        since=since,
        gone=tuple(sorted(bad.services.keys() - back.services.keys())),
        gone_networks=tuple(sorted(set(bad.networks) - set(back.networks))),
    )


def read(path: str) -> Standing:
    try:
        return _standing(json.loads(read_note(path) or "{}"))
    except (ValueError, TypeError, KeyError, AttributeError):
        return Standing()


def write(path: str, standing: Standing) -> None:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    write_note(path, json.dumps(_document(standing)))


def forget(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _document(standing: Standing) -> dict[str, Any]:
    held = standing.held
    return {
        "kept": _version_document(standing.kept) if standing.kept else None,
        "well": [_version_document(version) for version in standing.well],
        "held": held
        and {
            "commit": held.commit,
            "digest": held.digest,
            "message": held.message,
            "since": held.since,
            "gone": list(held.gone),
            "gone_networks": list(held.gone_networks),
        },
        "approved": standing.approved,
    }


def _version_document(version: Version) -> dict[str, Any]:
    return {
        "commit": version.commit,
        "digest": version.digest,
        "anchors": {path: [anchor.commit, anchor.digest] for path, anchor in version.anchors.items()},
        "services": dict(version.services),
        "networks": list(version.networks),
        "proven": version.proven,
    }


def _standing(found: dict[str, Any]) -> Standing:
    held = found.get("held")
    return Standing(
        kept=_version(found["kept"]) if found.get("kept") else None,
        well=tuple(_version(one) for one in found.get("well", ())),
        held=_held(held) if held else None,
        approved=str(found.get("approved", "")),
    )


def _held(found: dict[str, Any]) -> Held:
    lists = {name: tuple(found.get(name, ())) for name in ("gone", "gone_networks")}
    return Held(**{**found, **lists})


def _version(found: dict[str, Any]) -> Version:
    anchors = {
        path: Anchor(commit=str(commit), digest=str(digest)) for path, (commit, digest) in found["anchors"].items()
    }
    return Version(
        commit=str(found["commit"]),
        digest=str(found["digest"]),
        anchors=anchors,
        services={str(name): str(digest) for name, digest in found["services"].items()},
        networks=tuple(map(str, found.get("networks", ()))),
        proven=float(found["proven"]),
    )
