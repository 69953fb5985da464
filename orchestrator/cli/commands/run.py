"""`stack run`: a container of its own for one command, with the service's settings and what it depends on.

First the services that it depends on, as `up` brings them about; then the container, by a plan of its own; then the
person's terminal is at it until it ends, and its exit code is ours.
"""

from __future__ import annotations

import secrets
import sys
import threading

from orchestrator.cancel import CancelToken
from orchestrator.cli import oneoff, ordering, running, signals, wishes
from orchestrator.cli.oneoff import Options
from orchestrator.cli.wiring import Context
from orchestrator.controller.lock import stack_lock
from orchestrator.controller.reconcile import scope_of
from orchestrator.engines.hands import Attachment
from orchestrator.errors import NotFound, StackError
from orchestrator.events import Quiet
from orchestrator.executor import apply
from orchestrator.model import naming
from orchestrator.model.actions import Action, BuildImage, OneOff, PullImage, StartContainer
from orchestrator.model.plan import Level
from orchestrator.model.stack import Stack
from orchestrator.planner import oneoff as planner
from orchestrator.planner.oneoff import Wish
from orchestrator.planner.policy import Policy
from orchestrator.records import replace

__all__ = ["Options", "run"]


def run(context: Context, options: Options) -> int:
    _check(options)
    if options.quiet:
        context.shared = replace(context.shared, progress="quiet")
    stack = context.load((options.service,))
    wishes.known(stack, options.service)
    _bring_up_dependencies(context, stack, options)
    service = oneoff.adapted(stack, options, context.variables, tty=_terminal(options))
    stack, wish = stack.with_services([service]), _wish(stack, options)
    _create(context, stack, wish, options)
    if context.shared.dry_run:
        return 0
    if options.detach:
        context.show(f"{_id_of(context, stack, wish)}\n")
        return 0
    return _attach(context, stack, wish, options)


def _check(options: Options) -> None:
    wishes.exclusive("--service-ports", options.service_ports, "--publish", options.publish)
    wishes.exclusive("--tty", options.tty is not None, "--no-tty", options.no_tty is not None)


def _terminal(options: Options) -> bool:
    """A terminal unless told otherwise, where there is one on both sides."""
    if options.tty is not None:
        return options.tty
    if options.no_tty is not None:
        return not options.no_tty
    return sys.stdin.isatty() and sys.stdout.isatty()


def _wish(stack: Stack, options: Options) -> Wish:
    slug = secrets.token_hex(32)
    made_up = stack.separator.join((stack.name, options.service, "run", slug[:12]))
    return Wish(
        service=options.service,
        name=options.name or stack.services[options.service].container_name or made_up,
        slug=slug,
        manner=OneOff(
            auto_remove=options.remove,
            aliases=options.use_aliases,
            stdin_once=options.interactive and not options.detach,
        ),
        awaiting=not options.no_deps,
        start=options.detach,
    )


def _policy(context: Context, options: Options) -> Policy:
    return Policy(
        pull=wishes.pull_policy(options.pull),
        build=options.build,
        remove_orphans=wishes.orphans_removed(options.remove_orphans, context),
        ignore_orphans=context.switch("COMPOSE_IGNORE_ORPHANS"),
    )


def _hushed(options: Options) -> frozenset[type[Action]]:
    kinds: list[type[Action]] = [PullImage] if options.quiet_pull else []
    return frozenset([*kinds, BuildImage] if options.quiet_build else kinds)


def _bring_up_dependencies(context: Context, stack: Stack, options: Options) -> None:
    needed = frozenset(() if options.no_deps else stack.services[options.service].depends_on) & stack.services.keys()
    policy = replace(_policy(context, options), targets=needed, build=False, start_finished=True)
    running.carry_out(context, stack, policy, title="run", hush=_hushed(options))


def _create(context: Context, stack: Stack, wish: Wish, options: Options) -> None:
    """Everything up to the container; with ``wish.start`` its start too."""
    engine = context.engine
    with (
        signals.graceful(context.cancel.set, context.say),
        stack_lock(engine.id, stack.name, wait=True, cancel=context.cancel, on_wait=context.say),
    ):
        made = planner.plan(stack, engine.engine.observe(scope_of(stack)), _policy(context, options), wish)
        if any(note.level is Level.ERROR for note in made.notes):
            raise running.impossible_because(made.notes)
        if context.shared.dry_run:
            running.show(context, made)
            return
        ordering.carry_out(context, made, title=f"run {wish.service}", hush=_hushed(options))


def _id_of(context: Context, stack: Stack, wish: Wish) -> str:
    """The container's id; its name where it has ended and gone already."""
    labels = (f"{naming.PROJECT}={stack.name}", f"{naming.SLUG}={wish.slug}")
    return next((container.id for container in context.engine.console.containers(labels=labels)), wish.name)


def _attach(context: Context, stack: Stack, wish: Wish, options: Options) -> int:
    settings = stack.services[wish.service].container
    context.out.flush()
    code = context.engine.hands.attach(
        Attachment(
            container=wish.name,
            tty=settings.tty,
            stdin=options.interactive,
            start=lambda: _start(context, stack, wish),
            until="removed" if options.remove else "next-exit",
        )
    )
    return 0 if code is None else code


def _start(context: Context, stack: Stack, wish: Wish) -> None:
    start = StartContainer(container=wish.ref)
    context.engine.engine.execute(start, progress=lambda *_: None, cancel=CancelToken())
    if stack.services[wish.service].post_start:
        threading.Thread(target=_hooks, args=(context, stack, wish), daemon=True, name="hooks").start()


def _hooks(context: Context, stack: Stack, wish: Wish) -> None:
    """Beside the command, as its terminal is ours: what fails is only said."""
    try:
        plan = planner.after_start(stack, wish)
        result = apply(plan, context.engine.engine, workers=1, sink=Quiet(), cancel=CancelToken())
        if not result.ok:
            raise ordering.failed(result)
    except NotFound:
        pass  # the command has ended already
    except StackError as problem:
        context.say(f"warning: {problem.message}")
