"""What translating a wish into an engine's request needs to know beyond the wish itself, as one frozen value.

The API version, the containers that other services have at this moment, and a way to read a file of the user's. With
it the translation stays a pure function, tried without an engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orchestrator.engines.docker.endpoint import NEWEST_API, ApiVersion
from orchestrator.errors import EngineError
from orchestrator.records import dataclass, field


@dataclass(frozen=True, slots=True)
class Peer:
    """A container of another service. ``name`` is the one it is meant to have in the end."""

    id: str
    name: str
    slot: int = 0


def _read_text(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """``peers`` maps services to their containers, lowest slot first and the newest first within a slot.

    ``copies``: where the volume with copies of files lies on the engine's host, for engines that cannot mount a part of a volume.
    ``secrets``: the folder with secrets in memory, on this host. ``inodes``: a label's note of the files that are bind-mounted.
    """

    api: ApiVersion = NEWEST_API
    peers: Mapping[str, tuple[Peer, ...]] = field(default_factory=dict)
    image_id: str = ""
    copies: str = ""
    secrets: str = ""
    inodes: str = ""
    read_text: Callable[[str], str] = _read_text

    def peer(self, service: str, shared: str) -> Peer:
        """The container that stands for ``service`` where one container is shared (its lowest slot).

        ``shared`` says what of it; scripts know the words of the refusal.
        """
        found = self.peers.get(service, ())
        if not found:
            raise EngineError(
                f"cannot share {shared} with service {service}: container missing",
                reference="peer-missing",
                hint=f"bring it up first: stack up {service}",
            )
        return found[0]

    def need(self, version: ApiVersion, what: str) -> None:
        """Refuse what the engine is too old for: it would drop unknown settings in silence."""
        if self.api < version:
            raise EngineError(
                f"{what} needs engine API {_text(version)}; this engine speaks {_text(self.api)}",
                reference="engine-too-old",
                hint="upgrade the engine, or remove the setting from the file",
            )


def _text(version: ApiVersion) -> str:
    return f"{version[0]}.{version[1]}"
