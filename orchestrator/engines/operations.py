"""Docker's own operations beside the state of a stack: raw answers of inspect, file changes, images, space, registries.

``console`` is for what a stack's commands look at all the time; this is what ``inspect``, ``image``, ``du``, ``info``,
``login`` and their kin ask for, and is loaded only by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from orchestrator.model.actions import BuildImage
from orchestrator.records import dataclass, field

KINDS = ("container", "image", "network", "volume")

Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FileChange:
    """What became of a path in a container since its image: ``kind`` is A (added), C (changed) or D (deleted)."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One entry of an image's history; ``created`` counts seconds since 1970."""

    id: str
    created: int
    created_by: str
    size: int
    comment: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """An image that the engine keeps; ``created`` counts seconds since 1970."""

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    created: int = 0
    size: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def dangling(self) -> bool:
        """Whether nothing names it any more."""
        return not self.tags


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One answer of a search in the public registry."""

    name: str
    description: str
    stars: int
    official: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpace:
    """Bytes of a container's own layer, and of its log where it can be read."""

    id: str
    name: str
    service: str
    writable: int
    log: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSpace:
    """``exclusive`` is what only this image of the stack holds; what several hold counts in the total once."""

    id: str
    name: str
    size: int
    exclusive: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeSpace:
    """``size`` None where the engine does not know (volumes of other drivers)."""

    name: str
    key: str
    size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """What a stack takes of the disk. ``images_total`` counts each layer once."""

    images: tuple[ImageSpace, ...] = ()
    images_total: int = 0
    containers: tuple[ContainerSpace, ...] = ()
    volumes: tuple[VolumeSpace, ...] = ()


class Operations(Protocol):
    """Raises EngineError, as ``Console`` does."""

    @property
    def endpoint(self) -> str:
        """How the engine is reached: ``unix:///var/run/docker.sock``."""
        ...

    @property
    def api_version(self) -> str: ...

    @property
    def on_this_machine(self) -> bool:
        """Whether paths here are the engine's paths."""
        ...

    def subnets(self) -> tuple[str, ...]:
        """The subnets of all networks."""
        ...

    def resolve(self, image: str) -> str:
        """The digest that the image's registry has for it; nothing is pulled. Raises ImageUnavailable."""
        ...

    def pinned(self, image: str) -> str:
        """The full name of an image with the digest that its registry has for it now. Raises ImageUnavailable."""
        ...

    def inspect(self, kind: str, name: str, *, size: bool = False) -> Raw:
        """The engine's own description of one of ``KINDS``."""
        ...

    def names(self, kind: str, stack: str) -> Mapping[str, str]:
        """The stack's networks or volumes: the key in the file (the engine's name where it has none) to that name."""
        ...

    def changes(self, container: str) -> tuple[FileChange, ...]: ...

    def info(self) -> Raw: ...

    def version(self) -> Raw: ...

    def space(self, stack: str, images: Mapping[str, str]) -> Space:
        """``images`` maps ids of the stack's images to the names people know them by."""
        ...

    def images(self, *, labels: Iterable[str] = (), references: Iterable[str] = ()) -> tuple[StoredImage, ...]:
        """Images that carry all labels or bear one of the names; all without either."""
        ...

    def history(self, image: str) -> tuple[Layer, ...]: ...

    def tag(self, source: str, target: str) -> None: ...

    def remove_image(self, image: str, *, force: bool, prune: bool) -> tuple[str, ...]:
        """What went, in Docker's words: ``Untagged: ...``, ``Deleted: ...``."""
        ...

    def save(self, images: Iterable[str]) -> Iterator[bytes]:
        """The images as one tar stream."""
        ...

    def load(self, archive: Iterable[bytes]) -> tuple[str, ...]:
        """What the engine says about the images it took in: ``Loaded image: ...``."""
        ...

    def import_image(
        self, archive: Iterable[bytes], *, name: str, changes: Iterable[str], message: str, platform: str
    ) -> str:
        """An image made of a file system; its id."""
        ...

    def transform(self, image: str, inputs: Mapping[str, bytes], folder: str, *, stack: str) -> tuple[int, str]:
        """Run a transformation image on ``inputs`` (path below its root, content); what it writes to /out is in ``folder``.

        Its exit code and what it said.
        """
        ...

    def templates(self, image: str, folder: str) -> None:
        """What a transformation image has in /templates, into ``folder``."""
        ...

    def check_build(self, action: BuildImage) -> tuple[bool, str]:
        """Whether nothing is wrong with a build's Dockerfile, and what is."""
        ...

    def search(self, term: str, *, limit: int, filters: Mapping[str, list[str]]) -> tuple[Found, ...]: ...

    def login(self, server: str, username: str, password: str) -> str:
        """Check with the registry and remember in Docker's own configuration; where it is kept. Raises EngineError."""
        ...

    def logout(self, server: str) -> bool:
        """Forget; whether there was anything to forget."""
        ...

    def username(self, server: str) -> str:
        """The user who is logged in, where the configuration itself says so."""
        ...
