"""From ``host.yml`` to a ``Host``: which stacks a daemon keeps, and how.

The same reader as for specs, so every value knows its place; the shape is that of ``schemas/host.schema.json``. Paths are
relative to the file. Nothing of the stacks themselves is read here: a broken spec is that stack's trouble alone.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from orchestrator.errors import RuleViolation, SchemaViolation, Where
from orchestrator.model import git_url
from orchestrator.model.admission import Permits
from orchestrator.model.host import (
    DAYS,
    DEFAULT_PASSES,
    DEFAULT_RESYNC,
    WEEK,
    Credentials,
    Decryption,
    GitHostSource,
    Host,
    HostStack,
    ListedStack,
    Mode,
    Window,
)
from orchestrator.model.values import SECOND
from orchestrator.model.webhook import LEAST, is_long_enough
from orchestrator.records import replace
from orchestrator.resources import schema_path
from orchestrator.spec import document, files, listed, values
from orchestrator.spec.admission import admission, load_permits
from orchestrator.spec.document import Map
from orchestrator.spec.host_stores import granted, secret_stores
from orchestrator.spec.limits import DEFAULTS, Limits
from orchestrator.spec.parse import parse
from orchestrator.spec.violations import violations

_WINDOW = re.compile(r"(?:(?P<days>[a-z,-]+) )?(?P<from>\d+):(?P<fm>\d\d)-(?P<to>\d+):(?P<tm>\d\d)")
_DAY = 24 * 60
_SHORTEST_RESYNC = 1.0


def load_host(path: str, *, policy_file: str = "", limits: Limits = DEFAULTS) -> Host:
    """The host that the file at ``path`` describes, with what ``policy_file`` permits beside it ("": nothing).

    Raises SpecError with the place of what is wrong.
    """
    path = os.path.abspath(path)
    root = _read(path, limits)
    defaults = root.get("defaults") or {}
    directory = os.path.dirname(path)
    called = _called(root)
    stacks = {
        name: _stack(root, name, {**defaults, **_settings(node)}, directory)
        for name, node in (root.get("stacks") or {}).items()
    }
    credentials = {host: _credentials(node or {}, directory) for host, node in (root.get("credentials") or {}).items()}
    sources = {
        name: replace(
            _git(root, name, {"secret_stores": [], **defaults, **node}, directory), credentials=credentials, host=called
        )
        for name, node in (root.get("sources") or {}).items()
    }
    listed.check_claims(stacks, sources)
    stores = secret_stores(root, directory)
    permits = load_permits(policy_file, _schema(), limits=limits).with_more(_permits(root))
    return Host(
        name=called,
        stacks=stacks,
        sources=sources,
        permits=permits,
        secret_stores=stores,
        engine=root.get("engine", ""),
        passes=root.get("passes", DEFAULT_PASSES),
        file=path,
    )


def name_of(path: str) -> str:
    """What specs call the host whose file lies at ``path``; without a file the machine's own name. Raises SpecError."""
    return _called(_read(os.path.abspath(path), DEFAULTS)) if os.path.lexists(path) else socket.gethostname()


def _called(root: Map) -> str:
    name = root.get("host")
    return name if isinstance(name, str) else socket.gethostname()


def permits_of(path: str) -> Permits:
    """What a policy file permits; "" for nothing. Raises SpecError."""
    return load_permits(path, _schema())


def _permits(root: Map) -> Permits:
    own = {
        name: admission(root, node.get("policy"), ("sources", name, "policy"))
        for name, node in (root.get("sources") or {}).items()
    }
    return Permits(every=admission(root, root.get("policy"), ("policy",)), sources=own)


def _read(path: str, limits: Limits) -> Map:
    try:
        with open(path, "rb") as file:
            data = file.read(limits.file_bytes + 1)
    except OSError as problem:
        raise files.FileMissing(
            f"cannot read the host file: {problem.strerror}",
            where=Where(path),
            hint="name another with --config; `stacks/host.yml` of the project is an example",
        ) from None
    documents = parse(data, path, limits)
    if len(documents) != 1 or not isinstance(documents[0].root, Map):
        raise SchemaViolation("a host file is one mapping with `stacks`", where=Where(path, 1, 1))
    root = documents[0].root
    found = violations(_schema(), root, root)
    if found:
        first, *others = found
        raise SchemaViolation(first.message, where=first.where, hint=first.hint, reference=first.ref, others=others)
    return root


@cache
def _schema() -> dict[str, Any]:
    with open(schema_path("host"), encoding="utf-8") as file:
        loaded: dict[str, Any] = json.load(file)
    return loaded


def _settings(node: Any) -> Mapping[str, Any]:
    """The three spellings of a stack: nothing, its path, or all about it."""
    if isinstance(node, str):
        return {"path": node}
    return node or {}


def _stack(root: Map, name: str, node: Mapping[str, Any], directory: str, where: Where | None = None) -> HostStack:
    where = where or document.where(root, ("stacks", name), at_key=True)
    if "path" in node and "files" in node:
        raise RuleViolation("say either `path` or `files`", where=where)
    named = tuple(os.path.join(directory, text) for text in _texts(node.get("files")))
    place = os.path.normpath(os.path.join(directory, node.get("path", name)))
    if not named and not os.path.isdir(place):
        named = (place,)
    return HostStack(
        name=name,
        directory=os.path.dirname(os.path.normpath(named[0])) if named else place,
        files=tuple(os.path.normpath(file) for file in named),
        env_files=tuple(os.path.normpath(os.path.join(directory, text)) for text in _texts(node.get("env_file"))),
        profiles=_texts(node.get("profiles")),
        variables={key: _plain(value) for key, value in (node.get("variables") or {}).items()},
        mode=Mode(node.get("mode", "enforce")),
        ignore=_texts(node.get("ignore")),
        windows=tuple(_window(text, where) for text in node.get("windows") or ()),
        resync=_resync(node, where),
        heal=node.get("heal", True),
        prune=node.get("prune", False),
        secret_stores=granted(root, where, node.get("secret_stores")),
        decryption=_decryption(node.get("decryption") or {}, directory),
        where=where,
    )


def _decryption(node: Mapping[str, Any], directory: str) -> Decryption:
    return Decryption(
        age_keys=tuple(os.path.normpath(os.path.join(directory, text)) for text in _texts(node.get("age_keys"))),
        gnupg_home=os.path.join(directory, node["gnupg_home"]) if "gnupg_home" in node else "",
    )


def _git(root: Map, name: str, node: Mapping[str, Any], directory: str) -> GitHostSource:
    where = document.where(root, ("sources", name), at_key=True)
    if sum(key in node for key in ("branch", "tag", "semver", "commit")) > 1:
        raise RuleViolation("say one of `branch`, `tag`, `semver` and `commit`", where=where)
    verified = node.get("verify", "off")
    if verified != "off" and "keys" not in node:
        raise RuleViolation("`verify` needs `keys`, the folder with the public keys that count", where=where)
    if verified.startswith("tag") and not node.keys() & {"tag", "semver"}:
        raise RuleViolation("a tag is verified only where a `tag` or `semver` is followed", where=where)
    if "path" in node:
        listed.folder(node["path"], document.where(root, ("sources", name, "path")))
    plain = {key: node[key] for key in _GIT_PLAIN if key in node}
    stacks = _listed(root, name, node, directory)
    return GitHostSource(
        name=name,
        url=_url(root, name, node["url"], directory),
        interval=_seconds(node, "interval"),
        timeout=_seconds(node, "timeout"),
        own_credentials=_credentials(node, directory),
        keys=os.path.join(directory, node["keys"]) if "keys" in node else "",
        sparse=_sparse(node, [one.folder for one in stacks.values()]),
        only=_texts(node.get("only")),
        excluded=_texts(node.get("except")),
        listed=stacks,
        overlays=_texts(node.get("overlays")),
        webhook=_webhook(root, name, node, directory),
        settings=_stack(root, name, {key: node[key] for key in _SETTINGS if key in node}, directory, where),
        where=where,
        **plain,
    )


def _url(root: Map, name: str, url: str, directory: str) -> str:
    if url.startswith((".", "/")):
        url = os.path.normpath(os.path.join(directory, url))
    problem, hint = git_url.why_refused(url)
    if problem:
        if url and hint and not any(git_url.place(url)):
            hint = f"https://, ssh://, or ./{url} for what lies beside the host file"
        where = document.where(root, ("sources", name, "url"))
        raise RuleViolation(problem, where=where, hint=hint, reference="git-url-refused")
    return url


def _webhook(root: Map, name: str, node: Mapping[str, Any], directory: str) -> tuple[str, ...]:
    """The files with its secrets, each of which must be there and long enough."""
    if "webhook" not in node:
        return ()
    where = document.where(root, ("sources", name, "webhook", "secret_file"), at_key=True)
    paths = tuple(os.path.normpath(os.path.join(directory, path)) for path in _texts(node["webhook"]["secret_file"]))
    for path in paths:
        if webhook_secret(path) is None:
            raise RuleViolation(
                f"{path} has no secret of at least {LEAST} bytes",
                where=where,
                hint=f"`openssl rand -hex 32 > {path}`, and the same text goes into the webhook's settings at the forge",
                reference="webhook-secret",
            )
    return paths


def webhook_secret(path: str) -> str | None:
    """The secret in a file, without the line's end; ``None`` where it is not readable, or too short to be one."""
    try:
        with open(path, encoding="utf-8") as file:
            secret = file.read(4096).strip()
    except (OSError, UnicodeDecodeError):
        return None
    return secret if is_long_enough(secret) else None


def _listed(root: Map, name: str, node: Mapping[str, Any], directory: str) -> dict[str, ListedStack]:
    """The stacks that the source names by itself; each may say otherwise what the source says for all."""
    given: Mapping[str, Any] = node.get("stacks") or {}
    found = {}
    for stack, said in given.items():
        where = document.where(root, ("sources", name, "stacks", stack), at_key=True)
        own = {**node, **_settings(said)} if isinstance(said, Map) else node
        folder = _settings(said).get("path", os.path.join(node.get("path", "stacks"), stack))
        found[stack] = ListedStack(
            folder=listed.folder(folder, where),
            settings=_stack(root, stack, {key: own[key] for key in _SETTINGS if key in own}, directory, where),
            overlays=_texts(own.get("overlays")),
            environment=own.get("environment", ""),
        )
    return found


_CREDENTIAL_FILES = ("token_file", "key_file", "known_hosts", "ca_file")
_GIT_PLAIN = (
    "branch",
    "tag",
    "semver",
    "commit",
    "path",
    "environment",
    "verify",
    "allow_rollback",
    "approve",
    "sync",
    "prune",
    "prune_volumes",
    "submodules",
    "lfs",
)
_SETTINGS = (
    "decryption",
    "secret_stores",
    "mode",
    "ignore",
    "windows",
    "resync",
    "heal",
    "prune",
    "profiles",
    "variables",
)


def _credentials(node: Mapping[str, Any], directory: str) -> Credentials:
    named = {key: os.path.join(directory, node[key]) for key in _CREDENTIAL_FILES if key in node}
    return Credentials(user=node.get("user", ""), **named)


def _sparse(node: Mapping[str, Any], stacks: Iterable[str]) -> tuple[str, ...]:
    """The folders that are wanted: that of the stacks that are found, those that are asked for, and of ``stacks`` the others."""
    asked = node.get("sparse", False)
    if asked is False:
        return ()
    more = () if asked is True else _texts(asked)
    wanted = [os.path.normpath(one) for one in (node.get("path", "stacks"), *more)]
    return tuple(dict.fromkeys([*wanted, *(one for one in stacks if not _is_in(one, wanted))]))


def _is_in(folder: str, others: Iterable[str]) -> bool:
    return any(other == "." or (folder + os.sep).startswith(other + os.sep) for other in others)


def _seconds(node: Mapping[str, Any], name: str) -> float:
    return values.duration(node[name]) / SECOND if name in node else 60.0


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _resync(node: Mapping[str, Any], where: Where) -> float:
    if "resync" not in node:
        return DEFAULT_RESYNC
    seconds = values.duration(node["resync"]) / SECOND
    if seconds < _SHORTEST_RESYNC:
        raise RuleViolation(f"resync of {node['resync']} is too short", where=where, hint="one second is the least")
    return seconds


def _window(text: str, where: Where) -> Window:
    found = _WINDOW.fullmatch(text)
    assert found is not None  # the schema's pattern is narrower
    start = int(found["from"]) * 60 + int(found["fm"])
    end = int(found["to"]) * 60 + int(found["tm"])
    if start >= _DAY or end > _DAY or start == end:
        raise RuleViolation(f"`{text}` is no span of a day", where=where, hint="write it like `mon-fri 22:00-06:00`")
    return Window(start, end, _days(found["days"]))


def _days(text: str | None) -> frozenset[int]:
    if not text:
        return WEEK
    days: set[int] = set()
    for part in text.split(","):
        first, *last = (DAYS.index(day) for day in part.split("-"))
        until = last[-1] if last else first
        days.update((first + step) % 7 for step in range((until - first) % 7 + 1))
    return frozenset(days)
