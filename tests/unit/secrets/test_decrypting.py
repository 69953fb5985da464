"""Files encrypted with SOPS and age: opened with the right key, refused with words for everything else."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import SpecError, StackError
from orchestrator.model.encrypted import form_of
from orchestrator.model.host import Decryption
from orchestrator.secrets import decrypting
from orchestrator.secrets.errors import CannotDecrypt, KeyUnusable, LibraryMissing
from orchestrator.secrets.keys import NONE, Keys, of_host, of_user
from orchestrator.spec.load import Canonical, LoadRequest, load_canonical, stack_of
from orchestrator.spec.parse import parse
from orchestrator.spec.reading import Encrypted
from tests.support import sealing
from tests.support.sealing import AgeKey, PgpKey

SECRET = "canary-ë-4711"
TREE: dict[str, Any] = {
    "name": SECRET,
    "quoted": 'a"b\nc: #d',
    "number": 3,
    "share": 1.5,
    "yes": True,
    "empty": "",
    "nothing": None,
    "list": ["x", {"y": SECRET}],
    "open_unencrypted": "seen",
    "all_unencrypted": {"a": 7, "b": False, "c": 2.5},
}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> AgeKey:
    return AgeKey(tmp_path_factory.mktemp("age") / "key.txt")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> AgeKey:
    return AgeKey(tmp_path_factory.mktemp("age") / "other.txt")


@pytest.fixture(scope="module")
def pgp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PgpKey]:
    with sealing.pgp_key(tmp_path_factory.mktemp("g") / "h") as made:
        yield made


def keys(*held: AgeKey) -> Keys:
    return of_host(Decryption(age_keys=tuple(str(one.file) for one in held)))


def document(data: bytes) -> Any:
    return parse(data, "x.yaml")[0].root


@pytest.mark.parametrize("only_encrypted", [False, True])
def test_yaml_keeps_its_types_its_open_values_and_its_lines(key: AgeKey, only_encrypted: bool) -> None:
    sealed = sealing.sops_yaml(TREE, key, only_encrypted=only_encrypted)
    found = decrypting.plain(sealed, "x.yaml", keys(key))

    assert SECRET.encode() not in sealed
    assert document(found.data) == TREE
    assert found.data.count(b"\n") == sealed.count(b"\n")
    assert {SECRET, "3", "1.5"} <= found.values
    assert "seen" not in found.values


def test_json_dotenv_and_binary_files_are_opened_as_well(key: AgeKey) -> None:
    def opened(data: bytes, name: str) -> bytes:
        return decrypting.plain(data, name, keys(key)).data

    assert json.loads(opened(sealing.sops_json(TREE, key), "x.json")) == TREE
    assert opened(sealing.sops_dotenv({"A": SECRET, "B": "x\ny"}, key), ".env") == f"A={SECRET}\nB=x\\ny\n".encode()
    assert opened(sealing.sops_binary(b"\xff\x00raw\n", key), "blob") == b"\xff\x00raw\n"
    assert json.loads(opened(sealing.sops_json({"data": "text"}, key), "x.json")) == {"data": "text"}


@pytest.mark.parametrize("armor", [False, True])
def test_files_of_age_are_opened_by_any_of_their_recipients(key: AgeKey, other: AgeKey, armor: bool) -> None:
    sealed = sealing.age(f"TOKEN={SECRET}\n", key, other, armor=armor)

    for held in (key, other):
        found = decrypting.plain(sealed, "x", keys(held))
        assert found.data == f"TOKEN={SECRET}\n".encode()
        assert SECRET in found.values


def test_openpgp_recipients_are_asked_by_gpg_and_any_of_several_recipients_will_do(key: AgeKey, pgp: PgpKey) -> None:
    sealed = sealing.sops_yaml(TREE, pgp, key)
    gpg = of_host(Decryption(gnupg_home=str(pgp.home)))

    assert document(decrypting.plain(sealed, "x.yaml", gpg).data) == TREE
    assert document(decrypting.plain(sealed, "x.yaml", keys(key)).data) == TREE


def test_whoever_lacks_the_key_is_told_whom_the_file_is_for(key: AgeKey, other: AgeKey, pgp: PgpKey) -> None:
    sealed = sealing.sops_yaml(TREE, key, pgp)

    for held in (keys(other), NONE):
        with pytest.raises(CannotDecrypt) as refused:
            decrypting.plain(sealed, "db.yaml", held)
        assert key.recipient in refused.value.message
        assert f"pgp {pgp.fingerprint}" in refused.value.message
        assert refused.value.where is not None
        assert refused.value.where.file == "db.yaml"
    assert str(other.file) in keys(other).places()
    with pytest.raises(CannotDecrypt, match="encrypted to 1 x X25519"):
        decrypting.plain(sealing.age(SECRET, key), "db.age", keys(other))


def flip(text: str, at: int) -> str:
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def tampered(sealed: str) -> dict[str, str]:
    first, second = re.findall(r"ENC\[[^\]]+\]", sealed)[:2]
    return {
        "a value": sealed.replace(first, flip(first, first.index("data:") + 6)),
        "moved": sealed.replace(first, "\0").replace(second, first).replace("\0", second),
        "an open value": sealed.replace('"seen"', '"changed"'),
        "a value taken away": sealed.replace(f"number: {re.findall(r'number: (.*)', sealed)[0]}\n", ""),
        "a value added": sealed.replace("sops:", "more: added\nsops:", 1),
        "made open": sealed.replace(first, '"mine"'),
        "the digest": re.sub(
            r"(mac: ENC\[AES256_GCM,data:)(.)", lambda f: f[1] + ("A" if f[2] != "A" else "B"), sealed
        ),
        "the time": sealed.replace(sealing.MOMENT, "2027-01-02T03:04:05Z"),
        "the digest taken for another value": re.sub(r"mac: ENC\S+", lambda _: f"mac: {first}", sealed),
    }


@pytest.mark.parametrize("what", [
    "a value", "moved", "an open value", "a value taken away", "a value added", "made open", "the digest", "the time",
    "the digest taken for another value",
])  # fmt: skip
def test_what_was_changed_without_the_key_is_refused(key: AgeKey, what: str) -> None:
    sealed = sealing.sops_yaml(TREE, key).decode()
    changed = tampered(sealed)[what]
    assert changed != sealed

    with pytest.raises(CannotDecrypt) as refused:
        decrypting.plain(changed.encode(), "x.yaml", keys(key))
    assert "encrypted-changed" == refused.value.ref
    assert SECRET not in str(refused.value)


def test_an_age_file_that_was_changed_is_refused(key: AgeKey) -> None:
    sealed = bytearray(sealing.age(SECRET, key))
    sealed[-3] ^= 1

    with pytest.raises(CannotDecrypt, match="or it was changed"):
        decrypting.plain(bytes(sealed), "x", keys(key))


@pytest.mark.parametrize(
    "metadata",
    ["sops: 1", "sops:\n  mac: ENC[\n  age: 3", "sops: {a: &x 1, b: *x}\n  mac: ENC[", "sops:\n  mac: ENC[]\n"],
)
def test_broken_metadata_is_said_to_be_broken(key: AgeKey, metadata: str) -> None:
    text = f"a: 1\n{metadata}\n"
    if form_of(text.encode()) is None:
        assert "mac" not in text
        return
    with pytest.raises(CannotDecrypt):
        decrypting.plain(text.encode(), "x.yaml", keys(key))


def test_a_name_tells_nothing_and_contents_do(key: AgeKey) -> None:
    assert form_of(b"A=1\n") is None
    assert form_of(b"sops: is a word\nmac: too\n") is None
    assert "age" == form_of(sealing.age("x", key))
    assert "age" == form_of(sealing.age("x", key, armor=True))
    assert ["SOPS"] * 4 == [
        form_of(one)
        for one in (
            sealing.sops_yaml({"a": "b"}, key),
            sealing.sops_json({"a": "b"}, key),
            sealing.sops_binary(b"x", key),
            sealing.sops_dotenv({"a": "b"}, key),
        )
    ]


def test_key_files_without_a_key_are_named_and_never_quoted(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    for text in ("", "AGE-SECRET-KEY-1NONSENSE\n", "-----BEGIN OPENSSH PRIVATE KEY-----\nxx\n"):
        broken.write_text(text)
        with pytest.raises(KeyUnusable) as refused:
            Keys(age=(str(broken),)).identities()
        assert str(broken) in str(refused.value)
        assert "NONSENSE" not in str(refused.value)
    with pytest.raises(KeyUnusable, match="No such file"):
        Keys(age=(str(tmp_path / "gone"),)).identities()


def test_commands_look_for_keys_where_sops_does(key: AgeKey, tmp_path: Path) -> None:
    usual = tmp_path / ".config/sops/age/keys.txt"
    usual.parent.mkdir(parents=True)
    usual.write_text(key.identity)
    sealed = sealing.sops_yaml(TREE, key)

    for environment in (
        {"SOPS_AGE_KEY_FILE": str(key.file)},
        {"SOPS_AGE_KEY": key.identity},
        {"HOME": str(tmp_path)},
        {"XDG_CONFIG_HOME": str(tmp_path / ".config")},
    ):
        assert document(decrypting.plain(sealed, "x.yaml", of_user(environment)).data) == TREE


# --- the loader -------------------------------------------------------------------------------------------------------


def both(request: LoadRequest) -> tuple[Canonical, Any]:
    canonical = load_canonical(request)
    return canonical, stack_of(canonical, key=b"k", disk=request.disk)


def write(folder: Path, files: dict[str, bytes | str]) -> LoadRequest:
    for name, data in files.items():
        (folder / name).write_bytes(data.encode() if isinstance(data, str) else data)
    named = tuple(str(folder / name) for name in ("app.yml", "over.yml") if name in files)
    return LoadRequest(files=named, current_directory=str(folder), project_name="p")


def test_spec_overlay_env_file_secret_and_config_may_each_be_encrypted(key: AgeKey, tmp_path: Path) -> None:
    spec = {
        "services": {
            "web": {"image": "i", "env_file": "web.env", "secrets": ["s", "plain"], "configs": ["c"], "hostname": "h1"}
        },
        "secrets": {"s": {"file": "s.age"}, "plain": {"file": "plain.txt"}},
        "configs": {"c": {"file": "c.json"}},
    }
    request = write(
        tmp_path,
        {
            "app.yml": sealing.sops_yaml(spec, key),
            "over.yml": sealing.age("services: {web: {hostname: h2}}", key),
            "web.env": sealing.sops_dotenv({"DB": SECRET}, key),
            "s.age": sealing.age(SECRET, key, armor=True),
            "plain.txt": "open",
            "c.json": sealing.sops_json({"a": SECRET}, key),
        },
    )
    _, stack = decrypting.loaded(request, lambda: keys(key), both)
    web = stack.services["web"].container
    files = {grant.name: grant for grant in web.files}

    assert "h2" == web.hostname
    assert SECRET == web.environment["DB"]
    assert SECRET.encode() == files["s"].content
    assert {"a": SECRET} == json.loads(files["c"].content or b"")
    assert (True, True, False) == tuple(files[name].in_memory for name in ("s", "c", "plain"))
    assert str(tmp_path / "plain.txt") == files["plain"].source
    assert {str(tmp_path / name) for name in ("app.yml", "web.env", "s.age", "c.json")} <= set(stack.sources)
    assert SECRET in stack.secret_values


def test_without_keys_the_load_names_every_file_that_needs_one(key: AgeKey, tmp_path: Path) -> None:
    request = write(
        tmp_path,
        {
            "app.yml": "services: {web: {image: i, secrets: [a, b]}}\nsecrets: {a: {file: a}, b: {file: b}}",
            "a": sealing.age("1", key),
            "b": sealing.age("2", key),
        },
    )
    with pytest.raises(Encrypted) as refused:
        both(request)

    assert [str(tmp_path / name) for name in "ab"] == [
        one.where.file for one in (refused.value, *refused.value.others) if one.where
    ]
    assert 2 == refused.value.exit_code


def test_a_build_gets_the_plain_text_of_its_secret(key: AgeKey, tmp_path: Path) -> None:
    request = write(
        tmp_path,
        {
            "app.yml": "services: {web: {build: {context: ., secrets: [s]}}}\nsecrets: {s: {file: s}}",
            "s": sealing.age(SECRET, key),
        },
    )
    _, stack = decrypting.loaded(request, lambda: keys(key), both)
    (secret,) = stack.services["web"].build.secrets

    assert (SECRET.encode(), "") == (secret.content, secret.source)


def test_a_mounted_file_stays_encrypted_and_that_is_said(key: AgeKey, tmp_path: Path) -> None:
    request = write(
        tmp_path,
        {"app.yml": "services: {web: {image: i, volumes: ['./s:/s']}}", "s": sealing.age("x", key)},
    )
    canonical, stack = both(request)

    assert [True] == ["a mounted file is not decrypted" in one.text for one in canonical.warnings]
    assert str(tmp_path / "s") == stack.services["web"].container.mounts[0].source


def test_an_error_in_an_encrypted_spec_names_the_line_of_the_file(key: AgeKey, tmp_path: Path) -> None:
    spec = {"services": {"web": {"image": "i", "ports": ["nonsense"]}}}
    request = write(tmp_path, {"app.yml": sealing.sops_yaml(spec, key)})
    line = next(
        number
        for number, text in enumerate((tmp_path / "app.yml").read_text().splitlines(), 1)
        if text.strip().startswith("- ENC[")
    )
    with pytest.raises(SpecError) as refused:
        decrypting.loaded(request, lambda: keys(key), both)

    assert refused.value.where is not None
    assert line == refused.value.where.line


def test_a_wrong_key_ends_the_load_and_asks_for_no_more(key: AgeKey, other: AgeKey, tmp_path: Path) -> None:
    request = write(
        tmp_path,
        {
            "app.yml": "services: {web: {image: i, secrets: [s]}}\nsecrets: {s: {file: s}}",
            "s": sealing.sops_binary(b"x", key),
        },
    )
    with pytest.raises(StackError, match="no key at hand opens this file"):
        decrypting.loaded(request, lambda: keys(other), both)


@pytest.mark.parametrize("missing", ["pyrage", "cryptography.exceptions"])
def test_without_the_libraries_it_is_said_what_to_install(
    key: AgeKey, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    sealed = sealing.sops_yaml(TREE, key)
    monkeypatch.setitem(sys.modules, missing, None)

    with pytest.raises(LibraryMissing) as refused:
        decrypting.plain(sealed, "x.yaml", keys(key))
    assert "pip install 'stack-orchestrator[secrets]'" in refused.value.hint
