"""One picture of a run for a terminal of a given size: rows in, lines out, and nothing else.

When not everything fits, what is under way or has failed goes before what is finished, and a line says what is left
out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from orchestrator.cli.render import safe, size, width
from orchestrator.cli.render.board import Board, Row, Status

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
PLAIN_SPINNER = "|/-\\"
BAR = 20
ROWS_AROUND = 3  # the heading, the line about what is hidden, the cursor's own line


class Style(NamedTuple):
    """What the terminal can show."""

    colour: bool = True
    unicode: bool = True

    def paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text else text


_COLOURS = {Status.DONE: "32", Status.WORKING: "36", Status.WARNING: "33", Status.ERROR: "31"}
_MARKS = {Status.DONE: ("✔", "+"), Status.WARNING: ("!", "!"), Status.ERROR: ("✘", "x")}


def frame(board: Board, title: str, now: float, tick: int, columns: int, lines: int, style: Style) -> list[str]:
    """The lines to show while the run is on."""
    rows = list(board.rows.values())
    shown = _most_telling(rows, max(1, lines - ROWS_AROUND))
    hidden = len(rows) - len(shown)
    picture = [heading(board, title, style, columns), *_rows(shown, now, tick, columns, style)]
    if hidden:
        picture.append(style.paint("2", width.fit(f"   and {hidden} more", columns)))
    return picture


def last(board: Board, title: str, now: float, columns: int, style: Style) -> list[str]:
    """The lines that stay when the run has ended: everything."""
    if not board.rows:
        return []
    return [heading(board, title, style, columns), *_rows(list(board.rows.values()), now, 0, columns, style)]


def heading(board: Board, title: str, style: Style, columns: int) -> str:
    failed = any(row.status is Status.ERROR for row in board.rows.values())
    colour = "31" if failed else "32" if board.finished == board.total else "36"
    return style.paint(colour, width.fit(f"[+] {title} {board.finished}/{board.total}", columns))


def _most_telling(rows: Sequence[Row], room: int) -> list[Row]:
    """At most ``room`` rows in their own order: failed ones, those under way, then the latest finished."""
    if len(rows) <= room:
        return list(rows)
    urgency = {Status.ERROR: 0, Status.WORKING: 1, Status.WARNING: 2, Status.DONE: 3}
    ranked = sorted(range(len(rows)), key=lambda at: (urgency[rows[at].status], -at))
    return [rows[at] for at in sorted(ranked[:room])]


def _rows(rows: Sequence[Row], now: float, tick: int, columns: int, style: Style) -> list[str]:
    if not rows:
        return []
    names = [safe.one_line(row.id) for row in rows]
    texts = [_text(row, style) for row in rows]
    name_width = min(max(map(width.of, names)), max(10, columns // 2))
    text_width = max(map(width.of, texts))
    lines = []
    for row, name, text in zip(rows, names, texts, strict=True):
        time = size.seconds(row.elapsed(now))
        room = columns - name_width - len(time) - 6
        said = text if not row.detail else f"{width.pad(text, text_width)}  {safe.one_line(row.detail)}"
        said = width.pad(width.fit(said, max(0, room)), max(0, room))
        mark = style.paint(_COLOURS[row.status], _mark(row, tick, style))
        coloured = style.paint(_COLOURS[row.status], said)
        named = width.pad(width.fit(name, name_width), name_width)
        lines.append(f" {mark} {named}  {coloured} {style.paint('34', time)}")
    return lines


def _mark(row: Row, tick: int, style: Style) -> str:
    if row.status is Status.WORKING:
        spinner = SPINNER if style.unicode else PLAIN_SPINNER
        return spinner[tick % len(spinner)]
    return _MARKS[row.status][0 if style.unicode else 1]


def _text(row: Row, style: Style) -> str:
    current, total = row.received
    if row.ended is not None or not total:
        return row.text
    filled = min(BAR, BAR * current // total)
    full, empty = ("⣿", "⣀") if style.unicode else ("#", ".")
    parts = f" {len(row.parts)} layers" if len(row.parts) > 1 else ""
    return f"{row.text} [{full * filled}{empty * (BAR - filled)}] {size.of(current)}/{size.of(total)}{parts}"
