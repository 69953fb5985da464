"""`stack wait`: until the running containers of services have ended; with the exit code of the last one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed

from orchestrator.cli import containers, loading
from orchestrator.cli.commands import down
from orchestrator.cli.declare import arguments, flag
from orchestrator.cli.wiring import Context
from orchestrator.errors import NotFound
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("SERVICE [SERVICE]...", "The services.", required=True)
    down_project: bool = flag("--down-project", help="Bring the whole stack down when the first one has ended.")


def run(context: Context, options: Options) -> int:
    name = loading.name_of(context)
    found = containers.of_services(context, containers.of_stack(context, name), options.services)
    running = [container.id for container in found if container.running]
    if not running:
        raise NotFound(
            f'no containers for project "{name}" run of: {", ".join(options.services)}',
            hint="`stack ps -a` shows how they ended",
        )
    hands, code, brought_down = context.engine.hands, 0, False
    with ThreadPoolExecutor(len(running)) as pool:
        waits = {pool.submit(hands.wait, container): container for container in running}
        for wait in as_completed(waits):
            code = wait.result()
            context.show(f'container "{waits[wait]}" exited with status code {code}\n')
            context.out.flush()
            if options.down_project and not brought_down:
                brought_down = True
                down.run(context, down.Options())
    return code
