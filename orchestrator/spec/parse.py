"""From the bytes of a YAML file to documents of ``Map`` and ``Seq`` in which every value knows its place.

One pass over libyaml's event stream builds the documents while the guard counts, so nothing costly is ever composed.
Aliases become copies, merge keys are applied, keys must be text and unique, scalars mean what ``scalars`` says. What is
said beside the values (``!reset``, ``!override``, other tags, dates) is collected with the paths it stands at. This is
the only importer of ``yaml`` on the way in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from orchestrator.errors import SyntaxProblem, Where
from orchestrator.records import dataclass
from orchestrator.spec import complaints, copies, encoding, scalars
from orchestrator.spec.copies import COLLECTIONS
from orchestrator.spec.document import Map, Mark, Seq, format_path
from orchestrator.spec.guard import Guard
from orchestrator.spec.limits import DEFAULTS, Limits

Path = tuple[str | int, ...]

_CORE = "tag:yaml.org,2002:"
_RESET, _OVERRIDE, _DATE, _UNKNOWN = "reset", "override", "date", "unknown"
_OPEN: Any = object()
_DROPPED: Any = object()
_NO_KEY: Any = object()
_MERGE: Any = object()


class Remark(NamedTuple):
    """Something said about the value at ``path``: a ``reset`` or ``override`` tag, an ``unknown`` tag, a ``date``."""

    kind: str
    path: Path
    mark: Mark
    text: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document: its root (a ``Map``, a ``Seq`` or a scalar) and the remarks made in it."""

    root: Any
    remarks: tuple[Remark, ...]
    mark: Mark

    def paths(self, *kinds: str) -> tuple[Path, ...]:
        """The paths of the remarks of these kinds."""
        return tuple(remark.path for remark in self.remarks if remark.kind in kinds)


class _Anchored(NamedTuple):
    """What an anchor stands for: its value, its size and height when written out, and the remarks made inside it."""

    value: Any
    nodes: int
    height: int
    remarks: tuple[Remark, ...]


class _Frame:
    """A collection that is still being read."""

    __slots__ = ("anchor", "first_node", "first_remark", "height", "key", "key_mark", "keys", "merges", "node", "tag")

    def __init__(self, node: Map | Seq, anchor: str | None, first_node: int, first_remark: int) -> None:
        self.node = node
        self.anchor = anchor
        self.first_node = first_node
        self.first_remark = first_remark
        self.height = 1
        self.key: Any = _NO_KEY
        self.key_mark: Any = None
        self.keys: dict[str, Mark] | None = None
        self.merges: list[Map] | None = None
        self.tag = ""


def parse(data: bytes, file: str, limits: Limits = DEFAULTS) -> list[Document]:
    """The documents in ``data``; an empty list when there is nothing but comments."""
    import yaml

    guard = Guard(limits)
    guard.bytes(len(data), file)
    text = encoding.to_utf8(data, file)
    builder = _Builder(yaml, file, guard)
    parser = getattr(yaml, "CLoader", yaml.SafeLoader)(text)
    try:
        builder.run(parser.get_event)
    except yaml.YAMLError as error:
        raise complaints.problem(error, text, file, limits) from None
    finally:
        parser.dispose()
    return builder.documents


class _Builder:
    """Builds documents from events. One handler for each kind of event; the frames are its only stack."""

    def __init__(self, yaml: Any, file: str, guard: Guard) -> None:
        self.file = file
        self.guard = guard
        self.documents: list[Document] = []
        self.frames: list[_Frame] = []
        self.anchors: dict[str, _Anchored] = {}
        self.remarks: list[Remark] = []
        # Where an alias or a merge key put a collection that also stands elsewhere. Copied when the document is
        # complete, so that a bomb is refused before anything is copied.
        self.shared: list[tuple[Any, Any]] = []
        self.root: Any = None
        self.start: Mark = Mark(file, 1, 1)
        self.handlers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._mapping,
            yaml.SequenceStartEvent: self._sequence,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._begin,
            yaml.DocumentEndEvent: self._finish,
        }

    def run(self, get_event: Callable[[], Any]) -> None:
        handlers = self.handlers
        while (event := get_event()) is not None:
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)

    def _begin(self, event: Any) -> None:
        self.anchors, self.remarks, self.shared, self.root = {}, [], [], None
        self.start = self._mark(event)
        self.guard.document(len(self.documents) + 1, *self.start)

    def _finish(self, _event: Any) -> None:
        for node, key in self.shared:
            node[key] = copies.copy(node[key])
        self.documents.append(Document(self.root, tuple(self.remarks), self.start))

    def _mark(self, event: Any) -> Mark:
        mark = event.start_mark
        return Mark(self.file, mark.line + 1, mark.column + 1)

    # Scalars

    def _scalar(self, event: Any) -> None:
        mark = self._mark(event)
        self.guard.add(1, *mark)
        frame = self.frames[-1] if self.frames else None
        if frame is not None and frame.key is _NO_KEY and type(frame.node) is Map:
            self._key(frame, event, mark)
            return
        first_remark = len(self.remarks)
        value = self._value(event, mark)
        if event.anchor is not None:
            self._remember(event.anchor, value, 1, 0, first_remark)
        self._attach(value, mark)

    def _value(self, event: Any, mark: Mark) -> Any:
        tag = event.tag
        if tag is None or tag == "!":
            if not event.implicit[0] and (event.value or event.style):
                return event.value
            value = scalars.plain(event.value)
        else:
            value = self._tagged(tag, event.value, mark)
        if type(value) is scalars.Timestamp:
            self.remarks.append(Remark(_DATE, self._path(), mark, event.value))
        return value

    def _tagged(self, tag: str, text: str, mark: Mark) -> Any:
        if tag.startswith(_CORE):
            if tag.removeprefix(_CORE) not in scalars.TAGS:
                self._note_tag(tag, mark)
                return text
            try:
                return scalars.tagged(tag.removeprefix(_CORE), text)
            except scalars.BadScalar as problem:
                raise self._problem(str(problem), mark) from None
        self._note_tag(tag, mark)
        return _DROPPED if tag == "!reset" else text

    def _note_tag(self, tag: str, mark: Mark) -> None:
        kind = {"!reset": _RESET, "!override": _OVERRIDE}.get(tag, _UNKNOWN)
        self.remarks.append(Remark(kind, self._path(), mark, tag.replace(_CORE, "!!")))

    # Keys

    def _key(self, frame: _Frame, event: Any, mark: Mark) -> None:
        text = event.value
        if event.tag is None and text == "<<":
            if frame.merges is not None:
                raise self._duplicate("<<", frame.key_mark, mark)
            frame.key, frame.key_mark, frame.merges = _MERGE, mark, []
            return
        if event.tag is None and event.implicit[0]:
            self._require_text(scalars.plain(text), text, mark)
        if event.anchor is not None:
            self._remember(event.anchor, text, 1, 0, len(self.remarks))
        self._use_key(frame, text, mark)

    def _use_key(self, frame: _Frame, key: Any, mark: Mark) -> None:
        node = frame.node
        if key in node or (frame.keys is not None and key in frame.keys):
            first = node.keys_at[key] if isinstance(node, Map) and key in node else (frame.keys or {})[key]
            raise self._duplicate(key, first, mark)
        frame.key, frame.key_mark = key, mark

    def _require_text(self, value: Any, text: str, mark: Mark) -> None:
        if type(value) is not str:
            shown = "empty" if text == "" else text
            raise self._problem(
                f"the key {shown} is not text" if text else "a key is empty", mark, hint=f'write the key as "{text}"'
            )

    def _duplicate(self, key: str, first: Mark, second: Mark) -> SyntaxProblem:
        return SyntaxProblem(
            f"the key {key!r} is written twice, on line {first.line} and on line {second.line}",
            where=Where(*second, format_path((*self._path(), key))),
            hint="keep one of them",
            reference="duplicate-key",
        )

    # Collections

    def _mapping(self, event: Any) -> None:
        mark = self._mark(event)
        self._open(Map(mark=mark), event, mark)

    def _sequence(self, event: Any) -> None:
        mark = self._mark(event)
        self._open(Seq(mark=mark), event, mark)

    def _open(self, node: Map | Seq, event: Any, mark: Mark) -> None:
        frames, guard = self.frames, self.guard
        guard.add(1, *mark)
        guard.level(len(frames) + 1, *mark)
        if frames and frames[-1].key is _NO_KEY and type(frames[-1].node) is Map:
            raise self._problem("a key is a list or a mapping; keys must be text", mark)
        frame = _Frame(node, event.anchor, guard.nodes - 1, len(self.remarks))
        if event.tag is not None and event.tag != "!":
            self._collection_tag(frame, event.tag, mark)
        if event.anchor is not None:
            self.anchors[event.anchor] = _OPEN
        frames.append(frame)

    def _collection_tag(self, frame: _Frame, tag: str, mark: Mark) -> None:
        if tag != _CORE + ("map" if type(frame.node) is Map else "seq"):
            self._note_tag(tag, mark)
            frame.tag = tag

    def _close(self, _event: Any) -> None:
        frame = self.frames.pop()
        node = frame.node
        if frame.merges:
            assert isinstance(node, Map)
            self.shared += [(node, key) for key in _merge_into(node, frame.merges)]
        value: Any = node
        if frame.tag == "!reset":
            value = _DROPPED
            del self.remarks[frame.first_remark + 1 :]
        if frame.anchor is not None:
            self._remember(frame.anchor, value, self.guard.nodes - frame.first_node, frame.height, frame.first_remark)
        if self.frames and self.frames[-1].height <= frame.height:
            self.frames[-1].height = frame.height + 1
        self._attach(value, node.mark)

    def _attach(self, value: Any, mark: Mark) -> None:
        """Put a finished value where it belongs."""
        if not self.frames:
            self.root = None if value is _DROPPED else value
            return
        frame = self.frames[-1]
        node = frame.node
        if type(node) is Seq:
            if value is not _DROPPED:
                node.append(value)
                node.items_at.append(mark)
            return
        assert isinstance(node, Map)
        key, frame.key = frame.key, _NO_KEY
        if key is _MERGE:
            self._merge(frame, value, mark)
        elif value is _DROPPED:
            frame.keys = frame.keys or {}
            frame.keys[key] = frame.key_mark
        else:
            node[key] = value
            node.keys_at[key] = frame.key_mark
            node.values_at[key] = mark

    # Aliases and merge keys

    def _alias(self, event: Any) -> None:
        mark = self._mark(event)
        anchored = self.anchors.get(event.anchor)
        if anchored is None:
            raise self._problem(f"*{event.anchor} refers to an anchor that is not defined above it", mark)
        if anchored is _OPEN:
            raise self._problem(f"*{event.anchor} stands inside its own anchor", mark)
        self.guard.add(anchored.nodes, *mark)
        self.guard.level(len(self.frames) + anchored.height, *mark)
        frame = self.frames[-1] if self.frames else None
        if frame is not None and frame.key is _NO_KEY and type(frame.node) is Map:
            self._require_text(anchored.value, f"*{event.anchor}", mark)
            self._use_key(frame, anchored.value, mark)
            return
        if anchored.remarks:
            base = self._path()
            self.remarks.extend(remark._replace(path=base + remark.path) for remark in anchored.remarks)
        if frame is not None and frame.height <= anchored.height:
            frame.height = anchored.height + 1
        self._share(frame, anchored.value)
        self._attach(anchored.value, mark)

    def _share(self, frame: _Frame | None, value: Any) -> None:
        if frame is not None and type(value) in COLLECTIONS and frame.key is not _MERGE:
            self.shared.append((frame.node, len(frame.node) if type(frame.node) is Seq else frame.key))

    def _remember(self, anchor: str, value: Any, nodes: int, height: int, first_remark: int) -> None:
        inside: tuple[Remark, ...] = ()
        if len(self.remarks) > first_remark:
            depth = len(self._path())
            inside = tuple(remark._replace(path=remark.path[depth:]) for remark in self.remarks[first_remark:])
        self.anchors[anchor] = _Anchored(value, nodes, height, inside)

    def _merge(self, frame: _Frame, value: Any, mark: Mark) -> None:
        sources = value if type(value) is Seq else [value]
        if not all(type(source) is Map for source in sources):
            raise self._problem("<< takes a mapping or a list of mappings", mark)
        frame.merges = list(sources)

    # Places

    def _path(self) -> Path:
        """The path of the value that is being read; what stands under ``<<`` counts as standing beside it."""
        path: list[str | int] = []
        merging = False
        for frame in self.frames:
            if type(frame.node) is Seq:
                if not merging:
                    path.append(len(frame.node))
                merging = False
            else:
                merging = frame.key is _MERGE
                if not merging and frame.key is not _NO_KEY:
                    path.append(frame.key)
        return tuple(path)

    def _problem(self, message: str, mark: Mark, hint: str = "") -> SyntaxProblem:
        return SyntaxProblem(message, where=Where(*mark, format_path(self._path())), hint=hint)


def _merge_into(node: Map, sources: list[Map]) -> list[str]:
    """Apply merge keys: what the node says itself wins, then the earlier source. The keys of shared collections."""
    shared = []
    for source in sources:
        for key, value in source.items():
            if key not in node:
                node.put(key, value, source.keys_at.get(key, source.mark), source.values_at.get(key, source.mark))
                if type(value) in COLLECTIONS:
                    shared.append(key)
    return shared
