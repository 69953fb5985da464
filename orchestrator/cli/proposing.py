"""`stack plan --source` and `--git`: what another commit would change here, asked of the daemon, found out without one, or of a
repository that this host does not follow. Out comes the document of the proposal, shown as text, JSON or a comment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from orchestrator.cli import origins, state
from orchestrator.cli.origins import Origin
from orchestrator.cli.wiring import Context
from orchestrator.cli.wishes import Wishes
from orchestrator.errors import NotFound, UsageError
from orchestrator.records import replace

if TYPE_CHECKING:
    from orchestrator.cli.commands.plan import Options
    from orchestrator.gitops.follower import Head
    from orchestrator.gitops.proposal import About, Fixed, Proposed
    from orchestrator.gitops.selection import Chosen
    from orchestrator.gitops.source import GitSource
    from orchestrator.model.host import Host

PATIENCE = 600.0  # seconds for the daemon to fetch and to plan all stacks of a source

Document = dict[str, Any]


def run(context: Context, options: Options) -> int:
    """Exit code 1 where something is wrong; else, with ``--detailed-exitcode``, 2 where something would change."""
    _check(context, options)
    found = _document(context, options)
    context.show(_shown(context, found, "json" if options.json else options.format))
    if not found["ok"]:
        return 1
    return 2 if options.detailed_exitcode and found["changes"] else 0


def _check(context: Context, options: Options) -> None:
    if options.url and options.source:
        raise UsageError("--git and --source contradict each other", hint="leave one of them out")
    origins.refuse(options, Wishes, "means nothing for the plan of a commit", "leave it out")
    if options.out:
        raise UsageError(
            "--out writes plans for `stack apply`, and a commit is not applied from one", hint="leave it out"
        )
    if options.url:
        origins.check(context, options)
        if options.config or options.socket:
            raise UsageError("--config and --socket are for --source", hint="leave them out")
        return
    why, hint = "is for --git: a source says itself what is fetched and how", "--ref is the commit to look at"
    origins.refuse(options, Origin, why, hint, but=("ref",))
    if options.config and options.socket:
        raise UsageError("with --config no daemon is asked", hint="leave --socket out")


def _document(context: Context, options: Options) -> Document:
    if options.url:
        return _of_repository(context, options)
    if options.config:
        return _of_host_file(context, options)
    from orchestrator.api.client import Client
    from orchestrator.cli.telling import socket_of

    with Client(options.socket or socket_of(context.environment), timeout=PATIENCE) as daemon:
        return daemon.plan_source(options.source, options.ref)


def _shown(context: Context, found: Document, how: str) -> str:
    if how == "json":
        return json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    if how == "markdown":
        from orchestrator.cli.render import comment

        return comment.text(found)
    from orchestrator.cli.render import proposed

    return proposed.text(found, context.style(context.out))


def _of_repository(context: Context, options: Options) -> Document:
    """One stack of a repository, as `stack deploy` would take it."""
    from orchestrator.cli import fetching
    from orchestrator.cli.render import plan_document
    from orchestrator.gitops import proposal, proposal_document
    from orchestrator.gitops.signatures import Verify
    from orchestrator.gitops.visit import Visit

    context.engine.greet()
    visit = fetching.repository(context, options, Visit)

    def source(chosen: Chosen, fixed: Fixed) -> GitSource:
        return fetching.source(context, options, chosen, fixed, remembers=False)

    means = proposal.Means(engine=context.engine.engine, source=source, stopped=context.intents.of)

    def stacks(fixed: Fixed, head: Head) -> Iterator[Proposed]:
        yield proposal.planned(fetching.chosen(context, options, visit, head), means, fixed, is_new=True)

    asked = proposal.Asked(
        ref=fetching.reference(visit, options), how=Verify(options.verify or "off"), keys=fetching.keys(options)
    )
    return proposal_document.document(proposal.propose(asked, visit, stacks), plan_document.document)


def _of_host_file(context: Context, options: Options) -> Document:
    """A source of a host file, by what the daemon that follows it has noted; no daemon need run."""
    from orchestrator.admission.guard import Admitting
    from orchestrator.cli.render import plan_document
    from orchestrator.gitops import hosted, proposal, proposal_document
    from orchestrator.secrets.stores import Stores
    from orchestrator.spec.admission import usual_file
    from orchestrator.spec.host import load_host

    host = load_host(os.path.abspath(options.config), policy_file=usual_file(context.environment))
    if options.source not in host.sources:
        raise NotFound(f'{options.config} has no source "{options.source}"', reference="no-such-source")
    if host.engine and not context.shared.host:
        context.shared = replace(context.shared, host=host.engine)
    context.engine.greet()
    engine, wanted = context.engine.engine, host.sources[options.source]
    place = os.path.join(state.directory(context.environment), "git")
    about = _about(host, options.source, place)
    stores = Stores(host.secret_stores, context.environment, say=context.say)
    admitting = Admitting(
        permits=host.permits,
        world=engine.as_world,
        source=wanted.name,
        others=lambda: [*host.stacks, *about.known.stacks],
        environment=context.environment,
        local=engine.local,
        verified=wanted.verify != "off",
    )

    def source(chosen: Chosen, fixed: Fixed) -> GitSource:
        return hosted.git_source(chosen, fixed, lambda: context.key, stores=stores, admitting=admitting)

    means = proposal.Means(engine=engine, source=source, stopped=context.intents.of)
    told = proposal.of_source(about, means, hosted.visit(wanted, place), options.ref)
    return proposal_document.document(told, plan_document.document)


def _about(host: Host, name: str, place: str) -> About:
    """The source as it is noted, and who else has which stacks."""
    from orchestrator.gitops import hosted, proposal
    from orchestrator.gitops.known import Known

    others = {
        stack: f"{chosen.folder} of source {other} ({source.where})"
        for other, source in host.sources.items()
        if other != name
        for stack, chosen in Known(place, source, str).stacks.items()
    } | {stack: f"the host file ({entry.where})" for stack, entry in host.stacks.items()}
    wanted = host.sources[name]
    return proposal.as_noted(wanted, place, hosted.visit(wanted, place), lambda stack: others.get(stack, ""))
