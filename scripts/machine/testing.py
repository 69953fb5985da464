"""The README's second command, and what CI runs: the linters and every test, on real engines.

It brings what the tests need (environment, packages, the main engine, a newer one), runs each check, and ends what it
started whatever happens. Every check runs even if one before it failed; the exit code is pytest's own, or 1 when
another check failed. pytest comes last, so that its closing line is the last thing said.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType

from . import control, found, images, newer, packages, venv
from . import engine as engines
from .commands import ROOT, Problem, say
from .engine_api import EngineApi, EngineRefused

CHECKS = {
    "ruff": ("ruff", "check", "."),
    "format": ("ruff", "format", "--check", "."),
    "mypy": ("mypy",),
    "layers": ("lint-imports", "--no-cache"),
}
FAILED = 1  # pytest's code for "some tests failed"
HANGING = 124  # timeout(1)'s code
# Tests on engines mostly wait; more workers than processors keep both busy.
WORKERS = str(2 * (os.cpu_count() or 1))
# A run that hangs says so, and what it hangs in, while somebody still waits for it. --long has no limit.
LIMIT = 60 * 60.0
GRACE = 60.0  # seconds that pytest has to tidy up when it is ended


def main(words: Sequence[str]) -> int:
    options, rest = _parser().parse_known_args(words)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever began us in the background had it ignored
    try:
        venv.ensure("dev")
        failed = [] if options.only_tests else _failed_checks()
        code = 0 if options.only_checks else _tests(options, rest)
    except Problem as problem:
        say(f"error: {problem}")
        return 1
    except KeyboardInterrupt:
        return 130
    if failed:
        say(f"error: failed: {', '.join(failed)}")
    return code or (1 if failed else 0)


def _failed_checks() -> list[str]:
    failed = []
    for name, (program, *words) in CHECKS.items():
        say(f"$ {program} {' '.join(words)}")
        if _run([venv.program(program), *words], dict(os.environ)) != 0:
            say(f"error: {name} failed")
            failed.append(name)
    return failed


def _tests(options: argparse.Namespace, rest: list[str]) -> int:
    packages.have({**packages.ENGINE, **packages.REGISTRY, **packages.BROWSER, **packages.CLOCK})
    words = [venv.program("python"), "-m", "pytest", "-n", options.workers, "--dist", "worksteal"]
    if options.long:
        words += ["-m", "long or not long"]
    with _engines() as environment:
        say(f"$ pytest {' '.join([*words[3:], *rest])}")
        code = _run([*words, *rest], environment, limited=not options.long)
    if code != FAILED or options.no_retry:
        return code
    with _engines() as environment:  # new ones: an engine that has locked itself up fails every test after that
        return _again(environment, rest)


@contextmanager
def _engines() -> Iterator[dict[str, str]]:
    with ExitStack() as ground:
        yield {**os.environ, **ground.enter_context(_main_engine()), **ground.enter_context(_newer_engine())}


def _again(environment: dict[str, str], rest: list[str]) -> int:
    """What failed beside others, once more and one at a time: a busy machine is no fault of the program, and is named.

    A test that fails alone as well has failed.
    """
    say("these failed while the machine was busy; they have to pass alone:")
    words = [
        venv.program("python"),
        "-m",
        "pytest",
        "--last-failed",
        "--last-failed-no-failures",
        "none",
        "-m",
        "long or not long",
    ]
    return _run([*words, *rest], environment)


@contextmanager
def _main_engine() -> Iterator[dict[str, str]]:
    """The machine's own engine, or a private one in the host's network namespace."""
    if given := os.environ.get("STACK_TEST_ENGINE"):
        yield {"STACK_TEST_ENGINE": given}
        return
    own = found.find()
    if own is not None and own.is_local:
        say(f"testing on the engine at {own.address} ({own.source})")
        with _borrowed_busybox(EngineApi(own.address)):
            yield {"STACK_TEST_ENGINE": own.address}
        return
    with _private(engines.Private.called(f"test-{os.getpid()}")) as running:
        yield {"STACK_TEST_ENGINE": running.address}


@contextmanager
def _newer_engine() -> Iterator[dict[str, str]]:
    """A newer engine with compose and buildx, in its own network namespace."""
    if os.environ.get("STACK_TEST_NEWER_ENGINE"):
        yield {}
        return
    programs = newer.unpack(control.NEWER)
    private = engines.Private.called(f"newer-{os.getpid()}", programs=programs, isolated=True)
    with _private(private) as running:
        yield {
            "STACK_TEST_NEWER_ENGINE": running.address,
            "STACK_TEST_NEWER_HOST": running.host,
            "STACK_TEST_NEWER_PROGRAMS": str(programs),
        }


@contextmanager
def _private(private: engines.Private) -> Iterator[control.Running]:
    try:
        running = control.start(private)
        say(f"started a private engine at {running.address}")
        yield running
    finally:
        control.stop(private, remove=True)


@contextmanager
def _borrowed_busybox(api: EngineApi) -> Iterator[None]:
    """Somebody's engine gets the base image for the time of the tests, and loses it again if it had none."""
    had = {tag for tag in images.TAGS if images.has(api, f"busybox:{tag}")}
    images.import_busybox(api)
    try:
        yield
    finally:
        for tag in set(images.TAGS) - had:
            try:
                api.delete(f"/images/busybox:{tag}")
            except EngineRefused as refusal:
                say(f"busybox:{tag} stays on {api.address}: {refusal.message}")


def _run(command: list[str], environment: dict[str, str], limited: bool = False) -> int:
    """Until its end, also when we are told to end: the child gets the signal from the terminal, or from us.

    One that is ``limited`` and takes longer is ended and has failed.
    """
    environment = {**environment, "PATH": f"{venv.FOLDER / 'bin'}:{environment.get('PATH', '')}"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        return process.wait(LIMIT if limited else None)
    except subprocess.TimeoutExpired:
        say(f"error: not done after {LIMIT / 60:.0f} minutes, and ended: {' '.join(command[:3])}")
        _end_process(process)
        return HANGING
    except BaseException:
        _end_process(process)
        raise


def _end_process(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/test",
        description="Run the linters and every test on real engines. Other arguments are pytest's (-k words, a path).",
        allow_abbrev=False,
    )
    parser.add_argument("--long", action="store_true", help="the exhaustive tests too (an hour rather than minutes)")
    parser.add_argument("--only-checks", action="store_true", help="linters, types and layers; no tests")
    parser.add_argument("--only-tests", action="store_true", help="pytest; no linters")
    parser.add_argument("--no-retry", action="store_true", help="do not run what failed once more alone")
    parser.add_argument("--workers", default=WORKERS, help=f"tests at the same time ({WORKERS})")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
