"""`stack bridge convert`: the stack as Kubernetes manifests, or as what transformation images make of it."""

from __future__ import annotations

from orchestrator.cli import bridging
from orchestrator.cli.declare import flag, many, text
from orchestrator.cli.wiring import Context
from orchestrator.errors import StackError, UsageError
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    output: str = text(
        "-o", "--output", metavar="DIR", default="out", help="Where to write; emptied first, after asking."
    )
    templates: str = text("--templates", metavar="DIR", help="Templates for the transformation images.")
    transformations: tuple[str, ...] = many(
        "-t",
        "--transformation",
        metavar="IMAGE",
        help="Run these images on the stack. Without any, our own conversion makes Kubernetes manifests: Deployments, "
        "DaemonSets and Jobs, Services, ConfigMaps, Secrets, volume claims, network policies and a kustomization.",
    )
    yes: bool = flag("-y", "--yes", help="Empty the folder without asking.")


def run(context: Context, options: Options) -> int:
    if options.templates and not options.transformations:
        raise UsageError(
            "--templates is for transformation images", hint="name one with -t; our own conversion has no templates"
        )
    inputs = bridging.templates(options.templates) if options.templates else {}
    if not options.transformations:
        count = bridging.to_kubernetes(context, bridging.fresh(context, options.output, yes=options.yes))
        context.say(f"{count} files written to {options.output}; `kubectl apply -k {options.output}` brings them about")
        return 0
    name, inputs["in/compose.yaml"] = bridging.model(context)
    folder = bridging.fresh(context, options.output, yes=options.yes)
    for image in options.transformations:
        code, said = context.engine.operations.transform(image, inputs, folder, stack=name)
        context.show(said)
        if code:
            raise StackError(f"the transformation {image} ended with {code}", reference="transformation-failed")
    return 0
