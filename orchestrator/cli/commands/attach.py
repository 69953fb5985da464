"""`stack attach`: the terminal (or the pipes) of the person at a running container's own process."""

from __future__ import annotations

from orchestrator.cli import containers, loading
from orchestrator.cli.declare import argument, flag, number, text
from orchestrator.cli.wiring import Context
from orchestrator.engines.hands import Attachment
from orchestrator.errors import EngineError
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    service: str = argument("SERVICE", "The service.")
    detach_keys: str = text("--detach-keys", metavar="KEYS", help="The keys that leave it (default: ctrl-p,ctrl-q).")
    index: int | None = number("--index", help="Which replica; the lowest if not given.")
    no_stdin: bool = flag("--no-stdin", help="Do not pass standard input on.")
    sig_proxy: bool = flag("--sig-proxy", default=True, help="Pass signals on to the process.")


def run(context: Context, options: Options) -> int:
    container = containers.replica(context, loading.name_of(context), options.service, options.index)
    hands = context.engine.hands
    facts = hands.facts(container.id)
    if facts.paused:
        raise EngineError(
            f"container {container.name} is paused; nothing can be attached to it",
            hint=f"`stack unpause {options.service}` lets it go on",
            reference="container-paused",
        )
    if context.shared.dry_run:
        return 0
    context.out.flush()
    code = hands.attach(
        Attachment(
            container=container.id,
            tty=facts.tty,
            stdin=facts.stdin_open and not options.no_stdin,
            proxy_signals=options.sig_proxy,
            input_ends=facts.stdin_once,
            detach_keys=options.detach_keys,
        )
    )
    return 0 if code is None else code
