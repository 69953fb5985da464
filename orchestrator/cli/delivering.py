"""What `stack deploy` brings about: a stack out of a git repository, by the very classes that the daemon follows one with.

Options in, a ``Wanted`` out. What can be wrong with repository, reference, signature, folder or spec is raised here, before the
engine is asked to change anything. The checkout stays below our directory, because containers mount from it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.cli import fetching
from orchestrator.cli.commands.deploy import Options
from orchestrator.cli.render import safe
from orchestrator.cli.wiring import Context
from orchestrator.controller.sources import Wanted
from orchestrator.gitops.follower import Follower, Head
from orchestrator.gitops.repository import Ref, Repository
from orchestrator.gitops.signatures import Verify


@contextmanager
def delivery(context: Context, options: Options) -> Iterator[Wanted]:
    """The stack that the options name, fetched, verified and loaded. At the end old checkouts that nobody uses are removed."""
    repository = fetching.repository(context, options, Repository)
    follower = _follower(repository, fetching.reference(repository, options), options)
    follower.fetch()
    if follower.trouble is not None:
        raise follower.trouble
    assert follower.head is not None
    wanted = _loaded(context, options, follower, follower.head)
    yield wanted
    if not context.shared.dry_run:
        repository.forget(_in_use(context))


def _loaded(context: Context, options: Options, follower: Follower, head: Head) -> Wanted:
    chosen = fetching.chosen(context, options, follower.repository, head)
    source = fetching.source(context, options, chosen, follower, remembers=not context.shared.dry_run)
    wanted = source.newest()
    if wanted.guard is not None:
        context.engine.guard(wanted.guard.gate)
    if wanted.canonical is not None:
        for warning in wanted.canonical.warnings:
            where = f"{warning.where}: " if str(warning.where) else ""
            context.say(safe.one_line(f"warning: {where}{warning.text}"))
        context.variables = wanted.canonical.environment
    context.canonical, context.secrets, context.origin = wanted.canonical, wanted.stack.secret_values, wanted.origin
    return wanted


def _follower(repository: Repository, ref: Ref, options: Options) -> Follower:
    return Follower(
        repository,
        ref,
        interval=0.0,
        changed=lambda: None,
        chance=random.random,
        how=Verify(options.verify or "off"),
        keys=fetching.keys(options),
        allow_rollback=options.allow_rollback,
    )


def _in_use(context: Context) -> set[str]:
    """The commits in whose checkouts containers of this engine have something mounted, running or not."""
    listed = context.engine.console.containers()
    return {part for one in listed for mount in one.mounts for part in mount.split("/")}
