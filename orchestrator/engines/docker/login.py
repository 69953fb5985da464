"""Logging in to a registry and out of it: the engine checks, Docker's own configuration remembers.

Where the configuration names a credential helper, the secret goes to it (through the Docker SDK, on standard input);
otherwise into ``config.json``, which only its owner can read then. Everything else in that file stays as it is.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Mapping
from typing import Any

from orchestrator.engines.docker import config, references
from orchestrator.engines.docker.client import Client
from orchestrator.errors import EngineError, UsageError, Where

PUBLIC = "https://index.docker.io/v1/"


def server_of(text: str) -> str:
    """The name under which Docker's configuration keeps a registry's credentials."""
    host = text.removeprefix("https://").removeprefix("http://").partition("/")[0]
    is_public = host in ("", references.DEFAULT_REGISTRY, references.OLD_DEFAULT_REGISTRY, "registry-1.docker.io")
    return PUBLIC if is_public else host


def login(client: Client, server: str, username: str, password: str) -> str:
    """Check with the registry, then remember. Returns where the credentials are kept."""
    question = {"username": username, "password": password, "serveraddress": server}
    try:
        answer = client.post_json("/auth", body=question)
    except EngineError as problem:
        raise _refused(server, problem) from problem
    return remember(client.environment, server, username, password, str(answer.get("IdentityToken") or ""))


def remember(environment: Mapping[str, str], server: str, username: str, password: str, token: str = "") -> str:
    """Keep the credentials; returns where: the helper's name, or the path of the file."""
    content = config.load(environment)
    helper = _helper(content, server)
    auths = content.setdefault("auths", {})
    if helper:
        _store(environment, helper).store(server, "<token>" if token else username, token or password)
        auths[server] = {}  # so that it is known for whom to ask the helper
    else:
        pair = base64.b64encode(f"{username}:{'' if token else password}".encode()).decode()
        auths[server] = {"auth": pair, "identitytoken": token} if token else {"auth": pair}
    path = _write(environment, content)
    return f"docker-credential-{helper}" if helper else path


def forget(environment: Mapping[str, str], server: str) -> bool:
    """Remove what is kept for the registry, in the file and with its helper; whether there was anything."""
    content = config.load(environment)
    helper = _helper(content, server)
    auths = content.get("auths") or {}
    known = [name for name in auths if name == server or server_of(name) == server]
    if helper:
        _erase(environment, helper, server)
    for name in known:
        del auths[name]
    if known:
        _write(environment, content)
    return bool(known)


def username_of(environment: Mapping[str, str], server: str) -> str:
    """The user for whom credentials are kept in the file; "" where none are, or a helper has them."""
    entry = (config.load(environment).get("auths") or {}).get(server) or {}
    try:
        return base64.b64decode(str(entry.get("auth") or "")).decode().partition(":")[0]
    except ValueError:
        return ""


def _helper(content: Mapping[str, Any], server: str) -> str:
    own = (content.get("credHelpers") or {}).get(server)
    return str(own or content.get("credsStore") or "")


def _store(environment: Mapping[str, str], helper: str) -> Any:
    from docker.credentials import Store
    from docker.credentials.errors import InitializationError

    try:
        return Store(helper, environment=dict(environment))
    except InitializationError as problem:
        raise _no_helper(environment, helper, problem) from problem


def _erase(environment: Mapping[str, str], helper: str, server: str) -> None:
    from docker.credentials.errors import CredentialsNotFound, InitializationError, StoreError

    try:
        _store(environment, helper).erase(server)
    except CredentialsNotFound:
        pass
    except InitializationError as problem:
        raise _no_helper(environment, helper, problem) from problem
    except StoreError as problem:
        raise EngineError(f"the credential helper {helper} could not forget {server}: {problem}") from problem


def _no_helper(environment: Mapping[str, str], helper: str, problem: Exception) -> UsageError:
    return UsageError(
        f"the credential helper docker-credential-{helper} cannot be used: {problem}",
        where=Where(file=_path(environment)),
        hint="install it, or take it out of credsStore or credHelpers in this file",
        reference="credential-helper",
    )


def _refused(server: str, problem: EngineError) -> EngineError:
    denied = problem.status == 401 or "unauthorized" in problem.message.lower()
    hint = "check the name and the password" if denied else f"check that {server} is a registry the engine can reach"
    return EngineError(
        f"cannot log in to {server}: {problem.message}", hint=hint, status=problem.status, reference="login-failed"
    )


def _path(environment: Mapping[str, str]) -> str:
    return os.path.join(config.directory(environment), "config.json")


def _write(environment: Mapping[str, str], content: Mapping[str, Any]) -> str:
    """Replace the file in one move; a link to it stays a link."""
    path = os.path.realpath(_path(environment))
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        handle, draft = tempfile.mkstemp(
            prefix="config.json.", dir=os.path.dirname(path)
        )  # readable by its owner alone
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent="\t", ensure_ascii=False)
        os.replace(draft, path)
    except OSError as problem:
        raise UsageError(
            f"cannot write the Docker client configuration: {problem.strerror}",
            where=Where(file=path),
            hint="make it writable, or name another folder in DOCKER_CONFIG",
        ) from problem
    return path
