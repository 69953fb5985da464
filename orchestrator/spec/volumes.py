"""The short form of a mount, ``[SOURCE:]TARGET[:OPTIONS]``, into the mapping that it stands for.

A source that begins with ``.``, ``/``, ``~``, ``\\\\`` or a drive letter is a path of the host, any other a volume's
name. Options nobody knows are left out, as Compose does; ``unknown_options`` names them for a warning.
"""

from __future__ import annotations

import posixpath
from typing import Any

from orchestrator.spec.document import Map
from orchestrator.spec.hints import quoted
from orchestrator.spec.values import BadValue

PROPAGATIONS = ("rprivate", "private", "rshared", "shared", "rslave", "slave")
LISTED = ("ro", "rw", "nocopy", "z", "Z", *PROPAGATIONS)
KNOWN = frozenset(LISTED)
# Meant for other platforms; Linux engines have no such thing, so leaving them out loses nothing.
_WITHOUT_MEANING = frozenset(("consistent", "cached", "delegated"))


def parse(text: str) -> Map:
    """The long form of ``text``."""
    if not text:
        raise BadValue("a volume is empty", "write [SOURCE:]TARGET[:OPTIONS], such as data:/var/lib/data")
    if len(text) < 3:
        return Map([("type", "volume"), ("target", text)])
    source, target, options = _parts(text)
    return _mount(source, clean(target), options)


def clean(path: str) -> str:
    """A path in the container without doubled slashes, dots and a slash at its end."""
    return posixpath.normpath(f"/{path}" if path.startswith("//") else path).replace("//", "/", 1)


def unknown_options(text: str) -> list[str]:
    """The options of a short form that mean nothing to the engine and were left out."""
    try:
        options = _parts(text)[2] if len(text) > 2 else []
    except BadValue:
        return []
    return [option for option in options if option not in KNOWN | _WITHOUT_MEANING]


def is_path(source: str) -> bool:
    """Whether a short form's source is a path of the host rather than a volume's name."""
    return source.startswith((".", "/", "~", "\\\\")) or _is_drive(source[:1], source[1:2])


def _is_drive(letter: str, after: str) -> bool:
    return after == ":" and len(letter) == 1 and letter.isalpha()


def _parts(text: str) -> tuple[str, str, list[str]]:
    sections = []
    pieces = iter(text.split(":"))
    for piece in pieces:
        path = next(pieces, None) if _is_drive(piece, ":") else None
        sections.append(piece if path is None else f"{piece}:{path}")
    if "" in sections:
        raise BadValue(f"{quoted(text)} has nothing between two colons", "write [SOURCE:]TARGET[:OPTIONS]")
    if len(sections) > 3:
        raise BadValue(f"{quoted(text)} has too many colons", "write [SOURCE:]TARGET[:OPTIONS], or a mapping")
    if len(sections) == 1:
        return "", sections[0], []
    return sections[0], sections[1], sections[2].split(",") if len(sections) > 2 else []


def _mount(source: str, target: str, options: list[str]) -> Map:
    bind = _bind(options)
    volume: dict[str, Any] = {"nocopy": True} if "nocopy" in options else {}
    access = [option for option in options if option in ("ro", "rw")]
    mount = Map([("type", "volume"), ("target", target)])
    if source:
        mount["source"] = source
    if access and access[-1] == "ro":
        mount["read_only"] = True
    if is_path(source):
        mount["type"] = "bind"
        mount["bind"] = Map({**bind, "create_host_path": True}.items())
        if volume:
            mount["volume"] = Map(volume.items())
    else:
        mount["volume"] = Map(volume.items())
        if bind:
            mount["bind"] = Map(bind.items())
    return mount


def _bind(options: list[str]) -> dict[str, Any]:
    bind: dict[str, Any] = {}
    for option in options:
        if option in PROPAGATIONS:
            bind["propagation"] = option
        elif option in ("z", "Z"):
            bind["selinux"] = option
    return bind
