"""Text for people and scripts: harmless on a terminal, aligned, and shortened where it must be."""

from __future__ import annotations

import io

import pytest

from orchestrator.cli import times
from orchestrator.cli.render import problems, safe, size, width
from orchestrator.cli.render.logs import LogPrinter
from orchestrator.cli.render.table import table
from orchestrator.engines.console import STDERR, Said
from orchestrator.errors import RuleViolation, SpecError, UsageError, Where


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("over\rwritten", "over\\rwritten"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\x9b2J", "\\x9b2J"),
        ("grüße 世界 🎉", "grüße 世界 🎉"),
        ("no\u00a0break", "no\u00a0break"),
    ],
)
def test_text_is_made_harmless(text: str, shown: str) -> None:
    assert shown == safe.harmless(text)


def test_log_lines_are_harmless_on_a_terminal_and_untouched_in_a_pipe() -> None:
    evil = Said("c1", b"\x1b[2Jgone\xff")
    terminal, pipe = Terminal(), io.BytesIO()
    for stream in (terminal, pipe):
        printer = LogPrinter(stream, stream)
        printer.know({"c1": "web-1"})
        printer.line(evil)
    assert "web-1  | \\x1b[2Jgone\ufffd\n".encode() == terminal.getvalue()
    assert b"web-1  | \x1b[2Jgone\xff\n" == pipe.getvalue()


def test_bars_stand_below_each_other_and_colours_go_round() -> None:
    out = io.BytesIO()
    printer = LogPrinter(out, out, colour=True)
    printer.know({"c1": "web-1", "c2": "database-1"})
    printer.line(Said("c1", b"one"))
    printer.line(Said("c2", b"two"))
    assert b"\x1b[36mweb-1       | \x1b[0mone\n\x1b[33mdatabase-1  | \x1b[0mtwo\n" == out.getvalue()


def test_lines_that_came_together_are_each_named_and_each_made_harmless() -> None:
    said = Said("c1", b"one\n\x1b[2Jtwo\n")
    terminal, pipe = Terminal(), io.BytesIO()
    for stream in (terminal, pipe):
        printer = LogPrinter(stream, stream)
        printer.know({"c1": "web-1"})
        printer.line(said)
    assert b"web-1  | one\nweb-1  | \\x1b[2Jtwo\nweb-1  | \n" == terminal.getvalue()
    assert b"web-1  | one\nweb-1  | \x1b[2Jtwo\nweb-1  | \n" == pipe.getvalue()


def test_outputs_of_containers_stay_apart() -> None:
    out, err = io.BytesIO(), io.BytesIO()
    printer = LogPrinter(out, err, prefix=False)
    printer.line(Said("c1", b"data"))
    printer.line(Said("c1", b"talk", STDERR))
    assert (b"data\n", b"talk\n") == (out.getvalue(), err.getvalue())


def test_a_very_long_line_comes_in_pieces_with_one_prefix() -> None:
    out = io.BytesIO()
    printer = LogPrinter(out, out)
    printer.know({"c1": "a"})
    printer.line(Said("c1", b"begin ", whole=False))
    printer.line(Said("c1", b"end"))
    printer.line(Said("c1", b"open", whole=False))
    printer.silent("c1")
    assert b"a  | begin end\na  | open\n" == out.getvalue()


def test_columns_are_aligned_and_cells_stay_on_their_line() -> None:
    expected = """\
NAME      STATUS
a         up
b c       \\x07down
"""
    assert expected == table(("NAME", "STATUS"), [("a", "up"), ("b\nc", "\x07down")])


def test_wide_letters_take_two_columns() -> None:
    assert 4 == width.of("世界")
    assert "世…" == width.fit("世界世界", 3)


@pytest.mark.parametrize(
    ("count", "shown"), [(0, "0B"), (999, "999B"), (1_984_232, "1.98MB"), (12_345_678_901, "12.3GB")]
)
def test_sizes_as_docker_prints_them(count: int, shown: str) -> None:
    assert shown == size.of(count)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.2, "Less than a second"), (1, "1 second"), (59, "59 seconds"), (75, "About a minute"), (7300, "2 hours")],
)
def test_ages_as_docker_prints_them(seconds: float, shown: str) -> None:
    assert shown == size.ago(seconds)


def test_an_error_says_what_where_and_what_to_do() -> None:
    problem = RuleViolation(
        "host port 8080 is taken",
        where=Where("app.yml", 12, 7, "services.web.ports[0]"),
        hint="change it",
        reference="port-taken",
    )
    expected = """\
error: port-taken
  app.yml:12:7, services.web.ports[0]: host port 8080 is taken
  hint: change it"""
    assert expected == problems.as_text(problem)


def test_further_problems_of_a_file_are_shown_up_to_a_bound() -> None:
    others = [SpecError(f"problem {number}") for number in range(2, 40)]
    text = problems.as_text(SpecError("problem 1", others=others))
    assert "problem 21\n" in text
    assert text.endswith("and 18 more")


@pytest.mark.parametrize("text", ["10m", "1h30m", "1.5s", "2026-01-02T15:04:05", "2026-01-02", "2026-01-02T15:04:05Z"])
def test_times_become_seconds(text: str) -> None:
    assert float(times.moment(text, "--since")) > 0


def test_odd_times_are_refused() -> None:
    with pytest.raises(UsageError):
        times.moment("10 minutes", "--since")


def test_a_defect_is_said_in_words() -> None:
    try:
        raise KeyError("surprise")
    except KeyError as problem:
        text = problems.as_text(problems.defect(problem))
    assert "unexpected KeyError in test_a_defect_is_said_in_words: 'surprise'" in text
    assert "Traceback" not in text
