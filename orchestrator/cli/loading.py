"""From the command line's options to a load request, and what loading has to say to the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.cli.wiring import Context
from orchestrator.errors import StackError
from orchestrator.records import dataclass, field
from orchestrator.spec import names, remote
from orchestrator.spec.files import FileMissing
from orchestrator.spec.load import Canonical, LoadRequest, load_canonical
from orchestrator.spec.reading import Encrypted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from orchestrator.model.probe import Probe

T = TypeVar("T")


def request(context: Context, services: Sequence[str] = (), **more: Any) -> LoadRequest:
    """What the options ask for; ``more`` are further fields of the request."""
    shared = context.shared
    return LoadRequest(
        files=shared.files,
        environment=dict(context.environment),
        project_directory=shared.project_directory,
        project_name=shared.project_name,
        env_files=shared.env_files,
        profiles=more.pop("profiles", shared.profiles),
        services=tuple(services),
        all_resources=shared.all_resources,
        stdin=_stdin(shared.files, context),
        fetch=remote.fetcher(context.environment, shared.insecure_registries),
        **more,
    )


def canonical(context: Context, request: LoadRequest) -> Canonical:
    """The canonical model, what is encrypted of its files decrypted with the user's keys."""
    return decrypted(context, request, load_canonical)


def decrypted(context: Context, request: LoadRequest, load: Callable[[LoadRequest], T]) -> T:
    """What ``load`` makes of ``request``, with the plain texts of encrypted files where it asks for some."""
    try:
        return load(request)
    except Encrypted:
        from orchestrator.cli import unlocking  # few stacks have encrypted files

        return unlocking.opening(context).loaded(request, load)


def _stdin(files: Sequence[str], context: Context) -> bytes | None:
    listed = context.environment.get("COMPOSE_FILE", "")
    if "-" not in (files or listed.split(context.environment.get("COMPOSE_PATH_SEPARATOR") or ":")):
        return None
    import sys

    return sys.stdin.buffer.read()


@dataclass(frozen=True, slots=True)
class Identity:
    """Which stack is meant. ``services`` are those of the file, ``None`` where there is no file; ``probes`` are how those that
    have one are asked whether they are well."""

    name: str
    services: frozenset[str] | None
    probes: Mapping[str, Probe] = field(default_factory=dict)


def identify(context: Context) -> Identity:
    """The stack's name and its services, checking nothing else; with a name no file is needed."""
    explicit = context.shared.project_name or context.environment.get("COMPOSE_PROJECT_NAME", "")
    lightly = request(context, normalize=False, resolve_paths=False, resolve_env=False, consistency=False)
    try:
        found = canonical(context, lightly)
    except FileMissing:
        if not explicit or context.shared.files:
            raise
        return Identity(names.chosen(explicit, context.environment) or explicit, None)
    context.variables = found.environment
    services = found.model.get("services") or {}
    return Identity(found.name, frozenset([*services, *found.disabled]), _probes(services))


def _probes(services: Mapping[str, Any]) -> dict[str, Probe]:
    owns = {name: (service or {}).get("x-stack") for name, service in services.items()}
    asking = {name: own["probe"] for name, own in owns.items() if own and own.get("probe")}
    if not asking:
        return {}
    from orchestrator.spec import build_own  # few files have any

    return {name: build_own.probe(node) for name, node in asking.items()}


def known(context: Context) -> Identity:
    """The stack's name, and what the file says where one was given or had to be read; whoever only looks needs no sound file."""
    explicit = names.chosen(context.shared.project_name, context.environment)
    if not explicit:
        return identify(context)
    try:
        return identify(context) if context.shared.files else Identity(explicit, None)
    except StackError:
        return Identity(explicit, None)


def name_of(context: Context) -> str:
    """The stack's name alone; no file is read where the name is given."""
    explicit = names.chosen(context.shared.project_name, context.environment)
    return explicit or identify(context).name
