"""What every stack of a source would become if another commit were its head: the plan of a pull request.

The commit is fetched and verified as the source demands, and laid out aside (``visit``); each stack of it is loaded, judged by the
host's policy and planned against what runs now, by the classes that the daemon follows the source with. Nothing is changed: no
container, no note, no head; and nothing is left behind. Where the commit lies in the history is no question, because a proposal may
lie anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from functools import partial

from orchestrator.admission.check import Refused
from orchestrator.controller.intents import Stopped
from orchestrator.controller.reconcile import as_seen_from, preview
from orchestrator.engines.base import Engine
from orchestrator.errors import EngineError, StackError
from orchestrator.gitops import hiding
from orchestrator.gitops.follower import Head, head_note
from orchestrator.gitops.gate import Gate
from orchestrator.gitops.known import Known, Leaving, has_nothing, parting, why_gone, why_it_stays
from orchestrator.gitops.notes import read_note
from orchestrator.gitops.repository import Ref, RepositoryRefused
from orchestrator.gitops.selection import Chosen, selected
from orchestrator.gitops.signatures import SignatureRefused, Verify, verify
from orchestrator.gitops.source import GitSource
from orchestrator.gitops.troubles import UrlRefused
from orchestrator.gitops.visit import Visit
from orchestrator.model.host import GitHostSource
from orchestrator.model.observed import ObservedState
from orchestrator.model.plan import Level, Plan
from orchestrator.model.stack import Stack
from orchestrator.planner.foresight import foreseen
from orchestrator.planner.policy import Policy
from orchestrator.records import dataclass, field, replace


class State(StrEnum):
    """What would become of a stack. ``left``: it goes on as it was, because the host file says so; ``claimed``: something
    else of this host has its name; ``impossible``: its plan does not reach what it says."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    LEFT = "left"
    CLAIMED = "claimed"
    INVALID = "invalid"
    REFUSED = "refused"
    IMPOSSIBLE = "impossible"


CHANGING = frozenset((State.NEW, State.CHANGED, State.REMOVED))
WRONG = frozenset((State.CLAIMED, State.INVALID, State.REFUSED, State.IMPOSSIBLE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """One stack. ``hidden`` are values that nobody is to see in what is told of it."""

    name: str
    folder: str
    state: State
    reason: str = ""
    plan: Plan | None = None
    problem: StackError | None = None
    hidden: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What ``commit`` would bring. ``problem``: why nothing of it was read, or why it would change nothing; ``beside`` is the
    folder in which commits are laid out, this one as ``place``."""

    source: str
    url: str
    ref: str
    stacks: tuple[Proposed, ...] = ()
    commit: str = ""
    problem: StackError | None = None
    place: str = ""
    beside: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A commit to look at: what ``name`` says, else ``ref``; signed as ``how`` demands, by ``keys``. ``source`` has it, if any."""

    ref: Ref
    name: str = ""
    how: Verify = Verify.OFF
    keys: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Implements ``follower.Followed``: a reference that stays where it is."""

    repository: Visit
    ref: Ref
    head: Head | None
    trouble: StackError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What it takes to plan here: ``source`` makes what a stack is loaded from, ``stopped`` says what of one was stopped on
    purpose."""

    engine: Engine
    source: Callable[[Chosen, Fixed], GitSource]
    stopped: Callable[[str], Stopped]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """A source as it stands here: its head, the stacks that it is known to have, and who else has a stack's name ("": nobody)."""

    source: GitHostSource
    head: Head | None
    known: Known
    claimant: Callable[[str], str]


class SourceEmpty(StackError):
    """A commit without a stack never means that everything should go."""

    reference = "source-empty"


def propose(asked: Asked, visit: Visit, stacks: Callable[[Fixed, Head], Iterable[Proposed]]) -> Proposal:
    """The commit that is asked for, with what ``stacks`` says of it once it may be read; nothing of it is left.

    Raises StackError where the repository or the engine cannot be had. What the commit itself does wrong is in the proposal.
    """
    try:
        ref = visit.find(asked.name) if asked.name else asked.ref
        told = Proposal(source=asked.source, url=visit.git.url, ref=str(ref), commit=visit.fetch(ref))
        try:
            verify(visit, told.commit, ref.tag, asked.how, asked.keys)
            place = visit.checkout(told.commit)
        except (SignatureRefused, RepositoryRefused, UrlRefused) as problem:  # the last: of a submodule
            return replace(told, problem=problem)
        head = Head(commit=told.commit, place=place)
        told = replace(told, place=place, beside=os.path.dirname(place))
        try:
            found = stacks(Fixed(repository=visit, ref=ref, head=head), head)
            return replace(told, stacks=tuple(sorted(found, key=lambda one: one.name)))
        except SourceEmpty as problem:
            return replace(told, problem=problem)
    finally:
        visit.leave()


def of_source(about: About, means: Means, visit: Visit, name: str = "") -> Proposal:
    """What the stacks of a source would become with ``name`` as its head; "" is the reference that it follows."""
    source = about.source
    asked = Asked(ref=_ref(source), name=name, how=Verify(source.verify), keys=source.keys, source=source.name)
    return propose(asked, visit, partial(_stacks, about, means))


def as_noted(source: GitHostSource, directory: str, visit: Visit, claimant: Callable[[str], str]) -> About:
    """A source as the daemon that follows it has noted it, below ``directory``."""
    commit = read_note(head_note(visit, _ref(source), Verify(source.verify), source.keys))
    place = visit.complete(commit)
    head = Head(commit=commit, place=place) if place is not None else None
    return About(source=source, head=head, known=Known(directory, source, str), claimant=claimant)


def _ref(source: GitHostSource) -> Ref:
    return Ref(source.branch, source.tag, source.semver, source.commit)


def _stacks(about: About, means: Means, fixed: Fixed, head: Head) -> Iterator[Proposed]:
    selection, known = selected(head.place, about.source), about.known.stacks
    missing = known.keys() - selection.stacks.keys() - selection.unread.keys()
    if has_nothing(about.source, selection, missing):
        raise SourceEmpty(
            f"commit {head.commit[:12]} has no stack in {about.source.path}; what runs would go on",
            hint="an empty repository never means that everything should go",
        )
    reasons = {name: why_gone(about.source, known[name], selection, head.place) for name in missing}
    for name, chosen in selection.stacks.items():
        claimant = about.claimant(name)
        if claimant:
            reason = f"{claimant} has a stack of that name; this one would not be kept"
            yield Proposed(name=name, folder=chosen.folder, state=State.CLAIMED, reason=reason)
        else:
            yield planned(chosen, means, fixed, is_new=name not in known)
    for name in (name for name, why in reasons.items() if not why):
        yield planned(
            known[name], means, fixed, is_new=False
        )  # its folder has no spec: that is wrong, and removes nothing
    for name, why in selection.unread.items():
        folder = known[name].folder if name in known else ""
        problem = StackError(why, hint="ask again: what runs goes on", reference="spec-unreadable")
        yield Proposed(name=name, folder=folder, state=State.INVALID, problem=problem)
    gone = {name: why for name, why in reasons.items() if why}
    for name, leaving in about.known.without(gone, head.commit).items():
        yield _gone(about, means, fixed, known[name], leaving)


def planned(chosen: Chosen, means: Means, fixed: Fixed, *, is_new: bool) -> Proposed:
    """A stack of the commit: loaded, judged by the host's policy, and planned."""
    name = chosen.entry.name
    source, stopped = means.source(chosen, fixed), means.stopped(name)
    kept = _loaded(source)
    hidden = hiding.of_host(chosen.entry) | (kept.secret_values if kept is not None else frozenset())
    told = Proposed(name=name, folder=chosen.folder, state=State.INVALID, hidden=hidden)
    try:
        wanted = source.newest()
    except Refused as problem:
        return replace(told, state=State.REFUSED, problem=problem)
    except EngineError:
        raise
    except StackError as problem:
        return replace(told, problem=problem)
    hidden |= wanted.stack.secret_values
    plan, observed = _plan(replace(wanted.stack, secret_values=hidden), chosen, means, stopped)
    state = _state(plan, is_new=is_new and not observed.containers)
    reason = "stopped on purpose: it would stay stopped" if stopped.down else ""
    return replace(told, hidden=hidden, plan=plan, state=state, reason=reason)


def _plan(stack: Stack, chosen: Chosen, means: Means, stopped: Stopped) -> tuple[Plan, ObservedState]:
    """As the daemon would begin, but that it sees to images first: here the changes behind them are what counts."""
    left_alone = stopped.services
    policy = Policy(
        targets=frozenset(stack.services) - left_alone if left_alone else None,
        dependencies=not left_alone,
        remove_orphans=chosen.entry.prune,
        ignore_orphans=chosen.entry.prune,
        ignore=chosen.entry.ignore,
    )
    plan, observed = preview(stack, means.engine, policy)
    return foreseen(plan, as_seen_from(means.engine, stack), observed, policy), observed


def _gone(about: About, means: Means, fixed: Fixed, chosen: Chosen, leaving: Leaving) -> Proposed:
    """A stack that the source has here, and that the commit does not have for this host. Windows and a suspended source are of
    the moment: nothing is said of them."""
    source, name = about.source, chosen.entry.name
    told = Proposed(name=name, folder=chosen.folder, state=State.LEFT)
    stays = why_it_stays(source, chosen.entry)
    if stays:
        return replace(told, reason=f"{leaving.why}; it would go on as it is ({stays})")
    gate = Gate(source=source.name, approve=source.approve, manual=source.sync == "manual")
    waits = gate.parts_with(name, leaving)
    volumes = "its volumes too" if source.prune_volumes else "its volumes would stay"
    when = f", but {waits.message}" if waits is not None else ""
    told = replace(told, state=State.REMOVED, reason=f"{leaving.why}; it would be taken down, {volumes}{when}")
    kept = _loaded(means.source(chosen, replace(fixed, head=about.head))) if about.head is not None else None
    if kept is None:
        return told
    hidden = hiding.of_host(chosen.entry) | kept.secret_values
    stack = replace(kept.emptied(), secret_values=hidden)
    plan = preview(stack, means.engine, parting(volumes=source.prune_volumes))[0]
    return replace(told, plan=plan, hidden=hidden)


def _loaded(source: GitSource) -> Stack | None:
    """The stack as it is kept now; None for one that is new, or cannot be had any more."""
    try:
        return source.load().stack
    except EngineError:
        raise
    except StackError:
        return None


def _state(plan: Plan, *, is_new: bool) -> State:
    if any(note.level is Level.ERROR for note in plan.notes):
        return State.IMPOSSIBLE
    if plan.empty:
        return State.UNCHANGED
    return State.NEW if is_new else State.CHANGED
