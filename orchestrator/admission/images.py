"""Which images may be used: those of permitted registries, with a digest where the profile wants one, and the stack's own."""

from __future__ import annotations

import re

from orchestrator.admission.judging import Judge, shown

_ID = re.compile(r"(sha256:)?[0-9a-f]{64}")
_DIGEST = re.compile(r".+@sha256:[0-9a-f]{64}")
KEPT = "stack-revision:"  # names under which images of earlier revisions are kept


def look(judge: Judge, field: str, reference: str, *, pulled: bool = False) -> None:
    """Refuse an image. ``pulled``: it comes from its registry now, so having built it once is no excuse."""
    setting = judge.setting
    if reference in setting.trusted:
        return
    if not pulled and (reference in setting.built or _ID.fullmatch(reference)):
        return
    if reference.startswith(KEPT) and not pulled:
        if not is_kept_for(reference, setting.stack):
            judge.refuse("foreign-image", field, reference, f"{shown(reference)} is kept for another stack")
        return
    if judge.grants.registries and not any(_covers(one, reference) for one in judge.grants.registries):
        whence = registry_of(reference)
        judge.refuse("registry", field, reference, f"{shown(reference)} comes from {whence}, which is not permitted")
    if judge.grants.prod and not _DIGEST.fullmatch(reference):
        judge.refuse("digest", field, reference, f"{shown(reference)} has no digest: write it as NAME:TAG@sha256:...")


def is_kept_for(reference: str, stack: str) -> bool:
    """Whether a name of ours keeps an image of this stack's earlier revisions."""
    return reference.startswith(f"{KEPT}{stack}.") and reference.count(".") == stack.count(".") + 2


def full(reference: str) -> str:
    """``nginx`` as ``docker.io/library/nginx``, without tag and digest."""
    name = reference.partition("@")[0]
    head, slash, rest = name.partition("/")
    if not slash or not ("." in head or ":" in head or head == "localhost" or head != head.lower()):
        head, rest = "docker.io", name if slash else f"library/{name}"
    last = rest.rpartition("/")
    return f"{head}/{last[0]}{last[1]}{last[2].partition(':')[0]}".replace("index.docker.io/", "docker.io/", 1)


def registry_of(reference: str) -> str:
    return full(reference).partition("/")[0]


def _covers(permitted: str, reference: str) -> bool:
    """``ghcr.io`` covers all of it, ``ghcr.io/acme`` what is below; ``*`` everything."""
    wanted = permitted.rstrip("/")
    place = full(reference)
    if wanted in ("*", place) or place.startswith(f"{wanted}/"):
        return True
    head = wanted.partition("/")[0]
    is_registry = "." in head or ":" in head or head == "localhost"
    return not is_registry and (place == full(wanted) or place.startswith(f"docker.io/{wanted}/"))
