"""Keep the images that revisions may go back to: a name of ours on each that no longer serves, and none beyond that.

A tag that moves on leaves its former image without a name, and ``docker image prune`` takes such images. So each image
of the last few revisions gets the name ``stack-revision:STACK.HOST.ID``, unless it serves now (then its containers hold
it), and the name goes when the last of those revisions does. ``docker image prune -a`` takes every image that no
container uses, whatever its name: then a rollback pulls by digest what a registry has, and refuses the rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from orchestrator.cancel import CancelToken
from orchestrator.controller.history import Image, Revision
from orchestrator.engines.base import Engine
from orchestrator.engines.console import Console
from orchestrator.errors import Conflict, NotFound
from orchestrator.model.actions import Action, RemoveImage, TagImage

REPOSITORY = "stack-revision"
_LONGEST = 90  # of a stack's name in a tag, which has 128 characters


def keep(engine: Engine, console: Console, *, stack: str, host: str, revisions: Iterable[Revision]) -> None:
    """Have exactly the images of ``revisions`` kept (the latest first: the first one serves). ``host`` is its key's id."""
    kept = list(revisions)
    serving = _ids(kept[:1])
    wanted = _ids(kept)
    present = _present(console, stack, host)
    for image in sorted(wanted - serving - present.keys()):
        _carry_out(engine, TagImage(id=image, reference=_name(stack, host, image)))
    for image in sorted(present.keys() - wanted):
        _carry_out(engine, RemoveImage(reference=present[image]))


def release(engine: Engine, console: Console, *, stack: str, host: str) -> None:
    """Keep none: the user wants the images gone."""
    for name in sorted(_present(console, stack, host).values()):
        _carry_out(engine, RemoveImage(reference=name))


def _ids(revisions: Iterable[Revision]) -> set[str]:
    images: Iterable[Image] = (image for revision in revisions for image in revision.images.values())
    return {image.id for image in images}


def _present(console: Console, stack: str, host: str) -> dict[str, str]:
    """Our names that are there, by the id of their image."""
    begin = _name(stack, host, "")
    found = console.images(f"{begin}*")
    return {image.id: tag for image in found for tag in image.tags if tag.startswith(begin)}


def _name(stack: str, host: str, image: str) -> str:
    short = stack if len(stack) <= _LONGEST else stack[:80] + hashlib.sha256(stack.encode()).hexdigest()[:10]
    return f"{REPOSITORY}:{short}.{host}.{_brief(image)}"


def _brief(image: str) -> str:
    text = image.removeprefix("sha256:")
    hexadecimal = not text.strip("0123456789abcdef")
    return text[:16] if hexadecimal else hashlib.sha256(text.encode()).hexdigest()[:16]


def _carry_out(engine: Engine, action: Action) -> None:
    """An image may be gone already, or be in use under this name alone: both are as good."""
    try:
        engine.execute(action, progress=lambda *_: None, cancel=CancelToken())
    except (NotFound, Conflict):
        return
