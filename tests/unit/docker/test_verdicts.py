"""What one reading of a container means for a wait, whose port it was, and how a failure is told."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engines.docker import evidence, ports
from orchestrator.engines.docker.clock import unix_seconds
from orchestrator.engines.docker.mounted import replaced_files
from orchestrator.engines.docker.parallel import together
from orchestrator.engines.docker.waits import Done, Failed, Verdict, Waiting, judge
from orchestrator.model.actions import AwaitContainer, ContainerRef, WaitFor

STARTED = "2026-11-23T19:33:49.500000000Z"
CHECK = {"Test": ["CMD", "true"], "Retries": 2}


def container(status: str, *, check: bool = False, health: str = "", streak: int = 0, **state: Any) -> dict[str, Any]:
    about = {"Status": status, "Running": status in ("running", "paused"), "StartedAt": STARTED, **state}
    if health:
        about["Health"] = {"Status": health, "FailingStreak": streak}
    return {"State": about, "Config": {"Healthcheck": CHECK} if check else {}}


def verdict(condition: WaitFor, raw: dict[str, Any], *, restarts: int = 0, after: float = 100.0) -> Verdict:
    action = AwaitContainer(container=ContainerRef("x"), condition=condition, monitor_ns=5 * 10**9)
    return judge(raw, action, restarts, unix_seconds(STARTED) + after)


ALL = list(WaitFor)


@pytest.mark.parametrize("condition", ALL)
def test_an_exit_with_an_error_ends_every_wait(condition: WaitFor) -> None:
    found = verdict(condition, container("exited", check=True, ExitCode=3))

    assert isinstance(found, Failed)
    assert "code 3" in found.why


@pytest.mark.parametrize("condition", [c for c in ALL if c is not WaitFor.HEALTHY])
def test_a_good_end_meets_every_condition_but_health(condition: WaitFor) -> None:
    assert verdict(condition, container("exited", check=True, ExitCode=0)) == Done()
    assert isinstance(verdict(WaitFor.HEALTHY, container("exited", check=True, ExitCode=0)), Failed)


@pytest.mark.parametrize("condition", ALL)
def test_a_container_that_is_not_started_yet_is_waited_for(condition: WaitFor) -> None:
    assert isinstance(verdict(condition, container("created", check=True)), Waiting)


@pytest.mark.parametrize(
    ("condition", "raw", "expected"),
    [
        (WaitFor.STARTED, container("running"), Done()),
        (WaitFor.STARTED, container("paused"), Done()),
        (WaitFor.COMPLETED, container("running"), Waiting()),
        (WaitFor.HEALTHY, container("running", check=True, health="starting"), Waiting()),
        (WaitFor.HEALTHY, container("running", check=True, health="healthy"), Done()),
        (WaitFor.READY, container("running", check=True, health="healthy"), Done()),
        (WaitFor.HEALTHY, container("running", check=True, health="unhealthy", streak=2), Failed("is unhealthy")),
        # The engine calls a container unhealthy when it ends it: its checks had nothing to do with that.
        (WaitFor.HEALTHY, container("running", check=True, health="unhealthy", streak=0), Waiting()),
        (WaitFor.HEALTHY, container("restarting", check=True, health="unhealthy", streak=2), Waiting()),
        # What ended says more than what it lacks.
        (WaitFor.HEALTHY, container("exited", ExitCode=1), Failed("exited with code 1")),
        (WaitFor.HEALTHY, container("running"), Failed("has no health check, so it can never be healthy")),
        (WaitFor.STABLE, container("removing"), Failed("is being removed")),
    ],
)
def test_verdicts(condition: WaitFor, raw: dict[str, Any], expected: Verdict) -> None:
    assert verdict(condition, raw) == expected


def test_stability_is_counted_from_the_start() -> None:
    assert verdict(WaitFor.STABLE, container("running"), after=5.0) == Done()
    assert verdict(WaitFor.READY, container("running"), after=2.0) == Waiting(pytest.approx(3.0, abs=1e-3))
    # A clock behind the engine's must not make it negative.
    assert verdict(WaitFor.STABLE, container("running"), after=-60.0) == Waiting(5.0)


def test_restarts_end_stability_at_once_and_health_in_the_end() -> None:
    assert isinstance(verdict(WaitFor.STABLE, container("running"), restarts=1), Failed)
    assert isinstance(
        verdict(WaitFor.HEALTHY, container("running", check=True, health="starting"), restarts=2), Waiting
    )
    assert isinstance(verdict(WaitFor.HEALTHY, container("running", check=True, health="starting"), restarts=3), Failed)


@pytest.mark.parametrize(
    ("message", "port"),
    [
        ("driver failed programming connectivity (abc0): Bind for 0.0.0.0:8080 failed: port is already allocated",
         "8080/tcp"),
        ("Error starting userland proxy: listen tcp4 0.0.0.0:80: bind: address already in use", "80/tcp"),
        ("(abc0): failed to bind host port for 0.0.0.0:5353:172.17.0.2:53/udp: address already in use", "5353/udp"),
        ("failed to bind host port 127.0.0.1:443/tcp: address already in use", "443/tcp"),
        ("Bind for :::8080 failed: port is already allocated", "8080/tcp"),
        ("failed to bind host port [::]:8080/tcp: address already in use", "8080/tcp"),
        ("ports are not available", ""),
        ("no such image: x:80", None),
    ],
)  # fmt: skip
def test_the_port_in_an_engines_complaint(message: str, port: str | None) -> None:
    assert ports.taken(message) == port


def test_an_ending_in_words() -> None:
    raw = {"State": {"ExitCode": 137, "OOMKilled": True}, "HostConfig": {"Memory": 64 * 2**20}}

    assert evidence.ending(raw) == "exited with code 137 (SIGKILL; out of memory, the limit is 64 MiB)"
    assert evidence.ending({"State": {"ExitCode": 3}}) == "exited with code 3"


def test_output_that_would_move_the_cursor_is_shown_as_text() -> None:
    said = evidence.lines(b"one\n\x1b[2Jtwo\x07\xff\n" + b"x" * 1000)

    assert said[:2] == ["one", "[2Jtwo\N{REPLACEMENT CHARACTER}"]
    assert len(said[2]) == evidence.LONGEST


def test_reads_at_once_keep_their_order_and_tell_the_first_problem() -> None:
    assert together([lambda number=number: number for number in range(50)]) == list(range(50))
    assert together([]) == []

    def fail() -> int:
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        together([lambda: 1, fail, lambda: 2])


def process(root: Path, container_id: str, point: str, content: Path) -> Path:
    """What the kernel shows of a container's process: its control group, its mounts, its root."""
    folder = root / "42"
    (folder / "root").mkdir(parents=True)
    (folder / "cgroup").write_text(f"0::/docker/{container_id}\n")
    (folder / "mountinfo").write_text(f"1 2 0:1 /some {point} rw - ext4 /dev/x rw\n")
    os.link(content, folder / "root" / point.lstrip("/"))
    return root


@pytest.mark.parametrize("replaced", [False, True])
def test_a_mounted_file_is_compared_by_what_it_is(tmp_path: Path, replaced: bool) -> None:
    file = tmp_path / "app.ini"
    file.write_text("1")
    proc = process(tmp_path / "proc", "abc", "/app.ini", file)
    if replaced:
        file.unlink()
        file.write_text("1")
    raw = {
        "Id": "abc",
        "State": {"Pid": 42},
        "Mounts": [{"Type": "bind", "Source": str(file), "Destination": "/app.ini"}],
    }

    assert replaced_files(raw, str(proc)) == (("/app.ini",) if replaced else ())
    assert replaced_files({**raw, "Id": "another"}, str(proc)) == ()
    assert replaced_files({**raw, "State": {"Pid": 0}}, str(proc)) == ()
