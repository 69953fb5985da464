"""The composition root: from options and environment to the parts a command works with, each made when first asked
for.

A ``Context`` belongs to one command line. Commands get everything through it, so that nothing in them knows where
files, engines, keys or terminals come from.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TextIO

from orchestrator.cancel import CancelToken
from orchestrator.cli.options import Shared
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.cli.engines import Connected
    from orchestrator.cli.render.frame import Style
    from orchestrator.controller.intents import Intents
    from orchestrator.events import Sink
    from orchestrator.model.stack import Stack
    from orchestrator.spec.load import Canonical

WORKERS = 12
_SHORTEST_SECRET = 4  # shorter ones occur everywhere; what shows values masks them where they stand


class Context:
    """Everything one command line has to do with. ``shared`` are the global options, once read."""

    def __init__(self, environment: Mapping[str, str], out: TextIO, err: TextIO) -> None:
        self.environment = environment
        self.out = out
        self.err = err
        self.shared = Shared()
        self.cancel = CancelToken()
        self.secrets: frozenset[str] = frozenset()
        self.variables: Mapping[str, str] = environment  # with those of the env files, once these are read
        self.on_hook: Callable[[str, str], None] | None = None  # an attached command shows what hooks print
        self.error_code = 0  # set by a command whose codes mean something else: what every error is to exit with
        self.canonical: Canonical | None = None  # what the stack was built from, for its history
        self.origin: Mapping[str, str] = {}  # the commit and repository it came from, where it did
        self._engine: Connected | None = None

    @classmethod
    def of_process(cls) -> Context:
        return cls(os.environ, sys.stdout, sys.stderr)

    def close(self) -> None:
        """Let go of the engine."""
        if self._engine is not None:
            self._engine.close()

    def show(self, text: str) -> None:
        """Data, for stdout."""
        self.out.write(text)

    @property
    def status(self) -> TextIO:
        """Where progress is shown: stderr, unless `COMPOSE_STATUS_STDOUT` asks for stdout."""
        return self.out if self.switch("COMPOSE_STATUS_STDOUT") else self.err

    def say(self, text: str) -> None:
        """Talk, for stderr."""
        self.err.write(text + "\n")
        self.err.flush()

    def report(self, name: str, text: str, *, done: bool = False) -> None:
        """Say what becomes of something, in the form in which progress is shown; nothing where it is not."""
        mode = self.progress_mode()
        if mode == "json":
            import json

            line = json.dumps({"id": name, "status": "Done" if done else "Working", "text": text})
        elif mode != "quiet":
            line = f" {name} {text}"
        else:
            return
        self.status.write(line + "\n")
        self.status.flush()

    def masked(self, text: str) -> str:
        """``text`` without the values of the stack's secrets."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "***")
        return text

    @property
    def key(self) -> bytes:
        """The host's key, which digests are made with."""
        from orchestrator.cli import state

        return state.host_key(self.environment)

    @property
    def engine(self) -> Connected:
        """The engine the user means, connected when first used."""
        if self._engine is None:
            from orchestrator.cli import engines

            self._engine = engines.connect(self.environment, host=self.shared.host, context=self.shared.context)
        return self._engine

    @property
    def intents(self) -> Intents:
        """What was stopped on purpose on this host."""
        from orchestrator.cli import state, telling
        from orchestrator.controller.intents import Intents

        def told(stack: str, verb: str, services: frozenset[str] | None) -> None:
            telling.tell(self.environment, self.engine.id, stack, verb, services)

        return Intents(state.directory(self.environment), lambda: self.engine.id, self.say, told)

    @property
    def workers(self) -> int:
        """How many changes may be under way at once."""
        asked: str | int | None = self.shared.parallel
        if asked is None:
            asked = self.environment.get("COMPOSE_PARALLEL_LIMIT") or WORKERS
        try:
            count = int(asked)
        except ValueError:
            raise UsageError(f"COMPOSE_PARALLEL_LIMIT is {asked!r}, which is no whole number") from None
        return count if count > 0 else WORKERS

    def switch(self, name: str) -> bool:
        """Whether a ``COMPOSE_*`` variable is on; by Compose's rule, which knows neither "yes" nor "on"."""
        return self.variables.get(name, "").lower() in ("1", "t", "true", "y")

    def load(self, services: tuple[str, ...] = (), *, contents: bool = True) -> Stack:
        """The stack as the user's files say; profiles of ``services`` are enabled."""
        from orchestrator.cli import desired

        stack = desired.load(self, services, contents=contents)
        self.secrets = stack.secret_values
        return stack

    def ansi(self) -> str:
        from orchestrator.cli.render import progress

        return progress.ansi("never" if self.shared.no_ansi else self.shared.ansi, self.environment)

    def progress_mode(self) -> str:
        """How progress is shown; "plain" while the options themselves are the trouble."""
        from orchestrator.cli.render import progress

        try:
            return progress.mode(self.shared.progress, self.ansi(), self.status, self.environment)
        except UsageError:
            return "plain"

    def display(self, title: str, *, live: bool = True) -> AbstractContextManager[Sink]:
        """The display of one run, as the options and the terminal have it; lines at most if not ``live``."""
        from orchestrator.cli.render import progress

        chosen = progress.mode(self.shared.progress, self.ansi(), self.status, self.environment)
        chosen = "plain" if chosen == "tty" and not live else chosen
        colour = progress.colours(self.ansi(), self.status, self.environment)
        return progress.display(chosen, title, self.status, colour=colour, mask=self.masked)

    def style(self, stream: TextIO) -> Style:
        """What ``stream`` can show."""
        from orchestrator.cli.render import progress
        from orchestrator.cli.render.frame import Style

        return Style(colour=progress.colours(self.ansi(), stream, self.environment))
