"""What every step of one load shares: the limits, what was found on the way, the budgets, and how files are read.

``Context`` is made once for a load and handed down; ``Scope`` is what differs between the project's own files and those
of an include: the environment, the directory that paths start from, the chain of files that led here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from orchestrator.errors import Where
from orchestrator.records import dataclass, field
from orchestrator.spec import files, parse, remote
from orchestrator.spec.interpolate import Findings
from orchestrator.spec.limits import DEFAULTS, Limits, exceeded
from orchestrator.spec.reading import DISK, Files


@dataclass(frozen=True, slots=True)
class Source:
    """One of the user's files: its absolute path, how messages name it, and its documents."""

    path: str
    shown: str
    documents: tuple[parse.Document, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a set of files stands: ``base`` finds further files, ``directory`` is what relative paths are joined to."""

    base: str
    directory: str
    environment: Mapping[str, str]
    chain: tuple[str, ...] = ()
    resolve_paths: bool = True

    @property
    def home(self) -> str | None:
        return self.environment.get("HOME")


@dataclass(slots=True)
class Context:
    """The state of one load."""

    current_directory: str
    shown_from: str = ""  # the current directory
    limits: Limits = DEFAULTS
    interpolate: bool = True
    stdin: bytes | None = None
    fetch: remote.Fetch | None = None
    disk: Files = DISK
    findings: Findings = field(default_factory=Findings)
    bytes_read: int = 0
    includes: int = 0
    copied: int = 0
    files: dict[str, None] = field(default_factory=dict)
    environments: dict[str, Mapping[str, str]] = field(default_factory=dict)  # of the includes that services came from

    def note(self, path: str) -> None:
        """Remember a file that the result depends on, whether or not it is there."""
        if path != files.STDIN:
            self.files[os.path.normpath(os.path.join(self.current_directory, path))] = None

    def shown(self, path: str) -> str:
        """``path`` as messages name it: relative where it lies below the folder that they start from."""
        start = self.shown_from or self.current_directory
        return os.path.relpath(path, start) if path.startswith(start.rstrip("/") + "/") else path

    def read(self, path: str, where: Where | None = None) -> Source:
        """The documents of the file at ``path`` (absolute, or ``-`` for standard input)."""
        shown = "-" if path == files.STDIN else self.shown(path)
        self.note(path)
        data = self._stdin() if path == files.STDIN else self._bytes(path, shown, where)
        self.bytes_read += len(data)
        if self.bytes_read > self.limits.project_bytes:
            raise exceeded("project_bytes", self.limits.project_bytes, Where(shown))
        return Source(path, shown, tuple(parse.parse(data, shown, self.limits)))

    def _stdin(self) -> bytes:
        if self.stdin is None:
            raise files.FileMissing("standard input was not given", where=Where("-"))
        return self.stdin

    def _bytes(self, path: str, shown: str, where: Where | None) -> bytes:
        try:
            # One byte more than allowed is enough for the parser to refuse it, even of a file without end.
            return self.disk.read(path, self.limits.file_bytes + 1, where or Where(shown))
        except FileNotFoundError:
            raise files.FileMissing(
                f"{shown}: no such file or directory",
                where=where or Where(shown),
                hint=f"create {path}, or name another file",
            ) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            hint = "name the file in it" if isinstance(error, IsADirectoryError) else "check who may read it"
            raise files.FileMissing(
                f"{shown} cannot be read: {reason}", where=where or Where(shown), hint=hint
            ) from None

    def local(self, reference: str, base: str, where: Where) -> str:
        """The absolute path of a file that is named from ``base``, fetched first if it is elsewhere."""
        if not remote.is_remote(reference):
            return os.path.normpath(os.path.join(base, reference))
        if self.fetch is None:
            raise remote.not_allowed(reference, where)
        return self.fetch(reference, where)

    def account_include(self, where: Where) -> None:
        self.includes += 1
        if self.includes > self.limits.includes:
            raise exceeded("includes", self.limits.includes, where)

    def account_copy(self, nodes: int, where: Where) -> None:
        """Copies made by ``extends`` count like aliases that are written out."""
        self.copied += nodes
        if self.copied > self.limits.nodes:
            raise exceeded("nodes", self.limits.nodes, where)
