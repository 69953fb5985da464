"""Builds: what the builder's program is told, and what the engine's own builder is.

Both come as one description, the fields of ``model.stack.Build`` with a few of ours, which is judged like a request; the call to
the engine's own builder is judged once more by its query.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from typing import Any

from orchestrator.admission import images, labels, paths, reading
from orchestrator.admission.judging import Judge, Table, each, never, one_of, shown
from orchestrator.admission.reading import Unreadable

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_GIT = re.compile(r"git@|[^/]*github\.com/", re.IGNORECASE)
_IMAGE, _TARGET, _LAYOUT = "docker-image://", "target:", "oci-layout://"
_SSH = ("git@", "ssh://")
_PLAIN = re.compile(r"(https?|git)://[A-Za-z0-9._~:/@+#=-]+")
_NETWORKS = ("default", "none")


def look(judge: Judge, body: Any) -> None:
    """A build's description."""
    judge.walk(BUILD, body)
    found = reading.fields(body)
    context, dockerfile = reading.text(found.get("context")), reading.text(found.get("dockerfile"))
    if not context:
        judge.refuse("unreadable", "context", "", "a build without a context")
    elif dockerfile:
        _dockerfile(judge, context, dockerfile)


def _is_elsewhere(context: str) -> bool:
    return bool(_SCHEME.match(context) or _GIT.match(context))


def _dockerfile(judge: Judge, context: str, dockerfile: str) -> None:
    """Of a context from elsewhere it is a file in there, unless it says where it is itself."""
    if not _is_elsewhere(context):
        _file(judge, "dockerfile", os.path.join(context, dockerfile))
    elif _is_elsewhere(dockerfile) or os.path.isabs(dockerfile):
        _context(judge, "dockerfile", dockerfile)


def _file(judge: Judge, field: str, path: str) -> None:
    written = os.path.normpath(path)
    if not os.path.isabs(written) or not paths.contained(judge, written):
        judge.refuse("file-outside", field, path, f"{shown(path)} is outside the checkout")


def _context(judge: Judge, field: str, value: Any) -> None:
    context = reading.text(value)
    if not _is_elsewhere(context):
        _file(judge, field, context)
        return
    if context.startswith(_SSH):
        judge.refuse("build-ssh", field, context, f"{shown(context)} is fetched with the SSH keys of whoever builds")
    if not is_granted(context, judge.grants.contexts):
        judge.refuse("build-context", field, context, f"{shown(context)} is not in the checkout")


def is_granted(context: str, grants: Iterable[str]) -> bool:
    """Whether a URL is one of these or begins with one; whoever names no reference grants all of them.

    What may be read as another path than it seems to be (``..``, ``%2e``, ``\\``) is granted by its own name alone.
    """
    url = f"https://{context}" if context.startswith("github.com/") else context
    is_plain = _PLAIN.fullmatch(url) is not None and ".." not in url
    return any(url == grant or (is_plain and _begins(url, grant)) for grant in grants)


def _begins(url: str, grant: str) -> bool:
    if "#" in grant:
        return url.startswith(f"{grant}:")  # a folder of it
    return url.startswith((f"{grant.rstrip('/')}/", f"{grant}#"))


def _contexts(judge: Judge, field: str, value: Any) -> None:
    for name, said in reading.entries(value).items():
        place = reading.text(said)
        if place.startswith(_IMAGE):
            images.look(judge, f"{field}.{name}", place.removeprefix(_IMAGE))
        elif place.startswith(_LAYOUT):
            _file(judge, f"{field}.{name}", place.removeprefix(_LAYOUT))
        elif not place.startswith(_TARGET):
            _context(judge, f"{field}.{name}", place)


def _cache(judge: Judge, field: str, value: Any) -> None:
    """``type=local,src=...`` names folders of the host; an image's name, or a registry's, is an image's."""
    said = reading.text(value)
    if "=" not in said:
        images.look(judge, field, said)
        return
    parts = dict(part.partition("=")[::2] for part in said.split(","))
    kind = parts.get("type", "")
    if kind == "registry" and parts.get("ref"):
        images.look(judge, field, parts["ref"])
    elif kind != "inline":
        judge.refuse("build-cache", field, said, f"a cache of type {shown(kind)}")


def _secret(judge: Judge, field: str, value: Any) -> None:
    found = reading.fields(value)
    source = reading.text(found.get("source"))
    if source:
        _file(judge, field, source)


def _tag(judge: Judge, field: str, value: Any) -> None:
    name = reading.text(value)
    if name.startswith(images.KEPT) or name == images.KEPT[:-1]:
        judge.refuse("foreign-image", field, name, f"{shown(name)} is a name of ours")


def _entitlement(judge: Judge, field: str, value: Any) -> None:
    judge.refuse("build-entitlement", field, value, f"the entitlement {shown(value)}")


BUILD: Table = {
    "reference": _tag,
    "context": _context,
    "version": None,
    "dockerfile": None,
    "dockerfile_inline": None,
    "additional_contexts": _contexts,
    "args": None,
    "target": None,
    "labels": labels.look,
    "tags": each(_tag),
    "cache_from": each(_cache),
    "cache_to": each(_cache),
    "no_cache": None,
    "no_cache_filter": None,
    "pull": None,
    "network": one_of("build-network", "builds in the network {}", _NETWORKS),
    "extra_hosts": None,
    "platforms": None,
    "secrets": each(_secret),
    "ssh": never("build-ssh", "the SSH keys of whoever builds"),
    "entitlements": each(_entitlement),
    "privileged": never("privileged", "a privileged build is root on the host"),
    "provenance": None,
    "sbom": None,
    "isolation": one_of("runtime", "the isolation {}", ("default",)),
    "shm_size": None,
    "ulimits": None,
    "memory": None,
    "export": never("registry", "images are not pushed for stacks from elsewhere"),
    "builder": never("build-entitlement", "a builder of one's own"),
}

# The query of the call to the engine's own builder. Its content was judged by the description.
QUERY = frozenset(
    (
        "dockerfile",
        "t",
        "buildargs",
        "labels",
        "target",
        "nocache",
        "pull",
        "extrahosts",
        "platform",
        "cachefrom",
        "shmsize",
        "memory",
        "ulimits",
        "rm",
        "forcerm",
        "version",
    )
)


def query(judge: Judge, said: dict[str, list[str]]) -> None:
    """What the engine's own builder is told in its call."""
    for network in said.pop("networkmode", ()):
        if network not in ("", *_NETWORKS):
            judge.refuse("build-network", "networkmode", network, f"builds in the network {shown(network)}")
    for remote in said.pop("remote", ()):
        if remote:
            judge.look(_context, "remote", remote)
    for isolation in said.pop("isolation", ()):
        if isolation not in ("", "default"):
            judge.refuse("runtime", "isolation", isolation, f"the isolation {shown(isolation)}")
    for given in said.get("labels", ()):
        try:
            judge.look(labels.look, "labels", reading.decode(given.encode()))
        except Unreadable as problem:
            judge.refuse("unreadable", "labels", "", str(problem))
    for name, values in said.items():
        if name not in QUERY and any(values):
            judge.refuse("unknown-field", name, "", "no rule knows this field")
