"""Specs that strangers wrote, read by a process that can do nothing else, so that nothing in a file takes this one down.

``canonical`` gives what ``load_canonical`` would give here, or its errors. Whatever becomes of the process (a signal, too much
memory or time, an answer that is none) is one error of the stack that names commit and file. ``stack`` builds the stack of it, from
files below the checkouts of the same repository and from nowhere else.
"""

from __future__ import annotations

import base64
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping

from orchestrator.beneath import Beneath
from orchestrator.errors import SpecError, StackError, Where
from orchestrator.gitops import containment
from orchestrator.gitops.turns import Turns
from orchestrator.model.stack import Stack
from orchestrator.records import replace
from orchestrator.spec import environment, transfer
from orchestrator.spec.limits import DEFAULTS
from orchestrator.spec.load import Canonical, LoadRequest, stack_of
from orchestrator.spec.reading import DISK, Files
from orchestrator.spec.transfer import Malformed

SECONDS = 60.0  # the whole reading may take, on a machine that has others to do
MOST_ANSWERED = 64 << 20
MOST_MEMORY = 1 << 30
MOST_PROCESSOR = 20  # seconds
LIMITS = {
    "RLIMIT_AS": MOST_MEMORY,
    "RLIMIT_CPU": MOST_PROCESSOR,
    "RLIMIT_FSIZE": 0,
    "RLIMIT_NOFILE": 256,
    "RLIMIT_CORE": 0,
    "RLIMIT_NPROC": 0,
}
CHILD = "orchestrator.gitops.child"
_START = (
    "import sys; sys.path[:] = sys.argv[4:]; __import__(sys.argv[1], fromlist=['main']).main(*map(int, sys.argv[2:4]))"
)
_turns = Turns(max(2, os.cpu_count() or 1))


class LoadFailed(SpecError):
    """A spec whose reading came to no answer."""

    reference = "spec-unreadable"


class ReadingEnded(LoadFailed):
    """Its reading was ended before it came to an answer; another time there may be one."""

    retryable = True


def told(problem: SpecError, place: str, commit: str) -> SpecError:
    """The same error for people, who know no checkouts: it names the commit that is laid out at ``place``, and paths in the
    repository, also where they lie in the checkout of an earlier commit.
    """
    checkout = re.compile(re.escape(os.path.dirname(place)) + "/[^/]+/")
    for one in (problem, *problem.others):
        one.message, one.hint = (checkout.sub("", text) for text in (one.message, one.hint))
        if one.where is not None:
            one.where = replace(one.where, file=checkout.sub("", one.where.file))
    if commit[:12] not in problem.message:
        problem.message = f"commit {commit[:12]}: {problem.message}"
    problem.args = (problem.message,)
    return problem


def files_below(place: str, lent: Iterable[str] = ()) -> Files:
    """The files of the checkout at ``place``, and those of the host that are ``lent`` to it, read here with its rights."""
    contents = {}
    for path in lent:
        if not DISK.is_file(path):
            environment.read_text(path, path)  # says what is wrong with it
        contents[path] = DISK.stored(path, DEFAULTS.file_bytes + 1)
    return Files(contents, (Beneath(place),))


def files_of(found: Canonical, place: str) -> Files:
    """The files of a model that was loaded at ``place``: there, and in the checkouts beside it where it names some."""
    return Files(within=tuple(containment.roots(found, place)))


def canonical(
    request: LoadRequest,
    *,
    place: str,
    commit: str,
    program: str | None = None,
    limits: Mapping[str, int] | None = None,
) -> Canonical:
    """The model of ``request``, whose files are those below the checkout ``place`` and what ``request.disk`` has been given.

    ``program`` is the module that reads, ``limits`` are those of its process that are not the usual ones.
    """
    disk = request.disk
    asked = {
        "request": transfer.packed_request(request),
        "contents": {path: _packed(data) for path, data in disk.given.items() if path not in disk.plain},
        "plain": {path: _packed(data) for path, data in disk.plain.items()},
        "folder": place,
        "needed": [file for file in request.files if os.path.exists(file)],
        "limits": {**LIMITS, **(limits or {})},
    }
    file = os.path.relpath(request.files[0], place) if request.files else ""
    with _turns.of(os.path.dirname(place)):
        text, code, ended = _Reading(json.dumps(asked).encode("ascii"), place, program or CHILD).answer()
    try:
        if code or ended:
            raise _failed(ended or _ended_by(code), file, commit, code or ended == _slow())
        found = transfer.canonical_of(text)
    except Malformed:
        why = _said(text)
        raise _failed(why, file, commit, why == _NO_MEMORY) from None
    except SpecError:
        raise
    except StackError as problem:  # whatever it is called, it is about this spec
        raise SpecError(problem.message, where=problem.where, hint=problem.hint, reference=problem.ref) from None
    if request.project_name and found.name != request.project_name:
        raise _failed("what was read is another stack", file, commit, False)
    return replace(found, secret_values=request.secret_values)


def hosts(files: Iterable[str], place: str) -> tuple[str, ...]:
    """The hosts that specs below ``place`` are for; () where they name none, or are invalid: their trouble is seen later.

    Raises ReadingEnded: then nobody knows.
    """
    paths = list(files)
    asked = {"contents": {}, "plain": {}, "folder": place, "needed": paths, "hosts": paths, "limits": LIMITS}
    with _turns.of(os.path.dirname(place)):
        text, code, ended = _Reading(json.dumps(asked).encode("ascii"), place, CHILD).answer()
    if code or ended == _slow():
        file = os.path.relpath(paths[0], place)
        raise ReadingEnded(f"{file} cannot be read: {ended or _ended_by(code)}", where=Where(file))
    try:
        return transfer.hosts_of(text) if not ended else ()
    except Malformed:
        return ()


def _packed(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def stack(found: Canonical, *, key: bytes, disk: Files) -> Stack:
    """The stack of a model that ``canonical`` gave; ``disk`` are its files.

    Raises Outside, with the line, for a file, a mount or a build that leads out of them.
    """
    try:
        containment.check_files(found, disk)
        made = stack_of(found, key=key, disk=disk)
        containment.check(made, disk)
    except StackError:
        raise
    except Exception as problem:
        files = found.config_files
        raise LoadFailed(
            f"the spec cannot be used ({type(problem).__name__})", where=Where(files[0] if files else "")
        ) from problem
    return made


class _Reading:
    """One run of the process that reads."""

    def __init__(self, asked: bytes, place: str, program: str) -> None:
        self._asked, self._place, self._program = asked, place, program
        self._deadline = time.monotonic() + SECONDS

    def answer(self) -> tuple[bytes, int, str]:
        """What it printed, its exit code, and why it was ended, if it was."""
        asked = os.memfd_create("asked", os.MFD_CLOEXEC)
        folder = os.open(self._place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with open(asked, "wb", closefd=False) as file:
                file.write(self._asked)
            os.lseek(asked, 0, os.SEEK_SET)
            process = self._started(asked, folder)
        except OSError as problem:  # the machine has no room for one more process
            return b"", 1, f"reading it could not begin: {problem.strerror}"
        finally:
            os.close(asked)
            os.close(folder)
        with process:
            try:
                return self._followed(process)
            finally:
                process.kill()

    def _started(self, asked: int, folder: int) -> subprocess.Popen[bytes]:
        paths = [path for path in sys.path if os.path.isabs(path)]
        words = [
            sys.executable,
            "-I",
            "-S",
            "-B",
            "-X",
            "utf8",
            "-c",
            _START,
            self._program,
            str(folder),
            str(os.getpid()),
        ]
        return subprocess.Popen(
            [*words, *paths],
            env={},
            stdin=asked,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(folder,),
            cwd="/",
            start_new_session=True,
        )

    def _followed(self, process: subprocess.Popen[bytes]) -> tuple[bytes, int, str]:
        assert process.stdout is not None
        pieces: list[bytes] = []
        total = 0
        ready = select.poll()  # ``select`` itself knows no descriptor above 1023
        ready.register(process.stdout, select.POLLIN)
        while ready.poll(max(0.0, self._deadline - time.monotonic()) * 1000):
            piece = os.read(process.stdout.fileno(), 1 << 20)
            if not piece:
                return self._ended(process, b"".join(pieces))
            total += len(piece)
            if total > MOST_ANSWERED:
                return b"", 0, f"its model is larger than {MOST_ANSWERED >> 20} MiB"
            pieces.append(piece)
        return b"", 0, _slow()

    def _ended(self, process: subprocess.Popen[bytes], text: bytes) -> tuple[bytes, int, str]:
        try:
            return text, process.wait(max(0.1, self._deadline - time.monotonic())), ""
        except subprocess.TimeoutExpired:
            return b"", 0, _slow()


def _slow() -> str:
    return f"reading it took longer than {SECONDS:.0f} s"


_NO_MEMORY = f"reading it took more than {MOST_MEMORY >> 20} MiB of memory"


def _ended_by(code: int) -> str:
    if code == -signal.SIGXCPU:
        return f"reading it took more than {MOST_PROCESSOR} s of processor time"
    if code < 0:
        try:
            return f"reading it was ended by {signal.Signals(-code).name}"
        except ValueError:
            return f"reading it was ended by signal {-code}"
    return f"reading it ended with exit code {code}"


def _said(text: bytes) -> str:
    try:
        why = json.loads(text[:1000]).get("failed")
    except (ValueError, AttributeError, RecursionError):
        why = ""
    if why == "memory":
        return _NO_MEMORY
    return "it is nested too deeply" if why == "depth" else "reading it gave no model"


def _failed(why: str, file: str, commit: str, was_ended: object = False) -> LoadFailed:
    kind = ReadingEnded if was_ended else LoadFailed
    return kind(
        f"the spec of commit {commit[:12]} cannot be read: {why}",
        where=Where(file),
        hint="what runs goes on; `stack config -f` on a copy of it may tell more",
    )
