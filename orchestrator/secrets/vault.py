"""HashiCorp Vault and OpenBao: secrets of a KV engine, version 1 or 2, over HTTPS.

A path is the API's own (``kv/data/shop`` in version 2, ``kv/shop`` in version 1). The token comes from a file, read for each
question, or from AppRole, whose token is had anew when Vault no longer takes it. Redirects are not followed.
"""

from __future__ import annotations

import http.client
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

from orchestrator.model.host import SecretStore
from orchestrator.secrets.errors import StoreFailed
from orchestrator.secrets.lines import NotOneLine, line_of
from orchestrator.secrets.providers import LARGEST, entry_of

_MEANING = {
    400: "Vault does not understand the question",
    403: "Vault denies it: the token has no right to this path, or is no longer valid",
    404: "Vault has nothing at this path",
    429: "Vault has no standby that answers",
    500: "Vault failed",
    503: "Vault is sealed, or being maintained",
}


class Vault:
    def __init__(self, store: SecretStore) -> None:
        self._store = store
        self._url = urlsplit(store.address)
        self._token = ""

    def value(self, path: str, key: str) -> bytes:
        status, answer = self._read(path)
        if status == 403 and self._store.role_id_file:
            self._token = ""  # it has ended, or was revoked
            status, answer = self._read(path)
        if status != 200:
            raise StoreFailed(_MEANING.get(status, f"Vault answered with status {status}"))
        data = answer.get("data")
        if isinstance(data, dict) and isinstance(data.get("metadata"), dict) and "data" in data:
            data = data["data"]  # version 2
        if not isinstance(data, dict):
            raise StoreFailed("what Vault has there is no secret of a KV engine")
        if not key and len(data) == 1:
            key = next(iter(data))
        if not key:
            raise StoreFailed(f"a `key` is needed: there are {len(data)} entries")
        return entry_of(data, key)

    def _read(self, path: str) -> tuple[int, dict[str, Any]]:
        return self._ask("GET", f"/v1/{path}", token=self._a_token())

    def _a_token(self) -> str:
        if self._store.token_file:
            return _read(self._store.token_file)
        if not self._token:
            asked = {"role_id": _read(self._store.role_id_file), "secret_id": _read(self._store.secret_id_file)}
            status, answer = self._ask("POST", f"/v1/auth/{self._store.mount}/login", body=asked)
            token = (answer.get("auth") or {}).get("client_token") if status == 200 else None
            if not isinstance(token, str) or not token:
                raise StoreFailed(f"Vault does not let the AppRole in (status {status})")
            self._token = token
        return self._token

    def _ask(
        self, method: str, path: str, *, token: str = "", body: dict[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        headers = {"X-Vault-Request": "true", "Accept": "application/json"}
        headers |= {"X-Vault-Token": token} if token else {}
        headers |= {"X-Vault-Namespace": self._store.namespace} if self._store.namespace else {}
        connection = self._connection()
        try:
            connection.request(
                method, self._url.path.rstrip("/") + path, body=json.dumps(body) if body else None, headers=headers
            )
            response = connection.getresponse()
            data = response.read(LARGEST + 1)
        except ssl.SSLCertVerificationError as error:
            raise StoreFailed(f"the certificate of {self._url.netloc} does not count: {error.verify_message}") from None
        except TimeoutError:
            raise StoreFailed(f"{self._url.netloc} did not answer within {self._store.timeout:g} s") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            raise StoreFailed(f"{self._url.netloc} cannot be asked: {reason}") from None
        finally:
            connection.close()
        return response.status, _mapping(data)

    def _connection(self) -> http.client.HTTPConnection:
        host, port, timeout = self._url.hostname or "", self._url.port, self._store.timeout
        if self._url.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=timeout)
        try:
            context = ssl.create_default_context(cafile=self._store.ca_file or None)
        except OSError:
            raise StoreFailed(f"{self._store.ca_file} holds no certificates") from None
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=context)


def _mapping(data: bytes) -> dict[str, Any]:
    if len(data) > LARGEST:
        raise StoreFailed(f"Vault answered with more than {LARGEST >> 20} MiB")
    try:
        answer = json.loads(data or b"{}")
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _read(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return line_of(file.read(4096))
    except OSError as error:
        raise StoreFailed(f"{path} cannot be read: {error.strerror}") from None
    except NotOneLine as problem:
        raise StoreFailed(f"{path} {problem.said}") from None
