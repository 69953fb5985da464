"""What differs between two revisions, field by field: pure. Masked values are compared by their digests and stay masked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from orchestrator.controller.history import Image, Revision
from orchestrator.controller.revision import pointer_of
from orchestrator.model.plan import Difference
from orchestrator.spec.document import format_path

Path = tuple[str | int, ...]
_ABSENT = object()


def compared(before: Revision, after: Revision) -> tuple[Difference, ...]:
    """The differences on the way from ``before`` to ``after``."""
    return tuple(_Comparison(before, after).all())


class _Comparison:
    def __init__(self, before: Revision, after: Revision) -> None:
        self._before, self._after = before, after

    def all(self) -> Iterator[Difference]:
        yield from self._tree(self._before.spec.get("model") or {}, self._after.spec.get("model") or {}, ())
        yield from self._named("replicas", "services.{}.replicas", str)
        yield from self._contents()
        yield from self._images()

    def _tree(self, before: Any, after: Any, path: Path) -> Iterator[Difference]:
        if isinstance(before, dict) and isinstance(after, dict):
            for key in sorted(before.keys() | after.keys()):
                yield from self._tree(before.get(key, _ABSENT), after.get(key, _ABSENT), (*path, key))
        elif before != after or self._digest(self._before, path) != self._digest(self._after, path):
            yield Difference(format_path(path), _text(before), _text(after))
        elif isinstance(before, list):
            for index, (one, other) in enumerate(zip(before, after, strict=True)):
                yield from self._tree(one, other, (*path, index))

    def _digest(self, revision: Revision, path: Path) -> str | None:
        digest: str | None = revision.spec.get("masked", {}).get(pointer_of(path))
        return digest

    def _named(self, key: str, path: str, text: Any) -> Iterator[Difference]:
        before, after = self._before.spec.get(key) or {}, self._after.spec.get(key) or {}
        for name in sorted(before.keys() & after.keys()):
            if before[name] != after[name]:
                yield Difference(path.format(name), text(before[name]), text(after[name]))

    def _contents(self) -> Iterator[Difference]:
        before, after = self._before.spec.get("contents") or {}, self._after.spec.get("contents") or {}
        for name in sorted(before.keys() & after.keys()):
            if before[name] != after[name]:
                yield Difference(
                    f"{name} (content)", before[name].rpartition(":")[2][:12], after[name].rpartition(":")[2][:12]
                )

    def _images(self) -> Iterator[Difference]:
        """The same name may stand for another image."""
        for name in sorted(self._before.images.keys() & self._after.images.keys()):
            before, after = self._before.images[name], self._after.images[name]
            if before.id != after.id:
                yield Difference(f"services.{name} (image)", _exact(before), _exact(after))


def _exact(image: Image) -> str:
    return image.digests[0] if image.digests else image.id


def _text(value: Any) -> str:
    if value is _ABSENT:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(", ", ": "))
