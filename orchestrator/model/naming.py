"""Names and labels: Compose's own, so that its tools find what they expect, and our few facts under ``stack.``.

Rules: reference inventory 3.9 and 4.1 of the Compose implementation; nothing volatile (time, commit, version) goes into a label.
"""

from __future__ import annotations

PREFIX = "stack."
FINGERPRINT = PREFIX + "fingerprint"  # keyed hash of everything whose change needs a new container
FILES = PREFIX + "files"  # "target=digest,..." of the configs and secrets given to the container, keyed

FRONT = PREFIX + "front"  # on a front end: the service it stands before

BUILT = PREFIX + "built"  # on an image: keyed digest of all that it was built from, where that was known

INODES = PREFIX + "inodes"  # "target=number,..." of single files that are bind-mounted, on the host of their engine
ASKED = PREFIX + "asked"  # "path,..." of settings asked for at creation that an engine may discard

COMPOSE = "com.docker.compose."
PROJECT = COMPOSE + "project"
SERVICE = COMPOSE + "service"
NUMBER = COMPOSE + "container-number"
ONEOFF = COMPOSE + "oneoff"
SLUG = COMPOSE + "slug"
CONFIG_HASH = COMPOSE + "config-hash"
IMAGE = COMPOSE + "image"
DEPENDS_ON = COMPOSE + "depends_on"
WORKING_DIR = COMPOSE + "project.working_dir"
CONFIG_FILES = COMPOSE + "project.config_files"
ENVIRONMENT_FILES = COMPOSE + "project.environment_file"
NETWORK = COMPOSE + "network"
VOLUME = COMPOSE + "volume"
VERSION = COMPOSE + "version"
VERSION_VALUE = "stack"  # Compose writes its version there; ours would change labels with every release
HOOK = COMPOSE + "hook"
REPLACE = COMPOSE + "replace"


def container(stack: str, service: str, slot: int, *, fixed: str = "", separator: str = "-") -> str:
    """The name of a replica: ``shop-web-1``, or the service's ``container_name`` where it has one."""
    return fixed or separator.join((stack, service, str(slot)))


def replacement(name: str, fingerprint: str) -> str:
    """The name under which a replacement is prepared beside the container it will replace."""
    return f"{name}.{fingerprint[:12]}"


def image(stack: str, service: str, *, separator: str = "-") -> str:
    """The name of an image that is built and not named in the file."""
    return separator.join((stack, service))


def is_reserved(label: str) -> bool:
    """Whether a label is Compose's or ours and so never compared with the user's own."""
    return label.startswith((COMPOSE, PREFIX))
