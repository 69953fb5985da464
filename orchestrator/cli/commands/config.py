"""`stack config`: the files as they are understood, or one list out of them."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.cli import loading
from orchestrator.cli.declare import arguments, flag, text
from orchestrator.cli.wiring import Context
from orchestrator.errors import StackError
from orchestrator.records import dataclass
from orchestrator.spec import render
from orchestrator.spec.load import Canonical, load_canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services_named: tuple[str, ...] = arguments("[SERVICE]...", "Only these services and what they depend on.")
    environment: bool = flag("--environment", help="The variables that the files are filled in from.")
    format: str = text("--format", metavar="HOW", choices=("", "yaml", "json"), help="yaml or json.")
    hash: str = text("--hash", metavar="SERVICE,...", help="The fingerprints of these services, * for all.")
    images: bool = flag("--images", help="The images.")
    lock_image_digests: bool = flag("--lock-image-digests", later=True)
    models: bool = flag("--models", help="The models.")
    networks: bool = flag("--networks", help="The networks.")
    no_consistency: bool = flag("--no-consistency", help="Do not check whether fields go together.")
    no_env_resolution: bool = flag("--no-env-resolution", help="Leave env files as they are.")
    no_interpolate: bool = flag("--no-interpolate", help="Leave variables as they are.")
    no_normalize: bool = flag("--no-normalize", help="Leave out what follows from the rest.")
    no_path_resolution: bool = flag("--no-path-resolution", help="Leave relative paths as they are.")
    output: str = text("-o", "--output", metavar="FILE", help="Write to a file.")
    profiles: bool = flag("--profiles", help="The profiles.")
    quiet: bool = flag("-q", "--quiet", help="Only check the files.")
    resolve_image_digests: bool = flag("--resolve-image-digests", later=True)
    services: bool = flag("--services", help="The services.")
    variables: bool = flag("--variables", help="The variables that the files read.")
    volumes: bool = flag("--volumes", help="The volumes.")


def run(context: Context, options: Options) -> int:
    text = _text(context, options)
    if options.quiet:
        return 0
    if options.output:
        _write(options.output, text)
    else:
        context.show(text)
    return 0


def _text(context: Context, options: Options) -> str:
    if options.hash:
        return _hashes(context, options)
    canonical = _load(context, options)
    if options.variables:
        return _variables(canonical, options.format)
    listed = _list(canonical, options)
    if listed is not None:
        return "".join(f"{line}\n" for line in listed)
    return _ended(render.to_json(canonical) if options.format == "json" else render.to_yaml(canonical))


def _load(context: Context, options: Options) -> Canonical:
    whole = options.no_interpolate or options.variables
    if whole and options.services_named:
        context.say("warning: services are not picked out together with --no-interpolate or --variables")
    return load_canonical(
        loading.request(
            context,
            () if whole else options.services_named,
            interpolate=not options.no_interpolate,
            normalize=not (options.no_normalize or context.shared.compatibility),
            resolve_paths=not options.no_path_resolution,
            resolve_env=not options.no_env_resolution,
            consistency=not options.no_consistency,
        )
    )


def _list(canonical: Canonical, options: Options) -> Iterable[str] | None:
    """The list asked for; of several the first in Compose's order."""
    if options.services:
        return render.services(canonical)
    for asked, section in ((options.volumes, "volumes"), (options.networks, "networks"), (options.models, "models")):
        if asked:
            return render.names(canonical, section)
    if options.profiles:
        return render.profiles(canonical)
    if options.images:
        return render.images(canonical)
    return render.environment(canonical) if options.environment else None


def _variables(canonical: Canonical, format: str) -> str:
    found = render.variables(canonical)
    if format == "json":
        import json

        return json.dumps({item["name"]: item for item in found}, indent=2, ensure_ascii=False) + "\n"
    from orchestrator.cli.render.table import table

    headings = ("NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE")
    rows = [(i["name"], str(i["required"]).lower(), str(i["default"] or ""), str(i["alternate"] or "")) for i in found]
    return table(headings, rows, narrowest=20)


def _hashes(context: Context, options: Options) -> str:
    from orchestrator.cli import wishes
    from orchestrator.model import fingerprint

    stack = context.load()
    wanted = sorted(stack.services) if options.hash == "*" else options.hash.split(",")
    services = [stack.services[wishes.known(stack, name)] for name in wanted]
    return "".join(f"{service.name} {fingerprint.of(service, stack)}\n" for service in services)


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as problem:
        raise StackError(f"cannot write {path}: {problem.strerror}", reference="cannot-write") from problem


def _ended(text: str) -> str:
    return text if text.endswith("\n") else text + "\n"
