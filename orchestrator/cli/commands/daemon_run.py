"""`stack daemon run`: keep every stack of this host as its file says, until told to end."""

from __future__ import annotations

import json
import os
import signal
import threading
from datetime import UTC, datetime

from orchestrator.cli import signals, state
from orchestrator.cli.declare import text
from orchestrator.cli.wiring import Context
from orchestrator.controller.status import Happening
from orchestrator.daemon import Daemon, Parts
from orchestrator.records import dataclass, replace
from orchestrator.spec.host import load_host

DEFAULT_CONFIG = "/etc/stack/host.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    config: str = text("--config", metavar="FILE", help=f"The host file. Default: {DEFAULT_CONFIG}.")
    log: str = text("--log", metavar="FORM", choices=("text", "json"), default="text", help="How to log: text or json.")


def run(context: Context, options: Options) -> int:
    path = os.path.abspath(options.config or DEFAULT_CONFIG)
    host = load_host(path)
    if host.engine and not context.shared.host:
        context.shared = replace(context.shared, host=host.engine)
    daemon = Daemon(
        Parts(
            load=lambda: load_host(path),
            engine=context.engine.engine,
            console=lambda: context.engine.console,
            environment=context.environment,
            state=state.directory(context.environment),
            key=lambda: context.key,
            workers=context.workers,
        )
    )
    daemon.board.listen(lambda one: context.say(line(one, options.log)))
    signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=daemon.reload, name="reload").start())
    with signals.handled(daemon.stop):
        daemon.run()
    return 0


def line(happening: Happening, form: str) -> str:
    """A happening as a line of the log."""
    moment = datetime.fromtimestamp(happening.time, UTC).isoformat(timespec="milliseconds")
    if form == "json":
        record = {
            "time": moment,
            "level": happening.level,
            "event": happening.kind,
            "stack": happening.stack,
            "service": happening.service,
            "message": happening.text,
        }
        return json.dumps({key: value for key, value in record.items() if value}, ensure_ascii=False)
    where = "/".join(part for part in (happening.stack, happening.service) if part)
    said = happening.text.replace("\n", "\n    ")
    return f"{moment} {happening.level:<7} {where + ': ' if where else ''}{happening.kind}: {said}"
