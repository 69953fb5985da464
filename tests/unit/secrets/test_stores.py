"""Secrets that are kept elsewhere: by whom they may be asked for, what is answered, and what is said when nothing is."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import SpecError, StackError
from orchestrator.model.host import SecretStore, StoreKind
from orchestrator.model.stored import Stored, stored
from orchestrator.secrets import decrypting
from orchestrator.secrets.errors import StoreFailed
from orchestrator.secrets.keys import NONE
from orchestrator.secrets.stores import Stores
from orchestrator.spec.host import load_host
from orchestrator.spec.load import LoadRequest, load_stack
from orchestrator.spec.reading import Encrypted
from tests.support import vaults
from tests.support.vaults import Vault

PASSWORD = "canary-9921"
AT = Stored("v", "kv/data/shop", "password")


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    with vaults.vault(tmp_path) as made:
        made.secrets["kv/data/shop"] = {"password": PASSWORD, "port": 5432}
        made.secrets["secret/shop"] = {"password": PASSWORD}
        made.tokens["hvs.good"] = ("kv/data/shop", "secret/shop", "kv/data/nothing", "kv/data/gone")
        made.deleted.add("kv/data/gone")
        yield made


def of(vault: Vault, tmp_path: Path, token: str = "hvs.good", **more: Any) -> SecretStore:
    file = tmp_path / "token"
    file.write_text(f"{token}\n")
    more.setdefault("token_file", str(file))
    return SecretStore(name="v", kind=StoreKind.VAULT, address=vault.address, ca_file=str(vault.ca), **more)


def value(store: SecretStore, at: Stored = AT, environment: dict[str, str] | None = None) -> str:
    return Stores({store.name: store}, environment or {}).granted(None).value(at).decode()


def refused(store: SecretStore, at: Stored = AT) -> str:
    with pytest.raises(StoreFailed) as problem:
        value(store, at)
    assert PASSWORD not in str(problem.value)
    assert "hvs." not in str(problem.value)
    return problem.value.message


def test_vault_answers_from_both_versions_of_its_engine(vault: Vault, tmp_path: Path) -> None:
    store = of(vault, tmp_path)

    assert PASSWORD == value(store)
    assert PASSWORD == value(store, Stored("v", "secret/shop", "password"))
    assert PASSWORD == value(store, Stored("v", "secret/shop"))  # one entry alone needs no key
    assert "5432" == value(store, Stored("v", "kv/data/shop", "port"))
    assert "true" == vault.asked[0][1]["X-Vault-Request"]


def test_what_vault_refuses_is_said_in_words(vault: Vault, tmp_path: Path) -> None:
    store = of(vault, tmp_path)

    assert "has no entry user" in refused(store, Stored("v", "kv/data/shop", "user"))
    assert "a `key` is needed: there are 2 entries" in refused(store, Stored("v", "kv/data/shop"))
    assert "nothing at this path" in refused(store, Stored("v", "kv/data/nothing", "a"))
    assert "nothing at this path" in refused(store, Stored("v", "kv/data/gone", "a"))
    assert "no right to this path" in refused(store, Stored("v", "kv/data/other", "a"))
    assert "no right to this path" in refused(of(vault, tmp_path, token="hvs.bad"))
    vault.sealed = True
    assert "sealed" in refused(of(vault, tmp_path))


@pytest.mark.parametrize(
    ("content", "said"),
    [("\ufeffhvs.good", "byte-order mark"), ("hvs.good\nhvs.other", "several lines"), ("", "holds no token")],
)
def test_what_is_wrong_with_a_file_of_its_token_is_said(vault: Vault, tmp_path: Path, content: str, said: str) -> None:
    assert said in refused(of(vault, tmp_path, token=content))
    assert [] == vault.asked


def test_blanks_around_a_token_are_no_part_of_it(vault: Vault, tmp_path: Path) -> None:
    assert PASSWORD == value(of(vault, tmp_path, token=" hvs.good \r"))


def test_a_role_logs_in_once_and_again_when_its_token_has_ended(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "role").write_text("r1\n")
    (tmp_path / "id").write_text("s1\n")
    store = of(vault, tmp_path, token_file="", role_id_file=str(tmp_path / "role"), secret_id_file=str(tmp_path / "id"))
    vault.roles["r1", "s1"] = ("kv/data/shop",)
    clock = [0.0]
    granted = Stores({"v": store}, {}, monotonic=lambda: clock[0]).granted(None)

    def logins() -> int:
        return [path for path, _ in vault.asked].count("/v1/auth/approle/login")

    assert PASSWORD == granted.value(AT).decode()
    clock[0] = 1000.0
    assert PASSWORD == granted.value(AT).decode()
    assert 1 == logins()
    vault.tokens.clear()
    clock[0] = 2000.0
    assert PASSWORD == granted.value(AT).decode()
    assert 2 == logins()
    (tmp_path / "id").write_text("s2\n")
    assert "does not let the AppRole in" in refused(store)


def test_namespace_certificate_and_time_are_minded(vault: Vault, tmp_path: Path) -> None:
    vault.namespace = "team"
    assert "no right" in refused(of(vault, tmp_path))
    assert PASSWORD == value(of(vault, tmp_path, namespace="team"))
    stranger = SecretStore(name="v", kind=StoreKind.VAULT, address=vault.address, token_file=str(tmp_path / "token"))
    assert "certificate" in refused(stranger)
    vault.stalled = threading.Event()
    assert "did not answer within 0.2 s" in refused(of(vault, tmp_path, timeout=0.2))
    vault.stalled.set()
    vault.stop()
    assert "cannot be asked" in refused(of(vault, tmp_path))


def test_the_last_value_is_used_while_the_store_is_away_and_a_new_one_is_seen_when_it_is_due(
    vault: Vault, tmp_path: Path
) -> None:
    clock, said = [0.0], list[str]()
    stores = Stores({"v": of(vault, tmp_path, refresh=60.0)}, {}, monotonic=lambda: clock[0], say=said.append)
    granted, reference = stores.granted(["v"]), str(AT)
    assert PASSWORD == granted.value(AT).decode()
    first = granted.versions([reference])

    vault.secrets["kv/data/shop"] = {"password": "canary-new"}
    clock[0] = 59.0
    assert first == granted.versions([reference])
    vault.stop()
    for clock[0] in (61.0, 62.0, 100.0):
        assert first == granted.versions([reference])
        assert PASSWORD == granted.value(AT).decode()
    assert 1 == len(said)
    assert PASSWORD not in said[0]
    vault.start()
    clock[0] = 140.0
    assert first != granted.versions([reference])
    assert "canary-new" == granted.value(AT).decode()
    assert "can be had again" in said[1]


def test_environment_files_and_commands_are_asked_within_what_the_operator_set(tmp_path: Path) -> None:
    environment = SecretStore(name="e", kind=StoreKind.ENVIRONMENT, prefix="SHOP_")
    assert PASSWORD == value(environment, Stored("e", "DB"), {"SHOP_DB": PASSWORD})
    assert "b" == value(environment, Stored("e", "DB", "a"), {"SHOP_DB": '{"a": "b"}'})
    with pytest.raises(StoreFailed, match="no SHOP_HOME"):
        value(environment, Stored("e", "HOME"), {"HOME": "/root"})

    folder, outside = tmp_path / "store", tmp_path / "outside"
    (folder / "shop").mkdir(parents=True)
    (folder / "shop" / "db").write_text(PASSWORD)
    outside.write_text("canary-outside")
    (folder / "link").symlink_to(outside)
    files = SecretStore(name="f", kind=StoreKind.FILES, folder=str(folder))
    assert PASSWORD == value(files, Stored("f", "shop/db"))
    with pytest.raises(StoreFailed) as out:
        value(files, Stored("f", "link"))
    assert "canary" not in str(out.value)
    with pytest.raises(StoreFailed, match="No such file"):
        value(files, Stored("f", "gone"))

    command = SecretStore(
        name="c", kind=StoreKind.COMMAND, command=(sys.executable, "-c", "import sys; print(sys.argv[1:])", "{path}")
    )
    assert "['shop/db']" == value(command, Stored("c", "shop/db"))
    slow = SecretStore(name="c", kind=StoreKind.COMMAND, command=("sleep", "9"), timeout=0.1)
    with pytest.raises(StoreFailed, match="longer than"):
        value(slow, Stored("c", "x"))
    loud = SecretStore(
        name="c", kind=StoreKind.COMMAND, command=("sh", "-c", f"echo {PASSWORD}; echo {PASSWORD} >&2; exit 3")
    )
    with pytest.raises(StoreFailed) as failed:
        value(loud, Stored("c", "x"))
    assert "exit code 3" in failed.value.message
    assert PASSWORD not in str(failed.value)


def stack(folder: Path, node: str, *, stores: Stores, granted: list[str] | None) -> Any:
    (folder / "app.yml").write_text(f"services: {{web: {{image: i, secrets: [db]}}}}\nsecrets: {{db: {node}}}\n")
    request = LoadRequest(files=(str(folder / "app.yml"),), current_directory=str(folder), project_name="p")
    return decrypting.loaded(request, lambda: NONE, lambda now: load_stack(now, key=b"k"), stores.granted(granted))


NODE = "{external: true, x-stack: {store: e, path: DB}}"


def test_a_spec_names_a_store_that_it_was_granted_and_gets_the_secret_in_memory(tmp_path: Path) -> None:
    stores = Stores({"e": SecretStore(name="e", kind=StoreKind.ENVIRONMENT, prefix="SHOP_")}, {"SHOP_DB": PASSWORD})
    made = stack(tmp_path, NODE, stores=stores, granted=["e"])
    (grant,) = made.services["web"].container.files

    assert (PASSWORD.encode(), True, "") == (grant.content, grant.in_memory, grant.source)
    assert ("store://e/DB",) == made.stored
    assert PASSWORD in made.secret_values
    with pytest.raises(StackError, match="store e is not granted"):
        stack(tmp_path, NODE, stores=stores, granted=["other"])
    with pytest.raises(StackError, match="there is no secret store e"):
        stack(tmp_path, NODE, stores=Stores({}, {}), granted=None)
    with pytest.raises(Encrypted, match="in a store"):
        load_stack(LoadRequest(files=(str(tmp_path / "app.yml"),), project_name="p"))


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ("{external: true, x-stack: {store: e, path: ../x}}", "cannot be the path"),
        ("{external: true, x-stack: {store: e, path: --help}}", "cannot be the path"),
        ("{external: true, x-stack: {store: e, path: /etc/shadow}}", "cannot be the path"),
        ("{external: true, x-stack: {store: E!, path: x}}", "cannot be the store"),
        ("{external: true, x-stack: {store: e}}", "cannot be the path"),
        ("{external: true, x-stack: {store: e, path: x, key: 'a b'}}", "cannot be the key"),
        ("{file: x, x-stack: {store: e, path: x}}", "only what is external"),
        ("{external: true, x-stack: {stor: e, path: x}}", "stor"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_at_its_place(tmp_path: Path, node: str, said: str) -> None:
    with pytest.raises(SpecError, match=said) as refused:
        stack(tmp_path, node, stores=Stores({}, {}), granted=None)
    assert refused.value.where is not None
    assert 2 == refused.value.where.line


def test_references_are_read_as_they_are_written() -> None:
    for one in (AT, Stored("e", "DB")):
        assert one == stored(str(one))


HOST = """
secret_stores:
  vault: {kind: vault, address: "https://vault.example.org:8200", token_file: token, refresh: 1m}
  pass: {kind: command, command: [pass, show, "{path}"]}
stacks: {own: ./own.yml, other: {path: ./other.yml, secret_stores: [pass]}}
sources:
  infra: {url: "https://git.example.org/i.git", secret_stores: [vault]}
  stranger: {url: "https://git.example.org/s.git"}
"""


def test_a_source_may_name_what_its_operator_grants_and_files_of_the_host_all(tmp_path: Path) -> None:
    (tmp_path / "host.yml").write_text(HOST)
    host = load_host(str(tmp_path / "host.yml"))

    assert (None, ("pass",)) == (host.stacks["own"].secret_stores, host.stacks["other"].secret_stores)
    assert (("vault",), ()) == tuple(host.sources[name].settings.secret_stores for name in ("infra", "stranger"))
    assert str(tmp_path / "token") == host.secret_stores["vault"].token_file
    assert 60.0 == host.secret_stores["vault"].refresh


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("token_file: token, ", "", "token_file"),
        ("https://vault.example.org:8200", "http://vault.example.org", "https://"),
        ("kind: vault", "kind: files", "needs `folder`"),
        ('[pass, show, "{path}"]', "[]", "`command`"),
        ("secret_stores: [vault]", "secret_stores: [nothing]", "no secret store nothing"),
        ("refresh: 1m", "prefix: A", "has no `prefix`"),
        ("token_file: token", "role_id_file: r", "role_id_file"),
    ],
)
def test_a_store_that_does_not_go_together_is_refused(tmp_path: Path, before: str, after: str, said: str) -> None:
    (tmp_path / "host.yml").write_text(HOST.replace(before, after))
    with pytest.raises(SpecError, match=said):
        load_host(str(tmp_path / "host.yml"))
