"""The kernel's notes of changed files as batches of paths, told once it is quiet for a moment.

Paths to watch go in: a directory means all that is in it, a file means itself, and neither has to be there yet. Out come
sets of changed paths, in a thread of their own. A batch is closed after ``QUIET`` seconds without news, or after
``LONGEST`` however much goes on; what happens while a batch is being worked on is the next one. A file that came and
went within one batch (an editor's draft) is not mentioned.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from orchestrator.errors import StackError

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent

QUIET = 0.010
LONGEST = 0.050
RENAME = 0.005  # how long the first half of a rename is kept back for the second one

Batch = frozenset[str]


class Files:
    """``watch`` says what; ``close`` ends it. ``on_change`` is called in one thread, never twice at once."""

    def __init__(self, on_change: Callable[[Batch], None]) -> None:
        self._on_change = on_change
        self._news: SimpleQueue[FileSystemEvent | None] = SimpleQueue()
        self._wanted: dict[str, str] = {}  # the real path, and the one it was given as
        self._watches: dict[tuple[str, bool], Any] = {}
        self._lock = threading.Lock()
        self._observer, self._handler, self._filter = _observer(self._news.put)
        self._observer.start()
        threading.Thread(target=self._work, daemon=True, name="files").start()

    def watch(self, paths: Iterable[str]) -> None:
        """Watch these paths (absolute) from now on, and no others. Raises StackError where the kernel cannot."""
        with self._lock:
            self._wanted = {_real(path): path for path in paths}
            self._arrange()

    def close(self) -> None:
        self._news.put(None)
        self._observer.unschedule_all()
        self._observer.stop()

    def _arrange(self, anew: frozenset[str] = frozenset()) -> None:
        """Bring the kernel's watches to what is wanted; those of directories in ``anew`` are made afresh."""
        wanted = _directories(self._wanted)
        for key in [key for key in self._watches if key not in wanted or key[0] in anew]:
            self._unschedule(key)
        for key in wanted - self._watches.keys():
            self._schedule(*key)

    def _unschedule(self, key: tuple[str, bool]) -> None:
        watch = self._watches.pop(key)
        try:
            self._observer.unschedule(watch)
        except (KeyError, OSError):
            pass  # the directory has gone, and its watch with it

    def _schedule(self, directory: str, recursive: bool) -> None:
        try:
            self._watches[directory, recursive] = self._observer.schedule(
                self._handler, directory, recursive=recursive, event_filter=self._filter
            )
        except FileNotFoundError:
            pass  # gone since we looked; the directory above tells when it is back
        except OSError as problem:
            raise StackError(
                f"{directory} cannot be watched: {problem.strerror or problem}",
                hint="the kernel allows only so many watches: raise fs.inotify.max_user_watches and max_user_instances",
                reference="cannot-watch",
            ) from problem

    def _work(self) -> None:
        while (first := self._news.get()) is not None:
            events, over = self._collected(first)
            batch = self._relevant(events)
            if batch:
                self._on_change(batch)
            if over:
                return

    def _collected(self, first: FileSystemEvent) -> tuple[list[FileSystemEvent], bool]:
        """All news until it is quiet, and whether it is the end of it all."""
        events, until = [first], time.monotonic() + LONGEST
        while (left := until - time.monotonic()) > 0:
            try:
                event = self._news.get(timeout=min(QUIET, left))
            except Empty:
                break
            if event is None:
                return events, True
            events.append(event)
        return events, False

    def _relevant(self, events: Iterable[FileSystemEvent]) -> Batch:
        changed = _changed(events)
        with self._lock:
            moved = frozenset(path for path in changed if any(_holds(path, wanted) for wanted in self._wanted))
            if moved:
                self._arrange(anew=moved)
            names = dict(self._wanted)
        back = [wanted for wanted in names if any(_holds(path, wanted) for path in moved)]
        changed |= {path for wanted in back for path in (wanted, *everything_in(wanted))}
        return frozenset(
            given + path.removeprefix(real) for real, given in names.items() for path in changed if _holds(real, path)
        )


def everything_in(directory: str) -> Iterable[str]:
    """All paths below a directory, links not followed."""
    for root, directories, names in os.walk(directory):
        for name in (*directories, *names):
            yield os.path.join(root, name)


def _changed(events: Iterable[FileSystemEvent]) -> set[str]:
    """The paths that the events are about, without those that came and went meanwhile."""
    first: dict[str, str] = {}
    for event in events:
        source, target = os.fsdecode(event.src_path), os.fsdecode(event.dest_path or "")
        if source:
            first.setdefault(source, event.event_type)
        if target:
            first.setdefault(target, "created")
    return {path for path, kind in first.items() if kind != "created" or os.path.lexists(path)}


def _real(path: str) -> str:
    """``path`` without links on the way; the kernel watches places, not names. A link to a file is watched itself."""
    if os.path.isdir(path):
        return os.path.realpath(path)
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def _holds(directory: str, path: str) -> bool:
    """Whether ``path`` is ``directory`` or lies in it."""
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def _directories(wanted: Iterable[str]) -> set[tuple[str, bool]]:
    """What the kernel has to watch: directories with all below them, and above each path the nearest that is there.

    The directory above tells of a path that is replaced, and of one that is not there yet.
    """
    trees = {path for path in wanted if os.path.isdir(path)}
    outer = {path for path in trees if not any(path != other and _holds(other, path) for other in trees)}
    above = {_nearest(os.path.dirname(path)) for path in wanted}
    flat = {path for path in above if not any(_holds(tree, path) for tree in outer)}
    return {(path, True) for path in outer} | {(path, False) for path in flat}


def _nearest(directory: str) -> str:
    while not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    return directory


def _observer(tell: Callable[[FileSystemEvent], None]) -> tuple[Any, Any, Any]:
    """A watchdog observer, a handler that passes everything on, and the kinds of news that matter.

    Reading a file makes news as well; were it not filtered out, our own reading would be an endless source of it.
    """
    from watchdog import events
    from watchdog.observers import Observer

    class Handler(events.FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            tell(event)

    _be_impatient()
    names = ("Created", "Deleted", "Moved")
    kinds = [getattr(events, f"{what}{name}Event") for what in ("File", "Dir") for name in names]
    kinds += [getattr(events, name) for name in ("FileModifiedEvent", "FileAttribEvent") if hasattr(events, name)]
    return Observer(), Handler(), kinds


def _be_impatient() -> None:
    """A file that is moved away is otherwise reported half a second later, when its new place has not shown up."""
    from importlib import import_module

    for module, name in (
        ("inotify_move_event_grouper", "InotifyMoveEventGrouper"),
        ("inotify_buffer", "InotifyBuffer"),  # where releases before 7 have it
    ):
        try:
            getattr(import_module(f"watchdog.observers.{module}"), name).delay = RENAME
        except ImportError:
            continue
