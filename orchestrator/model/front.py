"""The front end of a service (`endpoint_mode: vip`): what it listens on, and among which containers it spreads connections."""

from __future__ import annotations

from orchestrator.model.probe import Probe
from orchestrator.records import dataclass

IMAGE = "haproxy:lts-alpine"
FOLDER = "/etc/front"
CONFIG = f"{FOLDER}/front.cfg"
APPLIED = f"{FOLDER}/applied"  # the digest of the configuration that the running process has taken up


@dataclass(frozen=True, slots=True)
class FrontPort:
    """A port of the service. ``http``: what goes through is understood, so that requests move one by one."""

    target: int
    http: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontEnd:
    """The front end of ``service``. ``probe`` is how it finds out by itself who does not answer."""

    service: str
    ports: tuple[FrontPort, ...] = ()
    probe: Probe | None = None


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a front end is set to: ``members`` are the ids of the containers that get connections."""

    front: FrontEnd
    members: tuple[str, ...] = ()
