"""A model from files, one document over the other: the steps that every file goes through, in their order.

Each document is substituted, what it includes is brought in, its tags clear what was there, what it extends is
resolved; then it is merged onto the model, checked against the schema and brought into canonical form. After the last
file come default values and paths. An included model goes the same way, in its own scope.
"""

from __future__ import annotations

import os

from orchestrator.errors import SchemaViolation, SyntaxProblem, Where
from orchestrator.spec import advice, defaults, extends, include, merge, parse, paths, resets, schema, shorthand, unique
from orchestrator.spec.context import Context, Scope, Source
from orchestrator.spec.document import Map, Seq, format_path
from orchestrator.spec.interpolate import interpolate
from orchestrator.spec.limits import exceeded


def load_model(sources: list[Source], scope: Scope, context: Context) -> Map:
    """The model of ``sources`` in order: canonical, with defaults, its paths joined to the scope's directory."""
    model = Map(mark=sources[0].documents[0].mark) if sources and sources[0].documents else Map()
    for source in sources:
        inside = Scope(scope.base, scope.directory, scope.environment, (*scope.chain, source.path), scope.resolve_paths)
        for document in source.documents:
            model = _add(model, document, source, inside, context)
    defaults.fill(model)
    if scope.resolve_paths:
        paths.resolve(model, paths.Base(scope.directory, scope.home))
    _take_from_environment(model, scope)
    return model


def _load_included(files: list[str], scope: Scope, context: Context, where: Where) -> Map:
    return load_model([context.read(file, where) for file in files], scope, context)


def _add(model: Map, document: parse.Document, source: Source, scope: Scope, context: Context) -> Map:
    """``model`` with one more document merged onto it."""
    root = _prepared(document, scope, context)
    tags = document.paths("reset", "override")
    include.apply(root, tags, scope, context, _load_included)
    resets.apply_tags(model, tags)
    _extend(root, source, tags, scope, context)
    merged = merge.merge(model, root) if model else root
    unique.enforce(merged)
    schema.validate(merged)
    context.findings.advise(root, advice.lost(root))
    if "version" in merged:
        context.findings.warn(
            "version is obsolete and means nothing; remove it", Where(*merged.mark_of("version"), "version")
        )
        del merged["version"]
    _count_services(merged, context)
    return _canonical(merged, context)


def _canonical(model: Map, context: Context) -> Map:
    model = shorthand.canonical(model, context.limits, lenient=not context.interpolate)
    _without_empty_dns(model)
    unique.enforce(model)
    return model


def _prepared(document: parse.Document, scope: Scope, context: Context) -> Map:
    """The document's root with its variables substituted, and what the parser remarked told or refused."""
    root = document.root
    if not isinstance(root, Map):
        raise SchemaViolation(
            "the file must hold a mapping at the top",
            where=Where(*document.mark),
            hint="begin with services:",
            reference="not-a-mapping",
        )
    for remark in document.remarks:
        _heed(remark, context)
    interpolate(root, scope.environment, context.findings, limits=context.limits, replace=context.interpolate)
    return root


def _heed(remark: parse.Remark, context: Context) -> None:
    where = Where(*remark.mark, format_path(remark.path))
    if remark.kind == "unknown":
        context.findings.warn(f"the tag {remark.text} means nothing here and is ignored", where)
    elif remark.kind == "date" and not any(str(part).startswith("x-") for part in remark.path):
        raise SyntaxProblem(
            f"{remark.text} is read as a date", where=where, hint=f'quote it: "{remark.text}"', reference="wrong-type"
        )


def _extend(root: Map, source: Source, tags: tuple[parse.Path, ...], scope: Scope, context: Context) -> None:
    services = root.get("services")
    if not isinstance(services, Map):
        return
    read: dict[str, extends.Layer] = {}

    def load(file: str, where: Where) -> extends.Layer:
        if file not in read:
            read[file] = _layer(file, where, scope, context)
        return read[file]

    extends.apply(extends.Layer(services, source.shown, tags), load, context.account_copy)


def _layer(file: str, where: Where, scope: Scope, context: Context) -> extends.Layer:
    """The services of a file that is extended: canonical, their paths joined to that file's directory."""
    path = context.local(file, scope.base, where)
    source = context.read(path, where)
    model = Map()
    tags: list[parse.Path] = []
    for document in source.documents:
        root = _prepared(document, scope, context)
        tags += document.paths("reset", "override")
        resets.apply_tags(model, tags)
        merged = merge.merge(model, root) if model else root
        unique.enforce(merged)
        model = _canonical(merged, context)
    services = model.get("services")
    if not isinstance(services, Map):
        raise SchemaViolation(f"{source.shown} has no services to extend", where=where, reference="extends-unknown")
    directory = os.path.relpath(os.path.dirname(path), scope.base)
    paths.resolve(model, paths.Base(directory, scope.home))
    return extends.Layer(services, source.shown, tuple(tags))


def _without_empty_dns(model: Map) -> None:
    """Servers that a variable left empty are no servers."""
    for _, service in defaults.services_of(model):
        servers = service.get("dns")
        if isinstance(servers, Seq) and ("" in servers or None in servers):
            kept = [index for index, server in enumerate(servers) if server not in ("", None)]
            service["dns"] = Seq([servers[i] for i in kept], servers.mark, [servers.mark_of(i) for i in kept])


def _count_services(model: Map, context: Context) -> None:
    services = model.get("services")
    if isinstance(services, Map) and len(services) > context.limits.services:
        raise exceeded("services", context.limits.services, Where(*model.mark_of("services"), "services"))


def _take_from_environment(model: Map, scope: Scope) -> None:
    """Variables named without a value, and contents of secrets and configs, come from the scope that names them."""
    for _, service in defaults.services_of(model):
        if isinstance(service.get("environment"), Seq):
            service["environment"] = defaults.resolved(service["environment"], scope.environment, keep_unset=True)
    for section in ("secrets", "configs"):
        resources = model.get(section)
        for resource in resources.values() if isinstance(resources, Map) else ():
            variable = resource.get("environment") if isinstance(resource, Map) else None
            if isinstance(variable, str) and variable in scope.environment:
                mark = resource.mark_of("environment")
                resource.put("x-#value", scope.environment[variable], mark, mark)
