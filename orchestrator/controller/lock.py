"""One writer per stack per engine on a host: an advisory file lock that the kernel frees when its holder dies.

The lock file lives in a directory that all users of the host share, so that root and a member of the docker group
meet on the same file. It holds the holder's pid and command for the message the loser prints; its content never
decides anything.
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue

from orchestrator.cancel import CancelToken
from orchestrator.errors import Interrupted, LockHeld, StackError

KEPT = "kept-elsewhere"
_LONGEST_NAME = 128  # a file's name has room for 255 bytes


@contextmanager
def stack_lock(
    engine_id: str,
    stack_name: str,
    *,
    wait: bool | float,
    cancel: CancelToken,
    on_wait: Callable[[str], object] = str,
) -> Iterator[None]:
    """Hold the stack's lock for the duration of the ``with`` block.

    ``wait`` False raises LockHeld at once when somebody else holds it; True calls ``on_wait`` with who does, and waits; a number of
    seconds waits for so long before it raises. Raises Interrupted when ``cancel`` is set meanwhile.
    """
    handle = _open(_path(engine_id, stack_name))
    try:
        if not _try(handle):
            holder = _holder(handle)
            if not wait:
                raise LockHeld(
                    f'stack "{stack_name}" is being changed by {holder}',
                    hint="run the command again when that one has ended, or without --no-wait to wait for it",
                )
            on_wait(f'stack "{stack_name}" is being changed by {holder}; waiting for it to end')
            if not _wait(handle, cancel, None if wait is True else wait):
                raise LockHeld(
                    f'stack "{stack_name}" is being changed by {holder}, for longer than {wait:g} s',
                    hint="ask again when that has ended",
                )
        _sign(handle)
        yield
    finally:
        os.close(handle)


class Keeping:
    """The stacks that this process keeps, as other programs of the host can see: the kernel lets go of them when it dies."""

    def __init__(self) -> None:
        self._handles: dict[str, int] = {}
        self._lock = threading.Lock()

    def hold(self, engine_id: str, stack_name: str) -> None:
        """From now on this stack is kept. Raises LockHeld where another process keeps it: two would undo each other's work."""
        path = _kept_path(engine_id, stack_name)
        with self._lock:
            if path not in self._handles:
                handle = _open(path)
                if not _try(handle):  # whoever only asks has it for a moment, and then it is tried again
                    os.close(handle)
                    raise LockHeld(f'another daemon of this host keeps the stack "{stack_name}"', reference=KEPT)
                fcntl.flock(handle, fcntl.LOCK_SH)
                self._handles[path] = handle

    def close(self) -> None:
        """Nothing is kept any more."""
        with self._lock:
            for handle in self._handles.values():
                os.close(handle)
            self._handles.clear()

    def let_go(self, stack_name: str) -> None:
        with self._lock:
            for path in [path for path in self._handles if path.endswith(f"-{stack_name}.kept")]:
                os.close(self._handles.pop(path))


def is_kept(engine_id: str, stack_name: str) -> bool:
    """Whether some daemon of this host keeps the stack at this moment."""
    handle = _open(_kept_path(engine_id, stack_name))
    try:
        return not _try(handle)
    finally:
        os.close(handle)


def _kept_path(engine_id: str, stack_name: str) -> str:
    return f"{_path(engine_id, stack_name).removesuffix('.lock')}.kept"


def _directory() -> str:
    chosen = os.environ.get("STACK_LOCK_DIR")
    for candidate in [chosen] if chosen else _usual_directories():
        try:
            os.makedirs(candidate, exist_ok=True)
            found = os.lstat(candidate)
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not chosen:
                os.chmod(candidate, 0o1777)
            if stat.S_ISDIR(found.st_mode) and os.access(candidate, os.W_OK | os.X_OK):
                return candidate
        except OSError:
            continue
    raise StackError(
        "no directory for lock files",
        reference="no-lock-directory",
        hint="make /run/lock/stack writable, or name a directory in STACK_LOCK_DIR",
    )


def _usual_directories() -> Iterator[str]:
    yield "/run/lock/stack"
    import tempfile

    yield os.path.join(tempfile.gettempdir(), "stack-locks")


def _path(engine_id: str, stack_name: str) -> str:
    from binascii import crc32

    # The id is an engine's own word, or an address: no name of a file as it is. Two engines on one host that share 24
    # characters and a checksum would wait for each other, no more.
    words = "".join(letter if letter.isalnum() else "-" for letter in engine_id[:24])
    if len(stack_name) > _LONGEST_NAME:
        stack_name = f"{stack_name[:_LONGEST_NAME]}-{crc32(stack_name.encode()):08x}"
    return os.path.join(_directory(), f"{words}-{crc32(engine_id.encode()):08x}-{stack_name}.lock")


def _open(path: str) -> int:
    previous = os.umask(0)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    except OSError as problem:
        raise StackError(
            f"cannot open the lock file {path}: {problem.strerror}",
            reference="lock-file",
            hint="remove that file if nothing uses it, or name another directory in STACK_LOCK_DIR",
        ) from problem
    finally:
        os.umask(previous)


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait(handle: int, cancel: CancelToken, seconds: float | None) -> bool:
    """Block in a thread of its own, so that a signal can end the wait; False when the time is up."""
    answers: SimpleQueue[bool] = SimpleQueue()
    # The thread outlives a cancelled wait, and the caller's handle does not: it would lock whatever got its number.
    own = os.dup(handle)

    def take() -> None:
        try:
            fcntl.flock(own, fcntl.LOCK_EX)
            answers.put(True)
        finally:
            os.close(own)

    unsubscribe = cancel.subscribe(lambda: answers.put(False))
    threading.Thread(target=take, daemon=True, name="lock").start()
    try:
        if not answers.get(timeout=seconds):
            raise Interrupted("interrupted while waiting for the stack's lock", signal_number=cancel.signal_number or 2)
    except Empty:
        return False
    finally:
        unsubscribe()
    return True


def _sign(handle: int) -> None:
    line = f"{os.getpid()} {os.path.basename(sys.argv[0] or 'stack')} {' '.join(sys.argv[1:2])}".strip()
    os.ftruncate(handle, 0)
    os.pwrite(handle, line.encode(errors="replace")[:200], 0)


def _holder(handle: int) -> str:
    text = os.pread(handle, 200, 0).decode(errors="replace")
    pid, _, command = text.partition(" ")
    return f'pid {pid} ("{command}")' if pid.isdigit() and command else "another process"
