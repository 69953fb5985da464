"""The live display in a real pseudo-terminal, and how one picture of it is drawn."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from orchestrator.cli.render import frame
from orchestrator.cli.render.board import Board
from orchestrator.cli.render.frame import Style
from orchestrator.errors import EngineError
from orchestrator.events import PlanMade, StepEnded, StepProgress, StepStarted
from orchestrator.model.actions import ContainerRef, PullImage, StartContainer
from orchestrator.model.plan import Outcome, Plan, Step, StepResult
from tests.cli.conftest import Shell

PLAIN = Style(colour=False)


def in_terminal(shell: Shell, *args: str, columns: int = 80, lines: int = 24, **variables: str) -> tuple[int, str]:
    """Run the command in a terminal of that size; its exit code and every byte it wrote."""
    terminal, inner = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *args],
        stdin=inner,
        stdout=inner,
        stderr=inner,
        env={**shell.environment, "TERM": "xterm", **variables},
    )
    os.close(inner)
    output = b""
    try:
        while piece := os.read(terminal, 65536):
            output += piece
    except OSError:
        pass  # how a pseudo-terminal says that the other side has gone
    os.close(terminal)
    return process.wait(), output.decode()


def test_the_display_leaves_its_last_picture_and_gives_the_cursor_back(shop: Shell) -> None:
    code, output = in_terminal(shop, "up", "-d")
    assert 0 == code
    left = output.rpartition("\x1b[?2026h")[2]
    assert re.search(r"✔.*Container shop-web-1.*Started", left)
    assert "[+] up shop 5/5" in left
    assert output.endswith("\x1b[?25h")


def test_no_color_leaves_the_display_and_takes_the_colours(shop: Shell) -> None:
    _, output = in_terminal(shop, "up", "-d", NO_COLOR="1")
    assert "✔" in output
    assert not re.search(r"\x1b\[[0-9;]*m", output)


def test_never_ansi_means_plain_lines(shop: Shell) -> None:
    _, output = in_terminal(shop, "--ansi", "never", "up", "-d")
    assert " Container shop-web-1 Started\r\n" in output
    assert "\x1b" not in output


def test_what_containers_print_cannot_control_the_terminal(shop: Shell, tmp_path: Path) -> None:
    shop.write("name: shop\nservices: {a: {image: i, container_name: innocent}}")
    shop("up", "-d").ok()
    _, output = in_terminal(shop, "logs", "--no-color")
    assert "innocent  | innocent says hello\r\n" == output


def step(number: int, name: str = "") -> Step:
    return Step(id=number, action=StartContainer(container=ContainerRef(name or f"shop-web-{number}")))


def done(a_step: Step) -> StepEnded:
    return StepEnded(StepResult(step=a_step, outcome=Outcome.DONE))


def failed(a_step: Step, message: str) -> StepEnded:
    return StepEnded(StepResult(step=a_step, outcome=Outcome.FAILED, error=EngineError(message)))


def board(*events: PlanMade | StepStarted | StepProgress | StepEnded) -> Board:
    made = Board()
    for moment, event in enumerate(events):
        made.take(event, float(moment))
    return made


def test_a_picture_fits_the_terminal(shop: Shell) -> None:
    steps = [step(number, f"a-very-long-name-of-a-container-{number}") for number in range(50)]
    made = board(*[StepStarted(one) for one in steps], *[done(one) for one in steps[:20]])
    picture = frame.frame(made, "up", 99.0, 0, 40, 10, PLAIN)
    assert len(picture) <= 9
    assert max(map(len, picture)) <= 40
    assert "and 43 more" in picture[-1]


def test_what_failed_is_never_left_out(shop: Shell) -> None:
    steps = [step(number) for number in range(50)]
    made = board(*[StepStarted(one) for one in steps], failed(steps[0], "no space left"))
    assert any("no space left" in line for line in frame.frame(made, "up", 99.0, 0, 80, 10, PLAIN))


def test_a_pull_shows_bytes_over_all_layers() -> None:
    pull = Step(id=1, action=PullImage(reference="nginx"))
    made = board(
        StepStarted(pull),
        StepProgress(pull, "Downloading", "layer1", 1_500_000, 3_000_000),
        StepProgress(pull, "Downloading", "layer2", 500_000, 1_000_000),
    )
    (row,) = frame.frame(made, "pull", 3.0, 0, 80, 24, PLAIN)[1:]
    assert "2MB/4MB 2 layers" in row


def test_steps_about_one_container_share_a_row_that_ends_with_the_last() -> None:
    first, second = step(1, "web"), step(2, "web")
    plan = Plan(stack="shop", steps=(first, second))
    made = board(PlanMade(plan), StepStarted(first), done(first))
    assert (0, 1) == (made.finished, made.total)
    made.take(StepStarted(second), 9.0)
    made.take(done(second), 10.0)
    assert (1, 1) == (made.finished, made.total)


def test_names_cannot_bring_control_characters_into_a_picture() -> None:
    made = board(StepStarted(step(1, "evil\x1b[2J\x07name\u202e")))
    (row,) = frame.frame(made, "up", 1.0, 0, 80, 24, PLAIN)[1:]
    assert row.isprintable()
    assert "evil" in row


@pytest.mark.parametrize(("mode", "code"), [("tty", 0), ("plain", 0), ("json", 0), ("quiet", 0)])
def test_progress_never_disturbs_standard_output(shop: Shell, mode: str, code: int) -> None:
    said = shop("--progress", mode, "up", "-d")
    assert (code, "") == (said.code, said.out)
