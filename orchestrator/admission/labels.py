"""Labels: those of stack, Docker and Compose say whose a thing is, so users may not set them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from orchestrator.admission import reading
from orchestrator.admission.judging import Judge, shown
from orchestrator.model import naming

RESERVED = ("com.docker.", "stack.", "io.docker.", "org.dockerproject.")
# What we set ourselves; that a user has not is seen in the spec, before ours are added.
OURS = frozenset(
    (
        naming.FINGERPRINT,
        naming.FILES,
        naming.FRONT,
        naming.INODES,
        naming.BUILT,
        naming.ASKED,
        naming.PROJECT,
        naming.SERVICE,
        naming.NUMBER,
        naming.ONEOFF,
        naming.SLUG,
        naming.CONFIG_HASH,
        naming.IMAGE,
        naming.DEPENDS_ON,
        naming.WORKING_DIR,
        naming.CONFIG_FILES,
        naming.ENVIRONMENT_FILES,
        naming.NETWORK,
        naming.VOLUME,
        naming.VERSION,
        naming.HOOK,
        naming.REPLACE,
    )
)


def is_reserved(judge: Judge, name: str) -> bool:
    """Whether a user needs leave for a label; case does not matter, as it does not to some that read them."""
    return name.lower().startswith(RESERVED) and not any(fnmatchcase(name, grant) for grant in judge.grants.labels)


def look(judge: Judge, field: str, value: Any) -> None:
    """The labels of something that is made: reserved ones are ours, and say that it is this stack's."""
    found = reading.entries(value)
    for name, said in found.items():
        if name == naming.PROJECT and said != judge.setting.stack:
            judge.refuse(
                "reserved-label", field, f"{name}={said}", f"the label {name} names another stack: {shown(said)}"
            )
        elif name not in OURS and is_reserved(judge, name):
            judge.refuse("reserved-label", field, name, f"the label {shown(name)} is reserved")


def require_own(judge: Judge, field: str, value: Any) -> None:
    """What is made says whose it is."""
    if reading.entries(value).get(naming.PROJECT) is None:
        judge.refuse("reserved-label", field, "", f"without the label {naming.PROJECT} it would belong to nobody")


def of_mounts(judge: Judge, field: str, value: Any) -> None:
    """Labels of anonymous volumes: the user's alone."""
    for name in reading.entries(value):
        if is_reserved(judge, name):
            judge.refuse("reserved-label", field, name, f"the label {shown(name)} is reserved")
