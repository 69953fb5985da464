"""The create request while it is put together, and the two shapes that most rows of the translation have.

``Wish`` is what the rows read, ``Draft`` what they write. Apart from ``translate`` so that its parts by topic need not
import each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.engines.docker.surroundings import Surroundings
from orchestrator.model.actions import ConnectNetwork, CreateContainer
from orchestrator.model.container import Container
from orchestrator.records import dataclass, field


@dataclass(frozen=True, slots=True)
class Wish:
    action: CreateContainer
    around: Surroundings

    @property
    def settings(self) -> Container:
        return self.action.settings


@dataclass(slots=True)
class Draft:
    """Parts of the request. ``connect`` are networks that this engine cannot attach within the create call."""

    query: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    host: dict[str, Any] = field(default_factory=dict)
    endpoints: dict[str, dict[str, Any]] = field(default_factory=dict)
    connect: list[ConnectNetwork] = field(default_factory=list)
    binds: list[str] = field(default_factory=list)
    mounts: list[dict[str, Any]] = field(default_factory=list)

    def body(self) -> dict[str, Any]:
        host = dict(self.host)
        if self.binds:
            host["Binds"] = self.binds
        if self.mounts:
            host["Mounts"] = self.mounts
        body = {**self.config, "HostConfig": host}
        if self.endpoints:
            body["NetworkingConfig"] = {"EndpointsConfig": self.endpoints}
        return body


Row = Callable[[Draft, Wish], None]


def _same(value: Any) -> Any:
    return value


def config(key: str, name: str) -> Row:
    """A field that goes into the container's config as it is, left out where the file does not say."""

    def row(draft: Draft, wish: Wish) -> None:
        value = getattr(wish.settings, name)
        if value:
            draft.config[key] = value

    return row


def host_config(key: str, name: str, encode: Callable[[Any], Any] = _same, *, keep_false: bool = False) -> Row:
    """A field of the host config. ``keep_false``: ``False`` and 0 are words of their own, only ``None`` is left out."""

    def row(draft: Draft, wish: Wish) -> None:
        value = getattr(wish.settings, name)
        if value or (keep_false and value is not None):
            draft.host[key] = encode(value)

    return row
