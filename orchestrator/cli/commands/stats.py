"""`stack stats`: what the containers use of processors, memory, network and disks, live or once."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from orchestrator.cli import containers, loading, signals
from orchestrator.cli.declare import argument, flag, text
from orchestrator.cli.render import formats, size
from orchestrator.cli.render.formats import Record, Shape
from orchestrator.cli.wiring import Context
from orchestrator.engines.console import Listed
from orchestrator.engines.hands import Hands, Measured, Measures
from orchestrator.errors import EngineError, Interrupted
from orchestrator.records import dataclass

PERIOD = 0.5
SHAPE = Shape(
    columns=("ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"),
    headings={
        "ID": "CONTAINER ID",
        "Container": "CONTAINER",
        "CPUPerc": "CPU %",
        "MemUsage": "MEM USAGE / LIMIT",
        "MemPerc": "MEM %",
        "NetIO": "NET I/O",
        "BlockIO": "BLOCK I/O",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    service: str = argument("[SERVICE]", "Only containers of this service.", required=False)
    all: bool = flag("-a", "--all", help="Containers that do not run, too.")
    format: str = text("--format", metavar="HOW", help="table, json, or a template such as '{{.Name}} {{.CPUPerc}}'.")
    no_stream: bool = flag("--no-stream", help="Show it once.")
    no_trunc: bool = flag("--no-trunc", help="Do not shorten.")


def run(context: Context, options: Options) -> int:
    name = loading.name_of(context)
    if options.no_stream:
        found = _found(context, name, options)
        context.show(formats.text(options.format, _once(context.engine.hands, found, options), SHAPE))
        return 0
    _Live(context, name, options).run()
    return 0


def _found(context: Context, name: str, options: Options) -> list[Listed]:
    everything = containers.of_stack(context, name, everything=options.all, oneoff=True)
    return containers.of_services(context, everything, (options.service,) if options.service else ())


def _once(hands: Hands, found: Sequence[Listed], options: Options) -> list[Record]:
    """All at the same time: each answer takes as long as the engine watches."""
    if not found:
        return []
    with ThreadPoolExecutor(len(found)) as pool:
        return [
            _record(*pair, options) for pair in zip(found, pool.map(lambda c: _measured(hands, c), found), strict=True)
        ]


def _measured(hands: Hands, container: Listed) -> Measured:
    measures = hands.measure(container.id, once=True)
    try:
        return next(iter(measures), Measured())
    finally:
        measures.close()


class _Live:
    """A thread for each container keeps its row up to date; the main one draws them and looks for new containers."""

    def __init__(self, context: Context, stack: str, options: Options) -> None:
        self.context, self.stack, self.options = context, stack, options
        self.rows: dict[str, Record | None] = {}
        self.following: dict[str, Measures] = {}
        self.lock = threading.Lock()

    def run(self) -> None:
        received: list[int] = []
        over = threading.Event()

        def stop(number: int) -> None:
            received.append(number)
            over.set()

        with signals.handled(stop):
            self.draw(self.look())
            while not over.wait(PERIOD):
                self.draw(self.look())
        for measures in list(self.following.values()):
            measures.close()
        raise Interrupted(signal_number=received[0])

    def look(self) -> list[Listed]:
        found = _found(self.context, self.stack, self.options)
        for container in found:
            if container.id not in self.following and container.running:
                self.follow(container)
        return found

    def follow(self, container: Listed) -> None:
        try:
            measures = self.context.engine.hands.measure(container.id)
        except EngineError:
            return  # it has gone meanwhile
        self.following[container.id] = measures
        threading.Thread(target=self.listen, args=(container, measures), daemon=True, name="stats").start()

    def listen(self, container: Listed, measures: Measures) -> None:
        try:
            for measured in measures:
                with self.lock:
                    self.rows[container.id] = _record(container, measured, self.options)
        except EngineError:
            pass  # the next look follows it again, if it is there
        with self.lock:
            self.rows.pop(container.id, None)
            self.following.pop(container.id, None)

    def draw(self, found: Sequence[Listed]) -> None:
        with self.lock:
            rows = [self.rows.get(c.id) or _record(c, None, self.options) for c in found]
        page = formats.text(self.options.format, rows, SHAPE)
        on_terminal = self.context.out.isatty()
        self.context.show(f"\x1b[H{page.replace(chr(10), chr(27) + '[K' + chr(10))}\x1b[J" if on_terminal else page)
        self.context.out.flush()


def _record(container: Listed, measured: Measured | None, options: Options) -> Record:
    """With the fields of `docker stats`; dashes while nothing is known yet."""
    record = {
        "Container": container.id,
        "ID": container.id if options.no_trunc else container.id[:12],
        "Name": container.name,
        "Service": container.service,
    }
    if measured is None:
        return {
            **record,
            "CPUPerc": "--",
            "MemUsage": "-- / --",
            "MemPerc": "--",
            "NetIO": "--",
            "BlockIO": "--",
            "PIDs": "--",
        }
    return {
        **record,
        "CPUPerc": f"{measured.cpu:.2f}%",
        "MemUsage": f"{size.binary(measured.memory)} / {size.binary(measured.memory_limit)}",
        "MemPerc": f"{measured.memory_share:.2f}%",
        "NetIO": f"{size.of(measured.received)} / {size.of(measured.sent)}",
        "BlockIO": f"{size.of(measured.read)} / {size.of(measured.written)}",
        "PIDs": str(measured.processes),
    }
