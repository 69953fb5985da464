"""Bytes both ways between a person's descriptors and a container's raw connection, in one thread with one ``poll``.

It never waits for one direction alone: a container that writes before it reads, and one that reads nothing, both go
on. Window changes and signals arrive through a pipe that the handlers write to, so that they are acted on here and not
there.
"""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from orchestrator.cancel import CancelToken
from orchestrator.engines.docker import terminal_modes
from orchestrator.engines.docker.answers import Duplex
from orchestrator.engines.docker.detach_keys import DetachKeys
from orchestrator.engines.docker.streams import STDERR, Demultiplexer, RawStream
from orchestrator.errors import Interrupted
from orchestrator.records import dataclass, replace

READ = 32 * 1024
RESIZE_RETRY_MS = 20
RESIZE_ATTEMPTS = 50
STOP = 0  # on the pipe, beside the numbers of signals

_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCONT")


@dataclass(frozen=True, slots=True)
class Wires:
    """The descriptors on our side; None for no input."""

    stdin: int | None = 0
    stdout: int = 1
    stderr: int = 2

    def without_stdin(self) -> Wires:
        return replace(self, stdin=None)


class Relay:
    """``run`` until the container's side ends (True) or the detach keys are typed (False).

    ``input_ends``: the end of our input is passed on. Where the process would not learn of it, the engine only stops
    telling what it prints.
    """

    def __init__(
        self,
        duplex: Duplex,
        wires: Wires,
        *,
        tty: bool,
        detach_keys: DetachKeys | None = None,
        resize: Callable[[int, int], bool] | None = None,
        signals: Callable[[str], None] | None = None,
        input_ends: bool = True,
        cancel: CancelToken | None = None,
    ) -> None:
        self._duplex = duplex
        self._wires = wires
        self._tty = tty
        self._keys = detach_keys
        self._resize = resize
        self._signals = signals
        self._input_ends = input_ends
        self._cancel = cancel
        self._unsubscribe: Callable[[], None] | None = None
        self._frames: Demultiplexer | RawStream = RawStream() if tty else Demultiplexer()
        self._stdin = wires.stdin
        self._unsent = b""
        self._resizes_left = 0
        self._detached = False
        self._before: dict[int, Any] = {}
        self._bell, self._hammer = os.pipe()
        os.set_blocking(self._bell, False)
        os.set_blocking(self._hammer, False)

    def __enter__(self) -> Self:
        # Handlers belong to the main thread; elsewhere (a daemon) nobody resizes a window.
        if threading.current_thread() is threading.main_thread():
            names = ["SIGWINCH"] if self._tty else []
            names += _FORWARDED if self._signals is not None else ()
            for name in names:
                number = signal.Signals[name]
                self._before[number] = signal.signal(number, self._ring)
        if self._tty:
            self._resizes_left = RESIZE_ATTEMPTS
        if self._cancel is not None:
            self._unsubscribe = self._cancel.subscribe(lambda: self._ring(STOP))
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        if self._unsubscribe is not None:
            self._unsubscribe()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._bell)
        os.close(self._hammer)

    def run(self) -> bool:
        if self._stdin is None:
            self._duplex.finish_sending()
        while not self._detached:
            self._follow_window()
            ready = self._poll()
            if self._bell in ready:
                self._answer_bell()
            if self._stdin is not None and self._stdin in ready:
                self._read_stdin()
            self._send()
            if (self._duplex.fileno() in ready or self._duplex.holds_more()) and not self._receive():
                return True
        return False

    def _poll(self) -> set[int]:
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        poll.register(self._duplex.fileno(), select.POLLIN | (select.POLLOUT if self._unsent else 0))
        if self._stdin is not None and not self._unsent:
            poll.register(self._stdin, select.POLLIN)
        timeout: int | None = None
        if self._duplex.holds_more():
            timeout = 0
        elif self._resizes_left:
            timeout = RESIZE_RETRY_MS
        return {descriptor for descriptor, _ in poll.poll(timeout)}

    def _read_stdin(self) -> None:
        assert self._stdin is not None
        try:
            data = os.read(self._stdin, READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""  # the terminal has gone away
        if not data:
            self._stdin = None
            if self._input_ends:
                self._duplex.finish_sending()
        elif self._keys is not None:
            self._unsent, self._detached = self._keys.feed(data)
        else:
            self._unsent = data

    def _send(self) -> None:
        if self._unsent:
            try:
                self._unsent = self._unsent[self._duplex.send_now(self._unsent) :]
            except ConnectionError:
                self._unsent, self._stdin = b"", None  # nobody reads any more; what was written may still come

    def _receive(self) -> bool:
        """Pass on what came; False at the end."""
        data = self._duplex.receive_now()
        if data is None:
            return True
        for piece in self._frames.feed(data):
            _write(self._wires.stderr if piece.stream == STDERR else self._wires.stdout, piece.content)
        return bool(data)

    def _follow_window(self) -> None:
        if not self._resizes_left or self._resize is None:
            self._resizes_left = 0
            return
        found = terminal_modes.size(self._wires.stdout) or terminal_modes.size(self._wires.stdin or 0)
        self._resizes_left -= 1
        if found is None or self._resize(*found):
            self._resizes_left = 0

    def _ring(self, number: int, _: FrameType | None = None) -> None:
        try:
            os.write(self._hammer, bytes([number]))
        except BlockingIOError:
            pass  # hundreds wait already

    def _answer_bell(self) -> None:
        for number in os.read(self._bell, 256):
            if number == STOP:
                raise Interrupted(
                    "left the container", signal_number=(self._cancel and self._cancel.signal_number) or 2
                )
            if number == signal.SIGWINCH:
                self._resizes_left = max(self._resizes_left, 1)
            elif self._signals is not None:
                self._signals(signal.Signals(number).name)


def _write(descriptor: int, data: bytes) -> None:
    """All of it, also where somebody has set the terminal to not block."""
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            poll.poll()
