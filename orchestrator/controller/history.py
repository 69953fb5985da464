"""The history of one stack on one engine: revisions in an SQLite file of their own, kept for a bounded while.

In: what a run was about when it begins, what became of it when it ends. Out: revisions, to look at and to go back to.
The engine stays the record of what is; losing a history loses the past and never the present. So whatever is wrong
with the file (full disk, damage, a newer format) ends in ``HistoryUnusable``, which callers say and pass over.

One file per stack: writers of different stacks never meet, and damage costs one stack's past. Beside it lies a mark from
the first change of a run to its end. A mark that is still there tells of a run that was killed (``places.was_cut_short``), which
a run that changes nothing learns at the price of a look into the folder.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from orchestrator.controller import history_file, places
from orchestrator.errors import StackError, UsageError
from orchestrator.records import dataclass, field, fields

Document = dict[str, Any]


class RunOutcome(StrEnum):
    """What became of a run. ``BEGUN``: it is under way, or it was killed and nobody has looked since."""

    BEGUN = "begun"
    APPLIED = "applied"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class HistoryUnusable(StackError):
    reference = "history"


class HistoryDamaged(HistoryUnusable):
    """What is in the file is no history, or no longer one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What a service ran: the name in the file, the image's id, and the digests under which registries know it."""

    reference: str
    id: str
    digests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One run that changed something. ``spec`` is its document (``controller.revision``), empty where not asked for.

    ``images`` are by service. ``returns_to`` is the revision that a rollback went back to. ``record`` holds who, from
    where, the steps with their outcomes, and last words; its shape is that of ``history.schema.json``.
    """

    number: int
    began: float
    ended: float | None
    outcome: RunOutcome
    command: str
    summary: str = ""
    returns_to: int | None = None
    spec_digest: str = ""
    spec: Document = field(default_factory=dict, repr=False)
    images: dict[str, Image] = field(default_factory=dict)
    record: Document = field(default_factory=dict, repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was left to run: after a `down`."""
        return not any(self.spec.get("replicas", {}).values())


@dataclass(frozen=True, slots=True)
class Retention:
    """How many revisions are kept, for how many days (0: for ever), and of how many the images are."""

    revisions: int = 50
    days: int = 0
    images: int = 10

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Retention:
        """``STACK_HISTORY_REVISIONS``, ``STACK_HISTORY_DAYS`` and ``STACK_HISTORY_IMAGES``."""
        given = {}
        for item in fields(cls):
            name = f"STACK_HISTORY_{item.name.upper()}"
            text = environment.get(name, "").strip()
            if text and not (text.isascii() and text.isdecimal()):
                raise UsageError(f"{name} is {text!r}, which is no whole number")
            if text:
                given[item.name] = int(text)
        return cls(**given)


def distinct(revisions: Iterable[Revision], most: int) -> list[Revision]:
    """The first ``most`` that differ in what they ran: a run that only mended what somebody broke is no version."""
    found: dict[object, Revision] = {}
    for revision in revisions:
        images = sorted((name, image.id) for name, image in revision.images.items())
        found.setdefault((revision.spec_digest, tuple(images)), revision)
    return list(found.values())[:most]


class History:
    """An open history. ``reading`` makes no file and mends nothing. Used by one thread."""

    def __init__(self, path: str, *, reading: bool = False) -> None:
        self.path = path
        self._database: sqlite3.Connection
        self.notice = ""  # what the user should know about the file
        if not reading:
            places.mark(path)  # first: where nothing can be written, this may be all that tells of the run
        try:
            with self._worded():
                self._database = history_file.existing(path) if reading else history_file.writable(path)
        except HistoryDamaged as problem:
            if reading:
                raise
            self._renew(problem)

    def close(self) -> None:
        try:
            if hasattr(self, "_database"):
                self._database.close()
        except sqlite3.Error:
            pass  # the last of the log goes into the file at the next opening

    def __enter__(self) -> History:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Writing

    def begin(self, *, command: str, now: float, record: Document, returns_to: int | None = None) -> int:
        """Note that a run has begun, and whereto it goes back; its number.

        Earlier runs that never ended were cut short: only one runs at a time.

        A damaged file is put aside and a new one begun, for nothing but the past is in it.
        """
        try:
            return self._begin(command, now, record, returns_to)
        except HistoryDamaged as problem:
            self._renew(problem)
            return self._begin(command, now, record, returns_to)

    def _begin(self, command: str, now: float, record: Document, returns_to: int | None) -> int:
        with self._transaction() as database:
            _cut_short(database)
            found = database.execute(
                "INSERT INTO revision (began, outcome, command, record, returns_to) VALUES (?, ?, ?, ?, ?)",
                (now, RunOutcome.BEGUN, command, _text(record), returns_to),
            )
        assert found.lastrowid is not None
        return found.lastrowid

    def settle(self) -> None:
        """Runs that never ended were cut short, and that is known now."""
        with self._transaction() as database:
            _cut_short(database)
        with self._worded():
            history_file.unlink(self.path + places.MARK)

    def end(self, revision: Revision) -> None:
        """Note what became of a run that has begun."""
        spec, digest = _text(revision.spec), ""
        if revision.spec:
            digest = hashlib.sha256(spec.encode()).hexdigest()
        with self._transaction() as database:
            if digest:
                database.execute("INSERT OR IGNORE INTO spec VALUES (?, ?)", (digest, spec))
            database.execute(
                "UPDATE revision SET ended = ?, outcome = ?, summary = ?, returns_to = ?, spec = ?, images = ?, record = ?"
                " WHERE number = ?",
                (
                    revision.ended,
                    revision.outcome,
                    revision.summary,
                    revision.returns_to,
                    digest or None,
                    _text({name: _plain(image) for name, image in revision.images.items()}),
                    _text(revision.record),
                    revision.number,
                ),
            )
        with self._worded():
            history_file.unlink(self.path + places.MARK)

    def forget(self, retention: Retention, now: float) -> None:
        """Remove what is too old or too much; never the revision that serves, and among too many those last that differ."""
        oldest = now - retention.days * 86_400 if retention.days > 0 else float("-inf")
        known = self._all("ORDER BY number DESC", whole=False)
        applied = [one for one in known if one.outcome is RunOutcome.APPLIED]
        kept = {one.number for one in (*known[: retention.revisions], *distinct(applied, retention.images))}
        serving = applied[0].number if applied else 0
        gone = [one for one in known if (one.number not in kept or one.began < oldest) and one.number != serving]
        if not gone:
            return
        with self._transaction() as database:
            database.executemany("DELETE FROM revision WHERE number = ?", [(one.number,) for one in gone])
            database.execute("DELETE FROM spec WHERE digest NOT IN (SELECT spec FROM revision WHERE spec IS NOT NULL)")

    # Reading

    def serving(self, *, whole: bool = True) -> Revision | None:
        """The revision that was applied last: as far as the history knows, what is there now.

        Where it need not be ``whole``, its spec and its record stay unread.
        """
        found = self._all("WHERE outcome = ? ORDER BY number DESC LIMIT 1", RunOutcome.APPLIED, whole=whole)
        return found[0] if found else None

    def cut_short(self) -> Revision | None:
        """The latest run, where it never ended: it is under way, or was killed."""
        found = self._all("ORDER BY number DESC LIMIT 1", whole=False)
        return found[0] if found and found[0].outcome is RunOutcome.BEGUN else None

    def get(self, number: int) -> Revision | None:
        found = self._all("WHERE number = ?", number)
        return found[0] if found else None

    def applied(self, *, whole: bool = True) -> list[Revision]:
        """Revisions that can be gone back to, the latest first."""
        return self._all("WHERE outcome = ? ORDER BY number DESC", RunOutcome.APPLIED, whole=whole)

    def all(self) -> list[Revision]:
        """Every revision, the latest first."""
        return self._all("ORDER BY number DESC")

    def _all(self, where: str, *values: object, whole: bool = True) -> list[Revision]:
        large = "document, record" if whole else "NULL, '{}'"
        with self._worded():
            rows = self._database.execute(
                "SELECT number, began, ended, outcome, command, summary, returns_to, revision.spec, images, "
                f"{large} FROM revision LEFT JOIN spec ON spec.digest = revision.spec {where}",
                values,
            ).fetchall()
            return [_revision(row) for row in rows]

    # The file

    def _renew(self, problem: HistoryDamaged) -> None:
        self.close()
        with self._worded():
            aside = history_file.put_aside(self.path)
            self.notice = f"{problem.message}; it is now {aside}, and a new one is begun"
            self._database = history_file.writable(self.path)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._worded():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextmanager
    def _worded(self) -> Iterator[None]:
        """SQLite's and the file system's trouble in our words."""
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or str(problem)
            # Subclasses tell of a disk that is full, a lock, a mistake of ours; the class itself of bytes that make no sense.
            kind = HistoryDamaged if type(problem) is sqlite3.DatabaseError else HistoryUnusable
            raise kind(
                f"the history {self.path} cannot be used: {reason}",
                hint="the stack itself is not affected; free space or make the file usable, or move it away",
            ) from problem


def _cut_short(database: sqlite3.Connection) -> None:
    """Mark runs that never ended. Whoever writes holds the stack's lock, so none of them is under way."""
    database.execute("UPDATE revision SET outcome = ? WHERE outcome = ?", (RunOutcome.INTERRUPTED, RunOutcome.BEGUN))


def _text(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), default=str)


def _plain(image: Image) -> Document:
    return {"reference": image.reference, "id": image.id, "digests": list(image.digests)}


def _revision(row: tuple[Any, ...]) -> Revision:
    number, began, ended, outcome, command, summary, returns_to, digest, images, document, record = row
    return Revision(
        number=number,
        began=began,
        ended=ended,
        outcome=RunOutcome(outcome),
        command=command,
        summary=summary,
        returns_to=returns_to,
        spec_digest=digest or "",
        spec=json.loads(document) if document else {},
        images={
            name: Image(reference=one["reference"], id=one["id"], digests=tuple(one["digests"]))
            for name, one in json.loads(images).items()
        },
        record=json.loads(record),
    )
