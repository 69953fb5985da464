"""`stack daemon run`: keep every stack of this host as its file says, until told to end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

from orchestrator.api.server import Listen, Server
from orchestrator.api.tokens import Tokens
from orchestrator.cli import signals, state
from orchestrator.cli.declare import many, text
from orchestrator.cli.render import comment, happenings, history, plan_document
from orchestrator.cli.telling import SOCKET, VARIABLE, socket_of
from orchestrator.cli.wiring import Context
from orchestrator.daemon.control import DaemonControl, Renderers
from orchestrator.daemon.keeping import Daemon
from orchestrator.daemon.parts import Parts
from orchestrator.model.host import Host
from orchestrator.records import dataclass, replace
from orchestrator.spec.admission import usual_file
from orchestrator.spec.host import load_host

DEFAULT_CONFIG = "/etc/stack/host.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    config: str = text("--config", metavar="FILE", help=f"The host file. Default: {DEFAULT_CONFIG}.")
    log: str = text("--log", metavar="FORM", choices=("text", "json"), default="text", help="How to log: text or json.")
    socket: str = text(
        "--socket",
        metavar="PATH",
        help=f"The Unix socket of the API; none for none. Default: that of {VARIABLE}, else {SOCKET}.",
    )
    listen: str = text("--listen", metavar="HOST:PORT", help="Serve the API and the page over TCP, too; needs a token.")
    hosts: tuple[str, ...] = many("--allow-host", metavar="NAME", help="A further name that --listen is asked for.")
    certificate: str = text("--tls-cert", metavar="FILE", help="The certificate for --listen.")
    key: str = text("--tls-key", metavar="FILE", help="Its key.")


def run(context: Context, options: Options) -> int:
    path = os.path.abspath(options.config or DEFAULT_CONFIG)
    daemon = _daemon(context, lambda: load_host(path, policy_file=usual_file(context.environment)))
    daemon.board.listen(lambda one: context.say(happenings.line(one, options.log)))
    control = DaemonControl(
        daemon,
        Renderers(
            plan=plan_document.document, revisions=history.document, revision=history.whole, comment=comment.text
        ),
    )
    server = Server(control, Tokens(state.directory(context.environment)), _listen(context, options))
    signal.signal(signal.SIGHUP, lambda *_: threading.Thread(target=daemon.reload, name="reload").start())
    with signals.handled(daemon.stop):
        server.start()
        try:
            daemon.run()
        finally:
            server.stop()
    return 0


def _daemon(context: Context, load: Callable[[], Host]) -> Daemon:
    engine = load().engine
    if engine and not context.shared.host:
        context.shared = replace(context.shared, host=engine)
    return Daemon(
        Parts(
            load=load,
            engine=context.engine.engine,
            console=lambda: context.engine.console,
            environment=context.environment,
            state=state.directory(context.environment),
            key=lambda: context.key,
            workers=context.workers,
        )
    )


def _listen(context: Context, options: Options) -> Listen:
    named = options.socket or socket_of(context.environment)
    return Listen(
        socket="" if named == "none" else os.path.abspath(named),
        address=options.listen,
        hosts=options.hosts,
        certificate=options.certificate,
        key=options.key,
    )
