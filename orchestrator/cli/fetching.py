"""From the options that say where a stack comes from (``origins``) to what fetches and loads it: for whoever takes it, and for
whoever only looks. Everything that can be wrong with repository, reference, folder or host is raised here.
"""

from __future__ import annotations

import os
import re
from functools import partial
from typing import TypeVar

from orchestrator.admission.guard import Admitting
from orchestrator.cli import state
from orchestrator.cli.commands.daemon_run import DEFAULT_CONFIG
from orchestrator.cli.origins import Origin
from orchestrator.cli.render import safe
from orchestrator.cli.unlocking import stores
from orchestrator.cli.wiring import Context
from orchestrator.errors import UsageError
from orchestrator.gitops.discovery import discovered
from orchestrator.gitops.folder import Folder
from orchestrator.gitops.follower import Followed, Head
from orchestrator.gitops.git import Access
from orchestrator.gitops.repository import Extent, Ref, Repository
from orchestrator.gitops.selection import Chosen, env_files, hosts_of, is_here, spec_files
from orchestrator.gitops.source import GitSource
from orchestrator.model.host import HostStack
from orchestrator.secrets.keys import of_user
from orchestrator.spec import files, names
from orchestrator.spec.admission import usual_file
from orchestrator.spec.host import name_of, permits_of

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")  # as the schema of host.yml has it
R = TypeVar("R", bound=Repository)
ROOTS = (".", "stacks")  # where stacks are looked for when no path is given


def repository(context: Context, options: Origin, kind: type[R]) -> R:
    """The repository that is named, in our directory. Raises UrlRefused, and UsageError for files that are not there."""
    _check_names(options)
    sparse = tuple(os.path.normpath(one) for one in (options.path, *options.sparse)) if options.sparse else ()
    return kind(
        _url(options.url),
        os.path.join(state.directory(context.environment), "git"),
        _access(options),
        extent=Extent(submodules=options.submodules, lfs=options.lfs, sparse=sparse),
    )


def reference(repository: Repository, options: Origin) -> Ref:
    if options.ref:
        return repository.find(options.ref)
    return Ref(options.branch, options.tag, options.semver, options.commit)


def keys(options: Origin) -> str:
    """The folder with the keys that count for signatures, "" for none."""
    if options.keys and not os.path.isdir(options.keys):
        raise UsageError(f"--keys: there is no folder {options.keys}")
    return os.path.abspath(options.keys) if options.keys else ""


def chosen(context: Context, options: Origin, repository: Repository, head: Head) -> Chosen:
    """The one stack of the commit that is meant."""
    folder, name = _which(options, repository, head)
    name = names.chosen(context.shared.project_name, context.environment) or name
    if not name:
        raise UsageError(
            f"{safe.one_line(folder)} gives the stack no name", hint="name it with -p", reference="invalid-project-name"
        )
    entry = _entry(context, options, name)
    _check_overlays(options, head, folder)
    _check_environment(context, options, head, folder)
    _check_host(options, head, folder)
    return Chosen(folder=folder, entry=entry, overlays=options.overlays, environment=options.environment)


def source(context: Context, options: Origin, chosen: Chosen, followed: Followed, *, remembers: bool) -> GitSource:
    """What the stack is loaded from."""
    folder = Folder(
        chosen,
        followed,
        lambda: context.key,
        keys=partial(of_user, context.environment),
        stores=stores(context),
        admitting=_admitting(context, options),
    )
    return GitSource(folder, remembers=remembers)


def _admitting(context: Context, options: Origin) -> Admitting:
    """By this host's policy file: what comes from elsewhere is no more to be trusted because somebody typed its address."""
    engine = context.engine.engine
    return Admitting(
        permits=permits_of(usual_file(context.environment)),
        world=engine.as_world,
        environment=context.environment,
        local=engine.local,
        verified=options.verify not in ("", "off"),
    )


def _url(text: str) -> str:
    """A path of this machine becomes absolute; what else it may be is for the repository to say."""
    return os.path.abspath(text) if "://" not in text and os.path.exists(text) else text


def _access(options: Origin) -> Access:
    named = {name: getattr(options, name) for name in ("token_file", "key_file", "known_hosts", "ca_file")}
    for name, path in named.items():
        if path and not os.path.isfile(path):
            raise UsageError(f"--{name.replace('_', '-')}: there is no file {path}")
    return Access(user=options.user, **{name: os.path.abspath(path) for name, path in named.items() if path})


def _which(options: Origin, repository: Repository, head: Head) -> tuple[str, str]:
    """The stack's folder in the repository, and the name that it gives: the daemon would call it the same."""
    wanted = os.path.normpath(options.path) if options.path else ""
    if wanted.startswith(("/", "..")):
        raise UsageError(f"--path {options.path} leads out of the repository", hint="it is relative to its root")
    found = {
        folder: name
        for root in ([wanted] if wanted else ROOTS)
        for name, folder in discovered(head.place, root, repository.git.url).items()
    }
    if len(found) == 1:
        folder, name = found.popitem()
        return folder, names.normalized(name)
    if found:
        raise UsageError(
            f"{wanted or 'the repository'} holds several stacks",
            hint=f"choose one: {', '.join(f'--path {folder}' for folder in sorted(found))}",
            reference="git-several-stacks",
        )
    raise UsageError(
        f"commit {head.commit[:12]} has no spec in {wanted or 'its root, nor in stacks/'}",
        hint=_elsewhere(head.place),
        reference="git-no-spec",
    )


def _elsewhere(place: str) -> str:
    """Where in the repository there are specs, for whoever named a folder without one."""
    found = []
    for folder, folders, inside in os.walk(place):
        folders.sort()
        if any(name in inside for name in files.NAMES):
            found.append(os.path.relpath(folder, place))
        if len(found) > 20:
            break
    return f"there are: {', '.join(f'--path {one}' for one in found)}" if found else "it has no spec anywhere"


def _check_overlays(options: Origin, head: Head, folder: str) -> None:
    """The daemon merges an overlay where a folder has it; whoever names one here means it."""
    for name in options.overlays:
        if not os.path.isfile(os.path.join(head.place, folder, name)):
            raise UsageError(f"--overlay: commit {head.commit[:12]} has no {os.path.join(folder, name)}")


def _check_names(options: Origin) -> None:
    for option, name in (("--environment", options.environment), ("--as-host", options.as_host)):
        if name and not _NAME.fullmatch(name):
            raise UsageError(
                f"{option} {name!r} is no name", hint="letters, digits, _ . and -, beginning with one of the first"
            )


def _check_environment(context: Context, options: Origin, head: Head, folder: str) -> None:
    """Not each stack of a repository has something of its own in each environment; a name that is misspelt has it in none."""
    place = os.path.join(head.place, folder)
    if (
        options.environment
        and spec_files(place, options.environment) == spec_files(place, "")
        and not env_files(place, options.environment)
    ):
        context.say(
            f"warning: {safe.one_line(folder)}: commit {head.commit[:12]} has no app.{options.environment}.yml, "
            f"nor .env.{options.environment}, nor {options.environment}.env there; taken as without --environment"
        )


def _check_host(options: Origin, head: Head, folder: str) -> None:
    """A stack for other hosts does not run on this one by mistake."""
    named = hosts_of(spec_files(os.path.join(head.place, folder), options.environment, options.overlays), head.place)
    if not named:
        return
    host = options.as_host or name_of(DEFAULT_CONFIG)
    if not is_here(named, host):
        raise UsageError(
            safe.one_line(f"{folder} is for {', '.join(named)} (x-stack.hosts), and this host is {host}"),
            hint="it belongs there; if specs call this host otherwise, say so: --as-host NAME",
            reference="git-other-host",
        )


def _entry(context: Context, options: Origin, name: str) -> HostStack:
    env_files = tuple(os.path.abspath(path) for path in context.shared.env_files)
    for path in env_files:
        if not os.path.isfile(path):
            raise UsageError(f"--env-file: there is no file {path}")
    return HostStack(
        name=name,
        directory="",
        env_files=env_files,
        profiles=context.shared.profiles,
        variables=dict(_variable(text) for text in options.variables),
    )


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"--set {text!r} gives no value", hint="write it like --set DOMAIN=example.org")
    return name, value
