"""The program ``stack``: find the command, run it, and turn whatever happened into output and an exit code.

In: the arguments. Out: the exit code; 0 done, 1 failed, 2 usage or invalid file, 75 the stack is busy, 130/143
signals, and the container's own code where the command promises it. Every error of a run ends here, and only here
becomes text. Nothing is imported before it is known to be needed: most of the time of a short command would be
imports.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # importing typing for it takes longer than `stack version` does
if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.cli.table import Row
    from orchestrator.cli.wiring import Context

PIPE_CLOSED = 141  # what a shell reports for a program that SIGPIPE ended


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == [
        "compose"
    ]:  # what stands in for `docker` may pass its word on: `stack compose up` is `stack up`
        del arguments[0]
    try:
        code = _at_once(arguments)
        return _carry_out(arguments) if code is None else code
    except BrokenPipeError:
        return _pipe_closed()
    except KeyboardInterrupt:
        return 130


def _at_once(arguments: list[str]) -> int | None:
    """What needs neither a file, an engine nor a parser."""
    if arguments in (["version"], ["--version"], ["-v"]):
        from orchestrator.version import VERSION

        return _show(f"stack version {VERSION}\n")
    if not arguments or arguments in (["--help"], ["-h"], ["help"]):
        from orchestrator.cli import overview

        return _show(overview.page())
    if arguments[:1] == ["__complete"]:
        from orchestrator.cli.completion import answer

        return _show(answer.program(arguments[1:]))
    return None


def _show(text: str) -> int:
    sys.stdout.write(text)
    sys.stdout.flush()
    return 0


def _carry_out(arguments: list[str]) -> int:
    import gc

    gc.set_threshold(20_000)  # what is imported stays: looking for garbage in it again and again is time lost

    from orchestrator.cli import wiring
    from orchestrator.errors import StackError

    context = wiring.Context.of_process()
    try:
        code = _command(arguments, context)
        context.out.flush()
        return code
    except StackError as problem:
        return _report(problem, context)
    except BrokenPipeError:
        raise
    except Exception as problem:  # a defect of ours: said in words like everything else, with a traceback under --debug
        return _report(problem, context)
    finally:
        context.close()


def _command(arguments: list[str], context: Context) -> int:
    from importlib import import_module

    from orchestrator.cli import options, reader

    given: reader.Given = {}
    try:
        words = reader.before_command(arguments, options.Shared, given)
    except reader.HelpWanted:
        words = ["--help"]
    if words[:1] in (["help"], ["--help"]) or not words:
        return _help(words[1:])
    if _names_a_group_alone(words):
        return _help(words[:1])
    row, rest = _row(words)
    module = import_module(f"orchestrator.cli.commands.{row.module}")
    try:
        own = reader.after_command(row.name, rest, module.Options, options.Shared, given)
    except reader.HelpWanted:
        return _help(row.name.split())
    finally:
        context.shared = reader.filled(options.Shared, given)
    code: int = module.run(context, own)
    return code


def _help(names: list[str]) -> int:
    if not names:
        from orchestrator.cli import overview

        return _show(overview.page())
    if _names_a_group_alone(names):
        from orchestrator.cli import overview

        return _show(overview.group(names[0]))
    from importlib import import_module

    from orchestrator.cli import typed

    row, _ = _row(names)
    module = import_module(f"orchestrator.cli.commands.{row.module}")
    return _show(typed.page(row, module.Options))


def _names_a_group_alone(words: list[str]) -> bool:
    from orchestrator.cli import table

    return words[0] in table.GROUPS and words[1:] in ([], ["--help"], ["-h"], ["help"])


def _row(words: list[str]) -> tuple[Row, list[str]]:
    """The row that the words begin with, and the words behind."""
    from orchestrator.cli import table
    from orchestrator.errors import UsageError

    row, rest = table.split(words)
    if row is not None:
        return row, rest
    from difflib import get_close_matches

    name = " ".join(words[:2]) if words[0] in table.GROUPS else words[0]
    known = [*table.GROUPS, *(row.name for row in table.ROWS if not row.hidden)]
    close = get_close_matches(name, known, n=2, cutoff=0.65)
    hint = f"did you mean `stack {'` or `stack '.join(close)}`?" if close else "`stack --help` lists the commands"
    raise UsageError(f"unknown command {name!r}", hint=hint, reference="unknown-command")


def _report(problem: Exception, context: Context) -> int:
    """Show an error and say which exit code it means."""
    from orchestrator.cli.render import problems
    from orchestrator.errors import Interrupted, StackError

    if not isinstance(problem, StackError):
        defect = problems.defect(problem)
        defect.__cause__ = problem
        problem = defect
    if isinstance(problem, Interrupted):
        return 128 + problem.signal_number  # whoever interrupted knows it
    if context.shared.debug:
        import traceback

        context.say(context.masked("".join(traceback.format_exception(problem)).rstrip()))
    as_json = context.progress_mode() == "json"
    context.say(context.masked(problems.as_json(problem) if as_json else problems.as_text(problem)))
    return context.error_code or problem.exit_code


def _pipe_closed() -> int:
    """The reader of our output has gone, which is no news; keep the interpreter from complaining at its end."""
    import os

    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (BrokenPipeError, ValueError):
            os.dup2(nowhere, stream.fileno())
    return PIPE_CLOSED


if __name__ == "__main__":
    sys.exit(main())
