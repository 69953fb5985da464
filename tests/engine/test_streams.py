"""Logs, events and sessions of real containers: nothing lost, nothing mixed, and an end where there is one."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import termios
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.cancel import CancelToken
from orchestrator.engines.console import Execution
from orchestrator.engines.docker import changes, logs, session
from orchestrator.engines.docker.client import Client
from orchestrator.errors import EngineError, Interrupted, NotFound
from orchestrator.records import replace
from scripts.machine import engine as private_engines
from tests.conftest import EngineMaker
from tests.support.engines import Engine
from tests.support.projects import unique_name
from tests.support.waiting import eventually

Run = Callable[..., str]


@pytest.fixture
def client(each_engine: Engine) -> Iterator[Client]:
    with Client.from_environment({"HOME": "/nonexistent", "DOCKER_HOST": each_engine.address}) as made:
        yield made


@pytest.fixture
def run(client: Client) -> Iterator[Run]:
    """Makes containers with a shell script as their command; removes them afterwards."""
    made: list[str] = []

    def make(script: str, *, start: bool = True, **fields: object) -> str:
        body = {"Image": "busybox:stable", "Cmd": ["sh", "-c", script], "StopSignal": "SIGKILL", **fields}
        identifier = str(client.post_json("/containers/create", {"name": unique_name("streams")}, body)["Id"])
        made.append(identifier)
        if start:
            client.post_json(f"/containers/{identifier}/start")
        return identifier

    yield make
    for identifier in made:
        try:
            client.delete(f"/containers/{identifier}", {"force": True, "v": True})
        except NotFound:
            pass  # the engine was asked to remove it by itself


def test_logs_of_many_containers_come_whole_and_end(client: Client, run: Run) -> None:
    identifiers = [run(f"for i in 1 2 3; do echo {number}-$i; done; echo e{number} >&2") for number in range(5)]

    items = _followed(client, *identifiers)

    for number, identifier in enumerate(identifiers):
        mine = [item for item in items if isinstance(item, logs.LogLine) and item.container == identifier]
        assert [f"{number}-{i}".encode() for i in (1, 2, 3)] == [line.content for line in mine if not line.error]
        assert [f"e{number}".encode()] == [line.content for line in mine if line.error]
    assert set(identifiers) == {item.container for item in items if isinstance(item, logs.LogEnd)}


def test_a_line_of_a_megabyte_comes_in_parts(client: Client, run: Run) -> None:
    identifier = run("head -c 1000000 /dev/zero | tr '\\0' x; echo; echo after")

    lines = [item for item in _followed(client, identifier) if isinstance(item, logs.LogLine)]

    assert b"after" == lines[-1].content
    assert 1_000_000 == sum(len(line.content) for line in lines[:-1])
    assert all(len(line.content) <= 65536 for line in lines)


def _followed(client: Client, *identifiers: str) -> list[logs.LogLine | logs.LogEnd]:
    with logs.LogFollower(client) as follower:
        for identifier in identifiers:
            follower.add(logs.LogRequest(identifier))
        follower.finish_adding()
        return [line for item in follower for line in _apart(item)]


def _apart(item: logs.LogLine | logs.LogEnd) -> list[logs.LogLine | logs.LogEnd]:
    """Lines that came together, one by one."""
    if isinstance(item, logs.LogEnd):
        return [item]
    return [replace(item, content=content) for content in item.content.split(b"\n")]


def test_a_container_can_join_while_logs_are_read_and_closing_ends_it(client: Client, run: Run) -> None:
    follower = logs.LogFollower(client)
    seen: list[bytes] = []

    def read() -> None:
        seen.extend(item.content for item in follower if isinstance(item, logs.LogLine))

    reader = threading.Thread(target=read)
    reader.start()
    follower.add(logs.LogRequest(run("echo joined; sleep 1000")))
    eventually(lambda: b"joined" in seen)
    follower.close()
    reader.join(timeout=5)

    assert not reader.is_alive()


def test_a_log_that_cannot_be_read_is_refused_with_words(client: Client, run: Run) -> None:
    identifier = run("true", HostConfig={"LogConfig": {"Type": "none"}})

    with pytest.raises(EngineError, match="does not support reading"):
        _followed(client, identifier)


def test_a_wait_ends_with_the_event_and_not_with_the_next_look(client: Client, run: Run) -> None:
    """The slow relist beside the events is set so slow that only the event can end this."""
    identifier = run("sleep 0.3; exit 7")

    def exit_code() -> int | None:
        state = client.get_json(f"/containers/{identifier}/json")["State"]
        return int(state["ExitCode"]) if state["Status"] == "exited" else None

    with changes.subscribe(client, {"container": [identifier]}) as subscription:
        found = changes.wait_until(
            subscription, exit_code, lambda event: event.action == "die", timeout=60, relist=1000
        )

    assert 7 == found


def test_a_wait_is_over_when_its_time_is_or_when_it_is_cancelled(client: Client) -> None:
    with changes.subscribe(client, {"type": ["plugin"]}) as subscription:
        assert changes.wait_until(subscription, lambda: None, lambda _: True, timeout=0.05) is None
        cancel = CancelToken()
        threading.Timer(0.05, cancel.set).start()
        assert changes.wait_until(subscription, lambda: None, lambda _: True, timeout=60, cancel=cancel) is None


def test_an_engines_restart_is_a_gap_and_events_go_on(private_engine: EngineMaker) -> None:
    engine = private_engine()
    private = private_engines.Private.called(Path(engine.socket).parent.name.removeprefix("stack-"), isolated=True)
    environment = {"HOME": "/nonexistent", "DOCKER_HOST": engine.address}
    heard: list[object] = []
    with Client.from_environment(environment) as client, changes.subscribe(client) as subscription:
        subscription.listen(heard.append)
        os.kill(int(private.pidfile.read_text()), signal.SIGTERM)
        eventually(lambda: not private.pidfile.exists())
        private_engines.start(private)
        eventually(lambda: any(isinstance(what, changes.Gap) for what in heard))
        client.post_json("/volumes/create", None, {"Name": "after"})
        eventually(lambda: any(isinstance(what, changes.EngineEvent) and what.id == "after" for what in heard))


class Piped:
    """The three descriptors of a session as files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in ("in", "out", "err"):
            (folder / name).touch()
        self._files = [os.open(folder / name, os.O_RDWR) for name in ("in", "out", "err")]
        self.wires = session.Wires(*self._files)

    def typed(self, content: bytes) -> session.Wires:
        (self._folder / "in").write_bytes(content)
        return self.wires

    def said(self) -> tuple[bytes, bytes]:
        return (self._folder / "out").read_bytes(), (self._folder / "err").read_bytes()

    def close(self) -> None:
        for descriptor in self._files:
            os.close(descriptor)


@pytest.fixture
def pipes(tmp_path: Path) -> Iterator[Piped]:
    made = Piped(tmp_path)
    yield made
    made.close()


def test_a_command_has_its_input_outputs_and_exit_code(client: Client, run: Run, pipes: Piped) -> None:
    wish = Execution(container=run("sleep 1000"), command=("sh", "-c", "wc -c; echo oops >&2; exit 42"))

    assert 42 == session.execute(client, wish, wires=pipes.typed(b"some input"))
    assert (b"10\n", b"oops\n") == pipes.said()


def test_a_command_that_writes_all_it_reads_does_not_come_to_a_stop(client: Client, run: Run, pipes: Piped) -> None:
    data = os.urandom(3_000_000)

    assert 0 == session.execute(
        client, Execution(container=run("sleep 1000"), command=("cat",)), wires=pipes.typed(data)
    )
    assert data == pipes.said()[0]


def test_a_command_is_left_when_cancelled(client: Client, run: Run, pipes: Piped) -> None:
    cancel = CancelToken()
    threading.Timer(0.2, cancel.set, args=(signal.SIGTERM,)).start()
    wish = Execution(container=run("sleep 1000"), command=("sleep", "1000"))

    with pytest.raises(Interrupted) as caught:
        session.execute(client, wish, wires=pipes.wires, cancel=cancel)

    assert signal.SIGTERM == caught.value.signal_number


class Terminal:
    """A pseudo terminal and a person who reads it and types."""

    def __init__(self) -> None:
        self._person, self.descriptor = pty.openpty()
        self._seen = b""

    def reads(self, text: bytes) -> None:
        while text not in self._seen:
            self._seen += os.read(self._person, 4096)
        self._seen = self._seen.split(text, 1)[1]

    def types(self, text: bytes) -> None:
        os.write(self._person, text)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def wires(self) -> session.Wires:
        return session.Wires(self.descriptor, self.descriptor, self.descriptor)

    def close(self) -> None:
        os.close(self._person)
        os.close(self.descriptor)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    made = Terminal()
    yield made
    made.close()


def test_a_shell_on_a_terminal_knows_its_size_takes_keys_and_leaves_the_terminal_as_it_was(
    client: Client, run: Run, terminal: Terminal
) -> None:
    terminal.resize(33, 77)
    before = termios.tcgetattr(terminal.descriptor)

    def person() -> None:
        terminal.reads(b"# ")
        terminal.types(b"until stty size | grep '33 77'; do :; done\r")
        terminal.reads(b"\n33 77")
        terminal.resize(20, 50)
        os.kill(os.getpid(), signal.SIGWINCH)
        terminal.types(b"until stty size | grep '20 50'; do :; done; sh -c 'echo re\\ady; exec sleep 1000'\r")
        terminal.reads(b"ready\r\n")
        terminal.types(b"\x03")
        terminal.reads(b"# ")
        terminal.types(b"exit 9\r")

    typing = threading.Thread(target=person, daemon=True)
    typing.start()
    wish = Execution(container=run("sleep 1000"), command=("sh",), tty=True)

    assert 9 == session.execute(client, wish, wires=terminal.wires)
    typing.join()
    assert before == termios.tcgetattr(terminal.descriptor)


def test_the_detach_keys_leave_a_container_running(client: Client, run: Run, terminal: Terminal) -> None:
    identifier = run("echo here; cat", start=False, Tty=True, OpenStdin=True)

    def person() -> None:
        terminal.reads(b"here")
        terminal.types(b"\x10\x11")

    threading.Thread(target=person, daemon=True).start()
    left = session.attach(
        client,
        identifier,
        tty=True,
        wires=terminal.wires,
        start=lambda: client.post_json(f"/containers/{identifier}/start"),
        until="next-exit",
    )

    assert left is None
    assert client.get_json(f"/containers/{identifier}/json")["State"]["Running"]


@pytest.mark.parametrize(("until", "removed"), [("next-exit", False), ("removed", True)])
def test_attaching_before_the_start_misses_nothing_and_ends_with_the_exit_code(
    client: Client, run: Run, pipes: Piped, until: str, removed: bool
) -> None:
    identifier = run(
        "echo first; cat; exit 5",
        start=False,
        OpenStdin=True,
        StdinOnce=True,
        HostConfig={"AutoRemove": removed},
    )

    code = session.attach(
        client,
        identifier,
        tty=False,
        wires=pipes.typed(b"typed\n"),
        start=lambda: client.post_json(f"/containers/{identifier}/start"),
        until=until,
    )

    assert 5 == code
    assert b"first\ntyped\n" == pipes.said()[0]
