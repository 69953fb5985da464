"""A service as one command wants it: what the options of `stack run` change in its settings.

The service of the file and the options come in, the service to plan with goes out; nothing of the file's own is
touched. What is written on the command line is read by the same rules as in the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from orchestrator.cli.declare import argument, arguments, flag, many, text
from orchestrator.cli.wishes import PULL
from orchestrator.errors import UsageError
from orchestrator.model.container import Container
from orchestrator.model.stack import Service, Stack
from orchestrator.model.values import Mount, Port, RestartPolicy
from orchestrator.records import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    service: str = argument("SERVICE", "The service.")
    command: tuple[str, ...] = arguments("[COMMAND] [ARGS]...", "The command, instead of the service's.", rest=True)
    build: bool = flag("--build", help="Build the image first.")
    cap_add: tuple[str, ...] = many("--cap-add", metavar="CAPABILITY", help="Add a capability of the kernel.")
    cap_drop: tuple[str, ...] = many("--cap-drop", metavar="CAPABILITY", help="Take a capability of the kernel away.")
    detach: bool = flag("-d", "--detach", help="Leave it running, and print the container's id.")
    entrypoint: str | None = text("--entrypoint", metavar="WORDS", default=None, help="Another entrypoint.")
    env: tuple[str, ...] = many("-e", "--env", metavar="KEY=VALUE", help="Set a variable; KEY alone passes it on.")
    env_from_files: tuple[str, ...] = many("--env-from-file", metavar="FILE", help="Set the variables of a file.")
    interactive: bool = flag("-i", "--interactive", default=True, help="Pass standard input on.")
    labels: tuple[str, ...] = many("-l", "--label", "--labels", metavar="KEY=VALUE", help="Add a label.")
    name: str = text("--name", metavar="NAME", help="The container's name.")
    no_deps: bool = flag("--no-deps", help="Leave the services that it depends on alone.")
    no_tty: bool | None = flag("-T", "--no-tty", "--no-TTY", default=None, help="Without a terminal.")
    publish: tuple[str, ...] = many("-p", "--publish", metavar="PORT", help="Publish a port, as in the file.")
    pull: str = text("--pull", metavar="WHEN", choices=PULL, help="Pull images: always, missing, never, or policy.")
    quiet: bool = flag("-q", "--quiet", help="Show nothing but what the command prints.")
    quiet_build: bool = flag("--quiet-build", help="Do not show how builds get on.")
    quiet_pull: bool = flag("--quiet-pull", help="Do not show how pulls get on.")
    remove_orphans: bool | None = flag(
        "--remove-orphans", default=None, help="Remove containers of services that the file does not have."
    )
    remove: bool = flag("--rm", help="Remove the container when it ends.")
    service_ports: bool = flag("-P", "--service-ports", help="Publish the service's ports.")
    tty: bool | None = flag("-t", "--tty", default=None, hidden=True, help="With a terminal.")
    use_aliases: bool = flag("--use-aliases", help="Answer to the service's name on its networks.")
    user: str = text("-u", "--user", metavar="USER", help="As this user.")
    volumes: tuple[str, ...] = many(
        "-v", "--volume", "--volumes", metavar="VOLUME", help="Mount a volume, as in the file."
    )
    workdir: str = text("-w", "--workdir", metavar="DIR", help="In this directory.")


def adapted(stack: Stack, options: Options, environment: Mapping[str, str], *, tty: bool) -> Service:
    """The service that ``options`` name, with everything that they say of it."""
    service = stack.services[options.service]
    changed = _settings(service.container, options)
    changed = replace(
        changed,
        environment={**changed.environment, **dict(_variables(options, environment))},
        ports=tuple(_ports(changed, options)),
        mounts=_mounts(changed, options, stack),
        tty=tty,
        stdin_open=options.interactive,
        restart=RestartPolicy(),
    )
    return replace(service, container=changed, replicas=1)


def _settings(settings: Container, options: Options) -> Container:
    """What simply takes the place of the service's own."""
    command, entrypoint = options.command or settings.command, settings.entrypoint
    if options.entrypoint is not None:
        command, entrypoint = options.command or None, tuple(_words(options.entrypoint))
    return replace(
        settings,
        command=command,
        entrypoint=entrypoint,
        cap_add=_capabilities(settings.cap_add, options.cap_add, options.cap_drop),
        cap_drop=_capabilities(settings.cap_drop, options.cap_drop, options.cap_add),
        labels={**settings.labels, **dict(_labels(options.labels))},
        user=options.user or settings.user,
        working_dir=options.workdir or settings.working_dir,
    )


def _words(text: str) -> list[str]:
    from orchestrator.spec import shellwords

    try:
        return shellwords.split(text)
    except ValueError as problem:
        raise UsageError(f"--entrypoint {text!r} cannot be read: {problem}") from None


def _capabilities(own: tuple[str, ...], more: tuple[str, ...], less: tuple[str, ...]) -> tuple[str, ...]:
    """What is asked for on one side is taken from the other."""
    return tuple(dict.fromkeys(name for name in (*own, *more) if name not in less))


def _labels(given: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for item in given:
        key, _, value = item.partition("=")
        if not key:
            raise UsageError(f"--label {item!r} names no label", hint="write it like key=value")
        yield key, value


def _variables(options: Options, environment: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """Those of files, then those given; a name alone stands for its value here, and for nothing where it has none."""
    from orchestrator.spec import environment as environments
    from orchestrator.spec import limits

    for file in options.env_from_files:
        found: dict[str, str] = {}
        environments.read_into(found, os.path.abspath(file), file, environment, None, limits.DEFAULTS)
        yield from found.items()
    for item in options.env:
        key, equals, value = item.partition("=")
        if equals or key in environment:
            yield key, value if equals else environment[key]


def _ports(settings: Container, options: Options) -> Iterator[Port]:
    from orchestrator.spec import ports
    from orchestrator.spec.values import BadValue

    if options.service_ports:
        yield from settings.ports
    for given in options.publish:
        try:
            found = ports.parse(given)
        except BadValue as bad:
            raise _misread("--publish", given, bad) from None
        for port in found:
            yield Port(port.target, port.published, port.protocol, port.host_ip)


def _mounts(settings: Container, options: Options, stack: Stack) -> tuple[Mount, ...]:
    """The service's mounts, but for targets that are given another one."""
    more = [_mount(given, stack) for given in options.volumes]
    taken = {mount.target for mount in more}
    return (*(mount for mount in settings.mounts if mount.target not in taken), *more)


def _mount(given: str, stack: Stack) -> Mount:
    from orchestrator.spec import build_service, volumes
    from orchestrator.spec.values import BadValue

    try:
        node = volumes.parse(given)
        mount = build_service.mount(node, lambda key: stack.volumes[key].name if key in stack.volumes else key)
    except BadValue as bad:
        raise _misread("--volume", given, bad) from None
    if node["type"] != "bind":
        return mount
    return replace(mount, source=os.path.abspath(os.path.expanduser(mount.source)))


def _misread(option: str, given: str, bad: Exception) -> UsageError:
    problems = getattr(bad, "problems", ())
    message, hint = (problems[0][1], problems[0][2]) if problems else (str(bad), "")
    return UsageError(f"{option} {given}: {message}", hint=hint)
