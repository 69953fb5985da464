"""What `up`, `create`, `plan` and `apply` have in common: the options that say how to get to the desired state.

Options in, a ``Policy`` and a ``Stack`` with other replica counts out; contradictions are refused as Compose
refuses them.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from orchestrator.cli.declare import arguments, flag, many, number, text
from orchestrator.cli.wiring import Context
from orchestrator.errors import UnknownService, UsageError
from orchestrator.model.actions import Action, BuildImage, PullImage
from orchestrator.model.stack import PullPolicy, Stack
from orchestrator.planner.policy import Policy, Recreate
from orchestrator.records import dataclass

PULL = ("", "policy", "always", "never", "build", "missing", "if_not_present")


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How to get there, for a whole stack. ``services`` is empty: all of them."""

    services: tuple[str, ...] = ()
    no_deps: bool = False
    build: bool = flag("--build", help="Build images first, also where they are there already.")
    no_build: bool = flag("--no-build", help="Do not build, also where an image is missing.")
    pull: str = text("--pull", metavar="WHEN", choices=PULL, help="Pull images: always, missing, never, or policy.")
    quiet_pull: bool = flag("--quiet-pull", help="Do not show how pulls get on.")
    quiet_build: bool = flag("--quiet-build", help="Do not show how builds get on.")
    force_recreate: bool = flag("--force-recreate", help="Replace containers although nothing differs.")
    no_recreate: bool = flag("--no-recreate", help="Leave containers that are there as they are.")
    always_recreate_deps: bool = flag("--always-recreate-deps", help="Replace dependencies too.")
    renew_anonymous_volumes: bool = flag(
        "-V", "--renew-anon-volumes", help="Give new containers new anonymous volumes instead of those before."
    )
    remove_orphans: bool | None = flag(
        "--remove-orphans", default=None, help="Remove containers of services that the file does not have."
    )
    destroy_data: bool = flag("--destroy-data", help="Consent to steps that lose data, such as making a volume anew.")
    timeout: int | None = number("-t", "--timeout", metavar="SECONDS", help="How long containers may take to stop.")
    yes: bool = flag("-y", "--yes", "--y", help="Do not ask.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes(Way):
    services: tuple[str, ...] = arguments("[SERVICE]...", "The services to bring about, with what they depend on.")
    no_deps: bool = flag("--no-deps", help="Leave the services that the named ones depend on alone.")
    scale: tuple[str, ...] = many("--scale", metavar="SERVICE=N", help="Have N containers of a service.")


def checked(wishes: Way, context: Context) -> None:
    """Refuse what contradicts itself."""
    together = (
        ("--build", wishes.build, "--no-build", wishes.no_build),
        ("--force-recreate", wishes.force_recreate, "--no-recreate", wishes.no_recreate),
        ("--always-recreate-deps", wishes.always_recreate_deps, "--no-recreate", wishes.no_recreate),
        ("--renew-anon-volumes", wishes.renew_anonymous_volumes, "--no-recreate", wishes.no_recreate),
    )
    for one, has_one, other, has_other in together:
        exclusive(one, has_one, other, has_other)
    if wishes.remove_orphans and context.switch("COMPOSE_IGNORE_ORPHANS"):
        raise UsageError("--remove-orphans contradicts COMPOSE_IGNORE_ORPHANS", hint="leave one of them out")


def exclusive(one: str, has_one: object, other: str, has_other: object) -> None:
    """Refuse two options that do not go together."""
    if has_one and has_other:
        raise UsageError(f"{one} and {other} contradict each other", hint="leave one of them out")


def policy(
    wishes: Way,
    context: Context,
    stack: Stack,
    *,
    start: bool = True,
    wait: bool = False,
    wait_timeout: int | None = None,
) -> Policy:
    """What the options ask of the planner."""
    checked(wishes, context)
    recreate = Recreate.DIVERGED
    if wishes.no_recreate:
        recreate = Recreate.NEVER
    elif wishes.force_recreate or wishes.renew_anonymous_volumes:
        recreate = Recreate.FORCE
    return Policy(
        targets=targets(wishes.services, stack),
        dependencies=not wishes.no_deps,
        start=start,
        recreate=recreate,
        recreate_dependencies=dependencies_recreated(wishes, recreate),
        renew_anonymous_volumes=wishes.renew_anonymous_volumes,
        remove_orphans=orphans_removed(wishes.remove_orphans, context),
        stopped=context.intents.of(stack.name).services,
        start_finished=True,
        ignore_orphans=context.switch("COMPOSE_IGNORE_ORPHANS"),
        destroy_data=wishes.destroy_data,
        pull=pull_policy(wishes.pull),
        build=wishes.build,
        never_build=wishes.no_build,
        wait=wait,
        wait_timeout=wait_timeout,
        stop_timeout=wishes.timeout,
    )


def targets(named: tuple[str, ...], stack: Stack) -> frozenset[str] | None:
    """The services that the names (or glob patterns) mean; ``None`` where none is named."""
    if not named:
        return None
    found = {name for name in stack.services for pattern in named if fnmatchcase(name, pattern)}
    return frozenset(found) if found else frozenset(known(stack, name) for name in named)


def hush(wishes: Way) -> frozenset[type[Action]]:
    """The actions whose progress is not to be shown."""
    kinds: list[type[Action]] = [PullImage] if wishes.quiet_pull else []
    return frozenset([*kinds, BuildImage] if wishes.quiet_build else kinds)


def dependencies_recreated(wishes: Way, recreate: Recreate) -> Recreate:
    """Dependencies are only recreated where they differ, unless asked for; ``--no-recreate`` covers them too."""
    if recreate is Recreate.NEVER:
        return Recreate.NEVER
    return Recreate.FORCE if wishes.always_recreate_deps else Recreate.DIVERGED


def orphans_removed(asked: bool | None, context: Context) -> bool:
    """``--remove-orphans``, else ``COMPOSE_REMOVE_ORPHANS``."""
    return context.switch("COMPOSE_REMOVE_ORPHANS") if asked is None else asked


def pull_policy(asked: str) -> PullPolicy | None:
    if asked in ("", "policy"):
        return None
    return PullPolicy.MISSING if asked == "if_not_present" else PullPolicy(asked)


def desired(stack: Stack, scale: tuple[str, ...]) -> Stack:
    """``stack`` with the replica counts of ``--scale``."""
    return stack.scaled(counts(stack, scale)) if scale else stack


def counts(stack: Stack, wanted: tuple[str, ...]) -> dict[str, int]:
    """``("web=3",)`` as ``{"web": 3}``."""
    found: dict[str, int] = {}
    for item in wanted:
        name, equals, number = item.partition("=")
        if not equals or not number.isdigit():
            raise UsageError(f"{item!r} does not say how many", hint="write it like web=3")
        known(stack, name)
        found[name] = int(number)
    return found


def known(stack: Stack, name: str) -> str:
    """``name``, if it is a service of the stack."""
    if name in stack.services:
        return name
    from difflib import get_close_matches

    close = get_close_matches(name, list(stack.services), n=1)
    hint = f"did you mean {close[0]}?" if close else f"the services are {', '.join(sorted(stack.services))}"
    raise UnknownService(f"no such service: {name}", hint=hint)
