"""The reference of all commands, made from their declarations: Markdown pages for `docs/commands/`, man pages for `man/`.

``pages`` gives every file with its content; `./scripts/docs` writes them. Nothing of a page is written by hand, so that it
cannot say anything else than the program does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module

from orchestrator.cli import options, table
from orchestrator.cli.declare import FLAG, POSITIONAL, Parameter, parameters
from orchestrator.cli.table import Row

MARKDOWN, MAN = "docs/commands", "man/man1"
GENERATED = "<!-- Made by ./scripts/docs from the declarations of the commands. -->"
SHARED = "Options of every command"


def pages() -> dict[str, str]:
    """Paths from the top of the repository, with contents."""
    found = {f"{MARKDOWN}/README.md": _index(), f"{MAN}/stack.1": _man_index()}
    for row in _rows():
        declaration = _declaration(row)
        found[f"{MARKDOWN}/{_file(row)}.md"] = _markdown(row, declaration)
        found[f"{MAN}/stack-{_file(row)}.1"] = _man(row, declaration)
    return found


def _rows() -> Iterator[Row]:
    return (row for row in table.ROWS if not row.hidden)


def _declaration(row: Row) -> type:
    declaration: type = import_module(f"orchestrator.cli.commands.{row.module}").Options
    return declaration


def _file(row: Row) -> str:
    return row.name.replace(" ", "-")


def _shown(declaration: type) -> list[Parameter]:
    return [known for known in parameters(declaration) if not (known.hidden or known.later)]


def _synopsis(row: Row, declaration: type) -> str:
    known = _shown(declaration)
    words = ["stack", row.name, *(["[OPTIONS]"] if any(one.names for one in known) else [])]
    return " ".join([*words, *(one.metavar for one in known if one.kind == POSITIONAL)])


def _spelled(known: Parameter) -> str:
    names = ", ".join(known.names)
    return names if known.kind == FLAG else f"{names} {known.metavar or 'VALUE'}"


def _meaning(known: Parameter) -> str:
    """The help, with what the declaration knows beside it."""
    parts = [known.help.rstrip(".") + "." if known.help else ""]
    if known.kind == FLAG and known.default is True:
        parts.append(f"On unless {known.names[-1]}=false is given.")
    elif known.default not in (None, "", (), False) and known.kind != FLAG:
        parts.append(f"Default: {known.default}.")
    if known.many:
        parts.append("May be given several times.")
    return " ".join(part for part in parts if part)


# Markdown


def _index() -> str:
    alone = [row for row in _rows() if " " not in row.name]
    lines = [GENERATED, "", "# Commands", "", *_listed(alone)]
    for group, about in table.GROUPS.items():
        lines += ["", f"## stack {group}", "", f"{about}.", "", *_listed(table.of_group(group))]
    lines += ["", f"## {SHARED}", "", "They may stand before and after the command.", ""]
    return "\n".join([*lines, *_options_table(_shown(options.Shared))]) + "\n"


def _listed(rows: Iterable[Row]) -> list[str]:
    return [
        "| command | |",
        "|---|---|",
        *(f"| [`stack {row.name}`]({_file(row)}.md) | {_cell(row.summary)} |" for row in rows),
    ]


def _markdown(row: Row, declaration: type) -> str:
    known = _shown(declaration)
    arguments = [one for one in known if one.kind == POSITIONAL and one.help]
    named = [one for one in known if one.names]
    lines = [GENERATED, "", f"# stack {row.name}", "", f"{row.summary}.", "", "```console"]
    lines += [f"$ {_synopsis(row, declaration)}", "```"]
    if arguments:
        lines += ["", "| argument | |", "|---|---|"]
        lines += [f"| `{_cell(one.metavar)}` | {_cell(one.help)} |" for one in arguments]
    if named:
        lines += ["", *_options_table(named)]
    return (
        "\n".join([*lines, "", f"[{SHARED}](README.md#{SHARED.lower().replace(' ', '-')}) are understood too."]) + "\n"
    )


def _options_table(known: Iterable[Parameter]) -> list[str]:
    rows = (f"| `{_cell(_spelled(one))}` | {_cell(_meaning(one))} |" for one in known)
    return ["| option | |", "|---|---|", *rows]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


# Man pages


def _man_index() -> str:
    lines = [
        _heading("stack"),
        ".SH NAME",
        r"stack \- run your Compose files, with a plan you can read",
        ".SH SYNOPSIS",
    ]
    lines += [r"\fBstack\fR [OPTIONS] COMMAND", ".SH DESCRIPTION"]
    lines.append(_roff("Takes Compose files as they are. Every command has a page of its own: stack-up(1) and so on."))
    lines.append(".SH COMMANDS")
    for row in _rows():
        lines += [".TP", rf"\fB{_roff(f'stack {row.name}')}\fR", _roff(f"{row.summary}.")]
    lines += [
        ".SH OPTIONS",
        _roff("They may stand before and after the command."),
        *_man_options(_shown(options.Shared)),
    ]
    lines += [".SH EXIT STATUS", *_exit_codes()]
    return "\n".join(lines) + "\n"


def _exit_codes() -> list[str]:
    codes = (
        ("0", "Done."),
        ("1", "Failed."),
        ("2", "The command line or the file is wrong."),
        ("75", "Another run holds the stack."),
        ("130, 143", "Ended by a signal."),
    )
    return [line for code, meaning in codes for line in (".TP", code, meaning)]


def _man(row: Row, declaration: type) -> str:
    known = _shown(declaration)
    name = f"stack-{_file(row)}"
    lines = [_heading(name), ".SH NAME", rf"{_roff(name)} \- {_roff(row.summary)}", ".SH SYNOPSIS"]
    lines += [_roff(_synopsis(row, declaration)), ".SH DESCRIPTION", _roff(f"{row.summary}.")]
    arguments = [one for one in known if one.kind == POSITIONAL and one.help]
    if arguments:
        lines.append(".SH ARGUMENTS")
        for one in arguments:
            lines += [".TP", rf"\fB{_roff(one.metavar)}\fR", _roff(one.help)]
    named = [one for one in known if one.names]
    if named:
        lines += [".SH OPTIONS", *_man_options(named)]
    lines += [".SH SEE ALSO", _roff("stack(1), for the options that every command understands and the exit status")]
    return "\n".join(lines) + "\n"


def _heading(name: str) -> str:
    return (
        f'.\\" Made by ./scripts/docs from the declarations of the commands.\n.TH {name.upper()} 1 "" "stack" "stack"'
    )


def _man_options(known: Iterable[Parameter]) -> Iterator[str]:
    for one in known:
        yield ".TP"
        yield rf"\fB{_roff(_spelled(one))}\fR"
        yield _roff(_meaning(one))


def _roff(text: str) -> str:
    """Text that no formatter takes for a request or for its own signs."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{escaped}" if escaped.startswith((".", "'")) else escaped
