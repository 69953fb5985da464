"""A command in a container on the caller's own terminal or pipes: bytes in, bytes out, window size, exit code.

With a terminal, ours is put into raw mode for as long as the command runs, so that every key (Ctrl-C too) is the
command's. Without one, standard output and error stay apart.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.engines.console import Execution
from orchestrator.engines.docker.client import Client, Duplex
from orchestrator.engines.docker.streams import STDERR, Demultiplexer, RawStream
from orchestrator.errors import EngineError

CHUNK = 64 * 1024


def execute(client: Client, wish: Execution) -> int:
    """Run the command; its exit code, or 0 at once where it is to go on by itself."""
    made = client.post_json(f"/containers/{wish.container}/exec", body=_config(wish))
    start = {"Detach": wish.detach, "Tty": wish.tty}
    if wish.detach:
        client.post_json(f"/exec/{made['Id']}/start", body=start)
        return 0
    with client.hijack(f"/exec/{made['Id']}/start", body=start) as connection:
        if wish.tty:
            with _raw_terminal(), _window_size(client, made["Id"]):
                _exchange(connection, wish)
        else:
            _exchange(connection, wish)
    code = client.get_json(f"/exec/{made['Id']}/json").get("ExitCode")
    return 0 if code is None else int(code)


def _config(wish: Execution) -> dict[str, object]:
    return {
        "AttachStdin": wish.stdin,
        "AttachStdout": not wish.detach,
        "AttachStderr": not wish.detach,
        "Cmd": list(wish.command),
        "Env": list(wish.environment),
        "Privileged": wish.privileged,
        "Tty": wish.tty,
        "User": wish.user,
        "WorkingDir": wish.working_dir,
    }


def _exchange(connection: Duplex, wish: Execution) -> None:
    """Pass on our input in a thread of its own and the command's output here, until that ends."""
    if wish.stdin:
        threading.Thread(target=_send_input, args=(connection,), daemon=True, name="stdin").start()
    frames: Demultiplexer | RawStream = RawStream() if wish.tty else Demultiplexer()
    while data := connection.receive():
        for piece in frames.feed(data):
            _write(2 if piece.stream == STDERR else 1, piece.content)


def _send_input(connection: Duplex) -> None:
    try:
        while data := os.read(sys.stdin.fileno(), CHUNK):
            connection.send(data)
        connection.finish_sending()
    except (OSError, ValueError, EngineError):
        return  # the command ended first, or there is no input


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


@contextmanager
def _raw_terminal() -> Iterator[None]:
    """Our terminal in raw mode, and back."""
    descriptor = sys.stdin.fileno()
    if not os.isatty(descriptor):
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


@contextmanager
def _window_size(client: Client, execution: str) -> Iterator[None]:
    """Tell the command how large our window is, now and whenever that changes."""
    import signal

    def tell(*_: object) -> None:
        try:
            size = os.get_terminal_size(sys.stdout.fileno())
            client.post_json(f"/exec/{execution}/resize", {"h": size.lines, "w": size.columns})
        except (OSError, EngineError):
            pass  # it has ended, or we have no window

    former = signal.signal(signal.SIGWINCH, tell)
    tell()
    try:
        yield
    finally:
        signal.signal(signal.SIGWINCH, former)
