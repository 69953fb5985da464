"""BuildKit through the buildx program: a ``BuildRequest`` becomes an argument list, its talk lines and progress.

The program is Docker's plugin, called by itself, so that no ``docker`` command is needed. Values that may be secret
(build arguments, secrets) travel in its environment or in a private file, never in the argument list that everyone can
read.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from orchestrator.cancel import CancelToken
from orchestrator.engines.docker import build_context, config
from orchestrator.engines.docker.build_request import BuildRequest, Output, Progress, failed
from orchestrator.engines.docker.buildkit_progress import BuildkitProgress
from orchestrator.engines.docker.classic_build import host_entry
from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.endpoint import Endpoint
from orchestrator.errors import EngineError, Interrupted
from orchestrator.model.stack import Build, BuildSecret, is_remote
from orchestrator.records import dataclass, field

PLUGIN = "docker-buildx"

_PLUGIN_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
# Build arguments with these names would steer the program itself if they stood in its environment.
_STEERING = ("DOCKER_", "BUILDX_", "BUILDKIT_", "OTEL_", "LD_", "SSL_", "XDG_")
_STEERING_NAMES = frozenset(
    {"PATH", "HOME", "TMPDIR", "USER", "SSH_AUTH_SOCK"}
    | {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"}
    | {"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK"}
)


@dataclass(frozen=True, slots=True)
class Command:
    """What is run. The environment may hold secrets and stays out of every text."""

    arguments: list[str]
    environment: dict[str, str] = field(repr=False)
    stdin: bytes | None = field(default=None, repr=False)


def find(environment: Mapping[str, str]) -> str:
    """The path of the buildx program where Docker's command line would look for it, or empty."""
    extra = config.load(environment).get("cliPluginsExtraDirs")
    folders = [os.path.join(config.directory(environment), "cli-plugins")]
    folders += [str(folder) for folder in extra] if isinstance(extra, list) else []
    for folder in (*folders, *_PLUGIN_FOLDERS):
        path = os.path.join(folder, PLUGIN)
        if os.access(path, os.X_OK) and os.path.isfile(path):
            return path
    return ""


def build(
    client: Client, plugin: str, request: BuildRequest, output: Output, progress: Progress, cancel: CancelToken
) -> None:
    if request.build.isolation not in ("", "default"):
        raise EngineError(
            f"building {request.reference}: BuildKit has no isolation {request.build.isolation!r}",
            reference="builder-cannot",
        )
    with _secret_files(request.build.secrets) as files:
        command = compose(plugin, request, client.environment, client.endpoint, files)
        _run(command, request, BuildkitProgress(output, progress), cancel)


def check(client: Client, plugin: str, request: BuildRequest) -> tuple[bool, str]:
    """What BuildKit's checks say of the Dockerfile; whether they found nothing."""
    import subprocess

    with _secret_files(request.build.secrets) as files:
        command = compose(plugin, request, client.environment, client.endpoint, files)
        words = ["--check" if word in ("--load", "--push") else word for word in command.arguments]
        words = ["--progress=quiet" if word.startswith("--progress=") else word for word in words]
        done = subprocess.run(
            words,
            env=command.environment,
            input=command.stdin or b"",
            capture_output=True,
            check=False,
        )
    said, complaint = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    if done.returncode and not said.strip():
        raise failed(request, f"buildx ended with {done.returncode}", complaint.splitlines())
    return done.returncode == 0, said


def compose(
    plugin: str,
    request: BuildRequest,
    environment: Mapping[str, str],
    endpoint: Endpoint,
    secret_files: Mapping[str, str],
) -> Command:
    """The whole command, as a value."""
    build = request.build
    child = _child_environment(environment, endpoint)
    arguments = [plugin, "build", *_output(request), "--progress=rawjson"]
    if request.builder:
        arguments += ["--builder", request.builder]
    arguments += _each("--tag", request.tags)
    arguments += _each("--label", (f"{key}={value}" for key, value in request.all_labels.items()))
    arguments += _build_arguments(build, child)
    arguments += _secrets(build, child, secret_files)
    arguments += _options(build)
    stdin = None
    if build.dockerfile_inline:
        arguments += ["--file", "-"]
        stdin = build.dockerfile_inline.encode()
    elif is_remote(build.context):
        arguments += ["--file", build.dockerfile]
    else:
        arguments += ["--file", build_context.dockerfile_path(build)]
    return Command([*arguments, "--", build.context], child, stdin)


def _output(request: BuildRequest) -> list[str]:
    """To the registry, or to the engine; an image of several platforms stays where its builder keeps it."""
    if request.export:
        return ["--push"]
    return [] if len(request.build.platforms) > 1 else ["--load"]


def _options(build: Build) -> list[str]:
    single = {
        "--target": build.target,
        "--network": build.network,
        "--platform": ",".join(build.platforms),
        "--no-cache-filter": ",".join(build.no_cache_filter),
        "--provenance": build.provenance,
        "--sbom": build.sbom,
        "--shm-size": "" if build.shm_size is None else str(build.shm_size),
    }
    options = [f"{name}={value}" for name, value in single.items() if value]
    options += ["--no-cache"] if build.no_cache else []
    options += ["--pull"] if build.pull else []
    options += _each("--cache-from", build.cache_from)
    options += _each("--cache-to", build.cache_to)
    options += _each("--add-host", (host_entry(one) for one in build.extra_hosts))
    options += _each("--ulimit", (f"{name}={one.soft}:{one.hard}" for name, one in build.ulimits.items()))
    options += _each("--allow", build.entitlements + (("security.insecure",) if build.privileged else ()))
    options += _each("--ssh", build.ssh)
    options += _each("--build-context", (f"{name}={value}" for name, value in build.additional_contexts.items()))
    return options


def _each(option: str, values: Iterable[str]) -> list[str]:
    return [f"{option}={value}" for value in values]


def _build_arguments(build: Build, child: dict[str, str]) -> list[str]:
    """The program looks up an argument without a value in its environment, and there we put it."""
    arguments: list[str] = []
    for name, value in build.args.items():
        if value is None:
            arguments += [f"--build-arg={name}"] if name in child else []
        elif _steers(name) or "\0" in value:
            arguments.append(f"--build-arg={name}={value}")
        else:
            child[name] = value
            arguments.append(f"--build-arg={name}")
    return arguments


def _steers(name: str) -> bool:
    upper = name.upper()
    return not name or "=" in name or upper in _STEERING_NAMES or upper.startswith(_STEERING)


def _secrets(build: Build, child: Mapping[str, str], files: Mapping[str, str]) -> list[str]:
    arguments: list[str] = []
    for secret in build.secrets:
        place = files.get(secret.id) or secret.source
        if place:
            arguments.append(f"--secret=id={secret.id},{_csv(f'src={place}')}")
        elif secret.environment in child:
            arguments.append(f"--secret=id={secret.id},{_csv(f'env={secret.environment}')}")
        else:
            raise EngineError(
                f"the build secret {secret.id!r} has no value: the variable {secret.environment!r} is not set",
                hint="set it in the environment, or give the secret a file",
                reference="secret-missing",
            )
    return arguments


def _csv(field_text: str) -> str:
    if "," not in field_text and '"' not in field_text:
        return field_text
    doubled = field_text.replace('"', '""')
    return f'"{doubled}"'


def _child_environment(environment: Mapping[str, str], endpoint: Endpoint) -> dict[str, str]:
    """The user's environment, pointing at the engine we talk to ourselves."""
    child = {name: value for name, value in environment.items() if name not in ("DOCKER_HOST", "DOCKER_CONTEXT")}
    if endpoint.context:
        child["DOCKER_CONTEXT"] = endpoint.context
    else:
        child["DOCKER_HOST"] = str(endpoint)
    # An attestation holds the time: with it every build has another id, and what did not change would be replaced.
    child.setdefault("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")
    return child


@contextmanager
def _secret_files(secrets: Iterable[BuildSecret]) -> Iterator[dict[str, str]]:
    """Secrets that are given as content, in a folder in memory that only we can enter, as long as the build runs."""
    with_content = [secret for secret in secrets if secret.content is not None]
    if not with_content:
        yield {}
        return
    import tempfile

    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        files: dict[str, str] = {}
        for number, secret in enumerate(with_content):
            files[secret.id] = os.path.join(folder, str(number))
            with open(os.open(files[secret.id], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(secret.content or b"")
        yield files


def _run(command: Command, request: BuildRequest, progress: BuildkitProgress, cancel: CancelToken) -> None:
    import subprocess
    import tempfile

    with tempfile.TemporaryFile() as stdin:
        stdin.write(command.stdin or b"")
        stdin.seek(0)
        # Its own session: on Ctrl-C we decide when it ends, and hear what it says until then.
        process = subprocess.Popen(
            command.arguments,
            env=command.environment,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    unsubscribe = cancel.subscribe(lambda: _terminate(process.pid))
    try:
        assert process.stdout is not None
        with process.stdout as talk:
            for line in talk:
                progress.feed(line)
        code = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        unsubscribe()
    if cancel.is_set():
        raise Interrupted(f"building {request.reference} was interrupted", signal_number=cancel.signal_number or 2)
    if code:
        raise failed(request, progress.reason or f"buildx ended with {code}", progress.last_lines)


def _terminate(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        pass  # it has just ended by itself
