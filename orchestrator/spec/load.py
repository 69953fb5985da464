"""From a request to the canonical model: the outline of the loader.

``load_canonical`` finds and reads the files, settles environment and name, merges everything into one model,
completes it, brings every field into its final form, checks it, and reduces it to the services that are asked for.
The model equals what ``docker compose config`` prints; warnings and the variables that were read are data beside it.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from orchestrator.errors import SpecError, Where
from orchestrator.model import masking
from orchestrator.model.stack import Stack
from orchestrator.records import dataclass, field, replace
from orchestrator.spec import (
    advice,
    build,
    defaults,
    environment,
    fields,
    files,
    grants,
    layers,
    limits,
    names,
    profiles,
    reading,
    remote,
    rules,
    store,
)
from orchestrator.spec.context import Context, Scope, Source
from orchestrator.spec.document import Map, Mark
from orchestrator.spec.interpolate import Findings, SpecWarning
from orchestrator.spec.substitute import Variable


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """What is to be loaded, and how far. ``environment`` is the only environment the loader sees. ``secret_values`` are texts that
    were encrypted in the files, so that they are masked wherever they come to stand. ``shown_from`` is the folder from which
    messages name files, "" for the current directory.
    """

    files: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    project_directory: str = ""
    project_name: str = ""
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    current_directory: str = ""
    shown_from: str = ""
    stdin: bytes | str | None = None
    interpolate: bool = True
    normalize: bool = True
    resolve_paths: bool = True
    resolve_env: bool = True
    consistency: bool = True
    all_resources: bool = False
    fetch: remote.Fetch | None = None
    disk: reading.Files = reading.DISK
    limits: limits.Limits = limits.DEFAULTS
    secret_values: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class Canonical:
    """The canonical model and what belongs to it. ``disabled`` holds the services that are not part of it."""

    model: Map
    name: str
    working_dir: str
    config_files: tuple[str, ...]
    environment_files: tuple[str, ...]
    environment: Mapping[str, str]
    profiles: tuple[str, ...]
    disabled: Map
    warnings: tuple[SpecWarning, ...]
    variables: Mapping[str, Variable]
    interpolated: bool = True
    sources: tuple[str, ...] = ()  # every file that the model depends on, there or not
    secret_values: frozenset[str] = field(default=frozenset(), repr=False)


def load_stack(request: LoadRequest, *, key: bytes = b"", separator: str = "-", read_contents: bool = True) -> Stack:
    """The stack that the files describe; ``key`` makes the digests of what its configs and secrets hold."""
    return stack_of(
        load_canonical(request),
        key=key,
        separator=separator,
        bounds=limits.from_environment(request.environment, request.limits),
        read_contents=read_contents,
        store_folder=request.environment.get(store.VARIABLE, ""),
        disk=request.disk,
    )


def stack_of(
    canonical: Canonical,
    *,
    key: bytes = b"",
    separator: str = "-",
    bounds: limits.Limits = limits.DEFAULTS,
    read_contents: bool = True,
    store_folder: str = "",
    disk: reading.Files = reading.DISK,
) -> Stack:
    """The stack that a canonical model describes; without contents of configs and secrets unless ``read_contents``.

    ``store_folder`` is where external configs and secrets are taken from, "" for the usual one.
    """
    try:
        known = replace(
            canonical, secret_values=canonical.secret_values | _named(canonical.variables, canonical.environment)
        )
        return _built(known, key, separator, bounds, read_contents, store_folder, disk)
    except SpecError as error:
        error.masked(canonical.secret_values | _named(canonical.variables, canonical.environment))
        raise


def _built(
    canonical: Canonical,
    key: bytes,
    separator: str,
    bounds: limits.Limits,
    read_contents: bool,
    store_folder: str,
    disk: reading.Files,
) -> Stack:
    return build.to_stack(
        canonical.model,
        name=canonical.name,
        working_dir=canonical.working_dir,
        config_files=canonical.config_files,
        environment_files=canonical.environment_files,
        disabled=canonical.disabled,
        key=key,
        separator=separator,
        bounds=bounds,
        read_contents=read_contents,
        store=store_folder,
        sources=canonical.sources,
        secret_values=canonical.secret_values,
        disk=disk,
    )


@dataclass(slots=True)
class _Project:
    """What is settled before the first file is merged."""

    directory: str
    named_after: str
    files: tuple[str, ...]
    env_files: tuple[str, ...]
    environment: dict[str, str]


def load_canonical(request: LoadRequest) -> Canonical:
    """The canonical model of the files that ``request`` names or that are found."""
    context, environment = _context(request), dict[str, str]()
    try:
        return _loaded(request, context, environment)
    except SpecError as error:
        error.masked(request.secret_values | _named(context.findings.variables, environment))
        raise


def _named(variables: Iterable[str], environment: Mapping[str, str]) -> frozenset[str]:
    """The values of variables that were read and whose names say that they are secret."""
    return masking.named_secrets({name: environment[name] for name in variables if name in environment})


def _loaded(request: LoadRequest, context: Context, environment: dict[str, str]) -> Canonical:
    with _collector_paused():
        project = _find(request, context)
        environment |= project.environment
        sources = [context.read(path) for path in project.files]
        name = _name(request, project, sources, context)
        project.environment["COMPOSE_PROJECT_NAME"] = name
        model = _merged(request, project, sources, context)
        _require_content(model, name, sources)
        model.put("name", name, model.mark_of("name"), model.mark_of("name"))
        if request.normalize:
            defaults.normalize(model, project.environment)
        disabled, active = Map(), profiles.active(request.profiles, project.environment.get("COMPOSE_PROFILES", ""))
        if request.interpolate:
            model, disabled = _completed(request, model, active, project, context)
        found = _canonical(name, model, disabled, active, project, context)
        return replace(found, secret_values=request.secret_values)


def _completed(
    request: LoadRequest, model: Map, active: tuple[str, ...], project: _Project, context: Context
) -> tuple[Map, Map]:
    """The model in its final form, checked, reduced to the services asked for; and the services left out."""
    model = fields.final(model)
    disabled = profiles.split(model, active)
    if request.consistency:
        rules.check(model, disabled)
        _same_scale(model)
        context.findings.advise(model, advice.advice(model))
        context.findings.advise(model, advice.encrypted_mounts(model, context.disk))
    if request.services:
        wanted = profiles.profiles_of(request.services, disabled)
        disabled = profiles.enable(model, disabled, (*active, *wanted))
    if request.resolve_env:
        grants.resolve_environment(model, project.environment, context)
    grants.resolve_labels(model, context)
    profiles.select(model, request.services, disabled)
    if not request.all_resources:
        profiles.without_unused(model)
    return model, disabled


def _canonical(
    name: str, model: Map, disabled: Map, active: tuple[str, ...], project: _Project, context: Context
) -> Canonical:
    return Canonical(
        model=model,
        name=name,
        working_dir=project.directory,
        config_files=project.files,
        environment_files=project.env_files,
        environment=project.environment,
        profiles=active,
        disabled=disabled,
        warnings=context.findings.warnings,
        variables=context.findings.variables,
        interpolated=context.interpolate,
        sources=tuple(context.files),
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """A load makes hundreds of thousands of objects and hardly any garbage; searching for it would double the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _context(request: LoadRequest) -> Context:
    stdin = request.stdin.encode("utf-8", "surrogatepass") if isinstance(request.stdin, str) else request.stdin
    return Context(
        current_directory=request.current_directory or os.getcwd(),
        shown_from=request.shown_from,
        limits=limits.from_environment(request.environment, request.limits),
        interpolate=request.interpolate,
        stdin=stdin,
        fetch=request.fetch,
        disk=request.disk,
        findings=Findings(),
    )


def _find(request: LoadRequest, context: Context) -> _Project:
    """Files, directory, env files and environment. Each can decide the next, so they are settled in Compose's order."""
    here = context.current_directory
    settled = {**request.environment, "PWD": here}
    env_files = environment.named_files(request.env_files, request.environment)
    directory = files.project_directory(request.project_directory, request.files, here)
    read = _read_env(env_files, directory, settled, request, context)
    named = request.files or files.from_environment(settled, here)
    if not named:
        directory = files.project_directory(request.project_directory, (), here)
        named = files.discover(directory, context.findings)
        if not named:
            raise files.missing(directory)
        for name in files.OVERRIDES:
            context.note(os.path.join(os.path.dirname(named[0]), name))  # one that comes later counts as well
    directory = files.project_directory(request.project_directory, named, here)
    read = _read_env(env_files, directory, settled, request, context) or read
    located = _located(named, here, context)
    fetched = [path for file, path in zip(named, located, strict=True) if remote.is_remote(file)]
    # Paths in a fetched spec start from where it was fetched to; the name stays that of the directory here.
    return _Project(os.path.dirname(fetched[0]) if fetched else directory, directory, located, read, settled)


def _read_env(
    named: tuple[str, ...], directory: str, settled: dict[str, str], request: LoadRequest, context: Context
) -> tuple[str, ...]:
    """Fill the gaps of ``settled`` from the env files named, else from the default one of ``directory``."""
    default = None if named else environment.default_file(directory, request.environment, context.disk)
    context.note(os.path.join(directory, ".env"))
    chosen = named or ((default,) if default else ())
    found: dict[str, str] = {}
    for file in chosen:
        path = os.path.normpath(os.path.join(context.current_directory, file))
        context.note(path)
        environment.read_into(found, path, context.shown(path), settled, None, context.limits, context.disk)
    environment.fill_gaps(settled, found)
    return chosen


def _located(named: tuple[str, ...], here: str, context: Context) -> tuple[str, ...]:
    return tuple(
        file if file == files.STDIN else context.local(file, here, Where(file if remote.is_remote(file) else ""))
        for file in named
    )


def _name(request: LoadRequest, project: _Project, sources: list[Source], context: Context) -> str:
    chosen, given = names.chosen(request.project_name, project.environment), _names_in(sources)
    if chosen:
        if request.shown_from and given and given[-1][0] != chosen:
            text = f"a spec's own name has no effect in a repository; the stack is called {chosen}"
            context.findings.warn(text, Where(*given[-1][1], "name"))
        return chosen
    if not given:
        return names.from_directory(project.named_after, context.findings)
    name = names.from_files(
        given, project.environment, context.findings, limits=context.limits, interpolate=request.interpolate
    )
    return names.normalized(name) if request.normalize else name


def _names_in(sources: list[Source]) -> list[tuple[str, Mark]]:
    roots = [document.root for source in sources for document in source.documents]
    return [
        (root["name"], root.mark_of("name"))
        for root in roots
        if isinstance(root, Map) and isinstance(root.get("name"), str) and root["name"]
    ]


def _merged(request: LoadRequest, project: _Project, sources: list[Source], context: Context) -> Map:
    scope = Scope(project.directory, project.directory, project.environment, (), request.resolve_paths)
    return layers.load_model(sources, scope, context)


def _require_content(model: Map, name: str, sources: list[Source]) -> None:
    if not model:
        shown = sources[0].shown if sources else ""
        raise SpecError(
            "the file is empty", where=Where(shown), hint="describe at least one service", reference="empty-file"
        )
    if not name:
        raise SpecError(
            "the project has no name",
            hint="name it with -p, or with name: in the file",
            reference="invalid-project-name",
        )


def _same_scale(model: Map) -> None:
    """``scale`` is the older word for ``deploy.replicas``; where both blocks are there, both say it."""
    for _, service in defaults.services_of(model):
        deploy = service.get("deploy")
        if "scale" in service and isinstance(deploy, Map):
            mark = service.mark_of("scale")
            deploy.put("replicas", service["scale"], mark, mark)
