"""Image references: taking them apart, and the one full form of each. Pure text, following the rules of distribution.

``nginx`` is ``docker.io/library/nginx:latest``; people write the short form, registries and comparisons need the full
one.
"""

from __future__ import annotations

from orchestrator.errors import EngineError
from orchestrator.records import dataclass

DEFAULT_REGISTRY = "docker.io"
OLD_DEFAULT_REGISTRY = "index.docker.io"
DEFAULT_TAG = "latest"


@dataclass(frozen=True, slots=True)
class Reference:
    """``registry/repository:tag@digest``; a tag or a digest may be empty, not both after ``normalize``."""

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        """The full form, for comparing."""
        return f"{self.registry}/{self.repository}{self._suffix}"

    @property
    def familiar(self) -> str:
        """The short form, as people write it and engines list it."""
        name = f"{self.registry}/{self.repository}"
        if self.registry == DEFAULT_REGISTRY:
            name = self.repository.removeprefix("library/")
        return name + self._suffix

    @property
    def name(self) -> str:
        """What the engine's pull call takes as ``fromImage``."""
        return Reference(self.registry, self.repository).familiar

    @property
    def version(self) -> str:
        """What the pull call takes as ``tag``: the digest wins, as it says more."""
        return self.digest or self.tag

    @property
    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def parse(text: str) -> Reference:
    """A reference as written. Raises EngineError for what no registry would take."""
    rest, _, digest = text.partition("@")
    name, tag = _split_tag(rest)
    registry, repository = _split_registry(name)
    tag_ok = _is_tag(tag) if tag else not rest.endswith(":")
    digest_ok = _is_digest(digest) if "@" in text else True
    if not (_is_repository(repository) and tag_ok and digest_ok):
        raise EngineError(
            f"{text!r} is not an image reference",
            hint=_hint(text, repository),
            reference="invalid-image-reference",
        )
    return Reference(registry, repository, tag, digest)


def normalize(text: str) -> Reference:
    """The reference with ``latest`` where neither tag nor digest is given."""
    reference = parse(text)
    if reference.tag or reference.digest:
        return reference
    return Reference(reference.registry, reference.repository, DEFAULT_TAG)


def same(one: str, other: str) -> bool:
    """Whether two texts mean the same image name."""
    return normalize(one) == normalize(other)


def is_image_id(text: str) -> bool:
    """``sha256:...`` as the engine names its images, rather than a reference."""
    return text.startswith("sha256:") and len(text) == 71 and _is_hexadecimal(text[7:])


def _split_tag(text: str) -> tuple[str, str]:
    name, colon, tag = text.rpartition(":")
    if colon and "/" not in tag:
        return name, tag
    return text, ""


def _split_registry(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    is_host = "." in first or ":" in first or first == "localhost" or first != first.lower()
    if not slash or not is_host:
        return DEFAULT_REGISTRY, name if slash else f"library/{name}"
    if first in (DEFAULT_REGISTRY, OLD_DEFAULT_REGISTRY):
        return DEFAULT_REGISTRY, rest if "/" in rest else f"library/{rest}"
    return first, rest


def _is_repository(repository: str) -> bool:
    return len(repository) <= 255 and all(_is_component(part) for part in repository.split("/"))


def _is_component(part: str) -> bool:
    """Lower-case letters and digits, with single dots, one or two underscores, or dashes between them."""
    if not part or not (_is_plain(part[0]) and _is_plain(part[-1])):
        return False
    separators = "".join("/" if _is_plain(char) else char for char in part).split("/")
    return all(one in (".", "_", "__") or not one.strip("-") for one in separators)


def _is_plain(char: str) -> bool:
    return "a" <= char <= "z" or "0" <= char <= "9"


def _is_tag(tag: str) -> bool:
    return len(tag) <= 128 and tag.isascii() and tag[0] not in ".-" and not tag.translate(_TAG_CHARACTERS)


def _is_digest(digest: str) -> bool:
    algorithm, _, value = digest.partition(":")
    return bool(algorithm) and len(value) >= 32 and _is_hexadecimal(value)


def _is_hexadecimal(text: str) -> bool:
    return not text.strip("0123456789abcdef")


def _hint(text: str, repository: str) -> str:
    if repository != repository.lower():
        return "the name of an image is written in lower case"
    if text != text.strip() or " " in text:
        return "there is a blank in it"
    if text.endswith(":"):
        return "a tag is missing after the colon; a variable may be empty"
    return "it looks like registry/name:tag"


_TAG_CHARACTERS = dict.fromkeys(map(ord, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"))
