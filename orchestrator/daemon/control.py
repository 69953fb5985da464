"""What the API can ask of the daemon, carried out: plans, logs, revisions, and orders that go through the one loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from orchestrator import graph
from orchestrator.controller import rollback
from orchestrator.controller.history import History, Revision
from orchestrator.controller.keeper import Keeper
from orchestrator.controller.lock import stack_lock
from orchestrator.controller.reconcile import preview
from orchestrator.controller.status import Board, Phase, ServiceStatus
from orchestrator.daemon.keeping import Daemon
from orchestrator.daemon.proposing import Proposing
from orchestrator.daemon.repositories import Shown
from orchestrator.engines.console import LogWish, Said
from orchestrator.errors import NotFound, StackError, StoppedOnPurpose
from orchestrator.gitops import proposal_document
from orchestrator.graph import Mood, State, svg
from orchestrator.model import naming
from orchestrator.model.host import Host
from orchestrator.model.plan import Plan
from orchestrator.planner.policy import Policy
from orchestrator.records import dataclass
from orchestrator.spec.host import webhook_secret

Document = dict[str, Any]
LOCK_SECONDS = 20.0  # that a rollback waits for a pass to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Renderers:
    """How plans and revisions look as documents, and a proposal as a comment: the command line's way, given by whoever puts
    the daemon together."""

    plan: Callable[[Plan], Document]
    revisions: Callable[[str, list[Revision], int], Document]
    revision: Callable[[str, Revision, bool], Document]
    comment: Callable[[Document], str]


class DaemonControl:
    """Implements ``api.control.Control`` on a daemon."""

    def __init__(self, daemon: Daemon, renderers: Renderers) -> None:
        self._daemon, self._renderers = daemon, renderers
        self._proposing = Proposing(daemon)

    @property
    def board(self) -> Board:
        return self._daemon.board

    @property
    def host(self) -> Host:
        return self._daemon.host

    @property
    def state(self) -> str:
        return self._daemon.parts.state

    @property
    def engine(self) -> str:
        try:
            return self._daemon.parts.engine.identity
        except StackError:
            return ""

    @property
    def waiting(self) -> int:
        return self._daemon.loop.waiting

    @property
    def engine_answers(self) -> bool:
        statuses = self.board.all()
        return (
            self._daemon.pulse.problem is None
            and any(status.looked_at for status in statuses)
            and not any(status.phase is Phase.UNREACHABLE for status in statuses)
        )

    def reload(self) -> None:
        problem = self._daemon.reload()
        if problem is not None:
            raise problem

    def stop(self) -> None:
        self._daemon.stop()

    def webhook_keys(self, source: str) -> tuple[str, ...]:
        found = self.host.sources.get(source)
        keys = (webhook_secret(path) for path in (found.webhook if found is not None else ()))
        return tuple(key for key in keys if key is not None)

    def poke(self, source: str) -> None:
        self._daemon.repositories.poke(source)

    def sync(self, stack: str) -> None:
        self._keeper(stack)
        self._daemon.loop.look_again(stack)

    def intend(self, stack: str, verb: str, services: list[str] | None, engine: str) -> None:
        self._keeper(stack)
        if engine != self._daemon.parts.engine.identity:
            raise NotFound(f'this host keeps the stack "{stack}" on another engine')
        self._daemon.intend(stack, verb, services)

    def sources(self) -> list[Document]:
        return [_source(one) for one in self._daemon.repositories.shown()]

    def plan_source(self, source: str, ref: str) -> Document:
        return proposal_document.document(self._proposing.propose(source, ref), self._renderers.plan)

    def comment(self, proposal: Document) -> str:
        return self._renderers.comment(proposal)

    def sync_source(self, source: str) -> None:
        self._daemon.repositories.sync(source)

    def suspend_source(self, source: str) -> None:
        self._daemon.repositories.suspend(source, on=True)

    def resume_source(self, source: str) -> None:
        self._daemon.repositories.suspend(source, on=False)

    def approve(self, stack: str, commit: str) -> str:
        agreed = self._keeper(stack).source.approve(commit)
        self._daemon.audit.write(who="api", stack=stack, command="approve", version=agreed, ok=True)
        self.board.tell(stack, "approved", f"commit {agreed[:12]}: by hand")
        self._daemon.loop.look_again(stack)
        return agreed

    def suspend(self, stack: str) -> None:
        self._keeper(stack)
        self._daemon.suspend(stack)

    def resume(self, stack: str) -> None:
        self._keeper(stack)
        self._daemon.resume(stack)

    def apply(self, stack: str) -> None:
        keeper = self._keeper(stack)
        self._check_is_to_run(keeper)
        keeper.force()
        self._daemon.loop.look_again(stack)

    def plan(self, stack: str) -> Document:
        wanted = self._keeper(stack).source.load()
        return self._renderers.plan(preview(wanted.stack, self._daemon.parts.engine, Policy(ignore_orphans=True))[0])

    def rollback(self, stack: str, revision: int | None) -> Document:
        daemon, keeper = self._daemon, self._keeper(stack)
        wanted = keeper.source.load()
        with stack_lock(daemon.parts.engine.identity, stack, wait=LOCK_SECONDS, cancel=daemon.cancel):
            with self._history(stack) as past:
                target, _ = rollback.chosen(past, _known(past, revision) if revision is not None else None)
            way = daemon.returning.go_back(wanted, target)
        daemon.loop.look_again(stack)
        return {
            "revision": target.number,
            "ok": way.result.ok,
            "changed": way.result.changed,
            "notes": list(way.restored.changed),
        }

    def revisions(self, stack: str) -> Document:
        with self._history(stack) as past:
            serving = past.serving()
            return self._renderers.revisions(stack, past.all(), serving.number if serving else 0)

    def revision(self, stack: str, number: int) -> Document:
        with self._history(stack) as past:
            serving = past.serving()
            found = _known(past, number)
            return self._renderers.revision(stack, found, serving is not None and serving.number == number)

    def graph(self, stack: str) -> str:
        wanted = self._keeper(stack).source.load()
        status = self.board.of(stack)
        states = {one.name: _state(one) for one in status.services} if status else {}
        return svg.draw(graph.picture(wanted.stack, states=states))

    def logs(self, stack: str, service: str, tail: int, *, follow: bool) -> Iterator[tuple[str, str]]:
        self._keeper(stack)
        console = self._daemon.parts.console()
        labels = [f"{naming.PROJECT}={stack}"]
        names = {
            container.id: container.name
            for container in console.containers(labels=labels)
            if not service or container.service == service
        }
        if service and not names:
            raise NotFound(f"{service} has no container")
        return self._lines(names, tail, follow=follow)

    def _lines(self, names: dict[str, str], tail: int, *, follow: bool) -> Iterator[tuple[str, str]]:
        logs = self._daemon.parts.console().logs()
        try:
            for container in names:
                logs.add(LogWish(container=container, tail=str(tail), follow=follow))
            logs.finish_adding()
            for item in logs:
                if isinstance(item, Said):
                    for line in item.content.decode(errors="replace").split("\n"):
                        yield names[item.container], line
        finally:
            logs.close()

    def _keeper(self, stack: str) -> Keeper:
        keeper = self._daemon.loop.keepers.get(stack)
        if keeper is None:
            raise NotFound(f'there is no stack "{stack}" on this host')
        return keeper

    def _check_is_to_run(self, keeper: Keeper) -> None:
        """An order changes nothing of what people stopped: whoever gives one has to know, rather than hear that it was accepted."""
        name = keeper.entry.name
        stopped = self._daemon.intents.of(name)
        everything = keeper.wanted is not None and stopped.services >= keeper.wanted.services.keys()
        if stopped.down or (stopped and everything):
            how = "was taken down" if stopped.down else "was stopped"
            raise StoppedOnPurpose(
                f"{name} {how} by hand, and the daemon leaves it so",
                hint=f"`stack -p {name} start` makes it run again; in a folder with its spec that is `stack up -d`",
            )

    def _history(self, stack: str) -> History:
        self._keeper(stack)
        past = self._daemon.returning.opened(stack)
        if past is None:
            raise NotFound(f'there is no history of the stack "{stack}" yet')
        return past


_WHERE_STACKS_ARE = (
    "`path`, `only` and `except` of the source choose its stacks: folders with an app.yml or compose.yaml"
)


def _source(shown: Shown) -> Document:
    source, follower = shown.source, shown.follower
    trouble, head = follower.trouble, follower.head
    return {
        "name": source.name,
        "url": source.url,
        "ref": str(follower.ref),
        "path": source.path,
        "commit": head.commit if head is not None else "",
        "fetched_at": follower.fetched_at,
        "state": _state_of(shown),
        "message": trouble.message if trouble is not None else shown.nothing,
        "reference": trouble.ref if trouble is not None else "source-empty" if shown.nothing else "",
        "hint": trouble.hint if trouble is not None else _WHERE_STACKS_ARE if shown.nothing else "",
        "failures": follower.failures,
        "sync": source.sync,
        "approve": source.approve,
        "stacks": list(shown.stacks),
        "leaving": [
            {"stack": stack, "message": newer.message, "approvable": newer.approvable}
            for stack, newer in shown.leaving.items()
        ],
    }


def _state_of(shown: Shown) -> str:
    if shown.suspended:
        return "suspended"
    if shown.follower.trouble is not None:
        return "failed" if shown.follower.head is None else "stale"
    if shown.follower.head is None:
        return "pending"
    return "empty" if shown.nothing else "current"


def _known(past: History, number: int) -> Revision:
    found = past.get(number)
    if found is None:
        raise NotFound(f"there is no revision {number}", reference="no-such-revision")
    return found


def _state(service: ServiceStatus) -> State:
    words = f"{service.ready}/{service.wanted} ready"
    if service.stopped:
        return State("stopped", Mood.ABSENT)
    if service.loops or service.unhealthy:
        return State(words, Mood.BAD)
    return State(words, Mood.GOOD if service.ready >= service.wanted else Mood.WAITING)
