"""What labels say of a container: whose it is, which slot, made from what. Labels in, small facts out.

Apart from the rest because observing, creating and waiting all ask these questions, and the answers are pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.model import naming
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """Which replica a container is. ``hook`` is the kind of a hook's own container, "" otherwise."""

    stack: str = ""
    service: str = ""
    slot: int = 0
    oneoff: bool = False
    hook: str = ""
    fingerprint: str = ""


def identity(labels: Mapping[str, str]) -> Identity:
    number = labels.get(naming.NUMBER, "")
    return Identity(
        stack=labels.get(naming.PROJECT, ""),
        service=labels.get(naming.SERVICE, ""),
        slot=int(number) if number.isascii() and number.isdigit() else 0,
        oneoff=labels.get(naming.ONEOFF, "") == "True",
        hook=labels.get(naming.HOOK, ""),
        fingerprint=labels.get(naming.FINGERPRINT, ""),
    )


def user_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """The user's (and the image's) own: without Compose's and ours."""
    return {key: value for key, value in labels.items() if not naming.is_reserved(key)}


def file_digests(labels: Mapping[str, str]) -> dict[str, str]:
    """Targets of configs and secrets and the digests of what they held when the container was made."""
    pairs = (entry.rpartition("=") for entry in labels.get(naming.FILES, "").split(",") if entry)
    return {target: digest for target, _, digest in pairs}


def final_name(name: str, fingerprint: str) -> str:
    """The name a container is meant to have in the end: a replacement is prepared under a longer one."""
    suffix = naming.replacement("", fingerprint)
    return name.removesuffix(suffix) if fingerprint else name


def short_id(container_id: str) -> str:
    """How the engine abbreviates an id: the default host name and alias of a container."""
    return container_id[:12]


def plain_name(name: str) -> str:
    """``final_name`` where the fingerprint is not at hand: a dot and twelve hexadecimal digits at the end go."""
    head, dot, tail = name.rpartition(".")
    is_suffix = bool(dot and head) and len(tail) == 12 and not tail.strip("0123456789abcdef")
    return head if is_suffix else name
