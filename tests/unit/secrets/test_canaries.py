"""The search that finds secrets where they must not be is itself tested: what is planted is found in every form."""

from __future__ import annotations

import base64
import html
import json
import subprocess
import sys
import zlib
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from tests.support.canaries import Arguments, Canaries, Search
from tests.support.waiting import eventually

WRITTEN = {
    "as it is": lambda text: text,
    "in JSON": json.dumps,
    "in JSON with escaped slashes": lambda text: json.dumps(text).replace("/", "\\/"),
    "in HTML": html.escape,
    "in a URL": lambda text: quote(text, safe=""),
    "in a query": quote_plus,
    "in hex": lambda text: text.encode().hex(),
    "in capital hex": lambda text: text.encode().hex().upper(),
    "as Python writes it": repr,
    **{
        f"in base64 after {before} bytes": lambda text, before=before: base64.b64encode(
            b"x" * before + text.encode()
        ).decode()
        for before in range(3)
    },
    "in base64 of URLs": lambda text: base64.urlsafe_b64encode(f"user:{text}".encode()).decode(),
}


@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize("form", WRITTEN)
def test_a_planted_value_is_found(form: str, odd: bool) -> None:
    value = Canaries().make("planted", odd=odd)
    search = Search()
    search.data("here", f"before {WRITTEN[form](value)} after")

    assert len(search.found) == 1, WRITTEN[form](value)
    assert search.found[0].startswith("here: ")


def test_nothing_is_found_where_nothing_is() -> None:
    search = Search()
    search.data("here", json.dumps({"digest": "0123456789abcdef" * 8, "text": "Canary, canary"}) * 50)
    assert [] == search.found


def test_files_names_links_packed_objects_and_arguments_are_read(tmp_path: Path) -> None:
    value = Canaries().make("planted")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "plain").write_text(value)
    (tmp_path / "deep" / "object").write_bytes(zlib.compress(value.encode()))
    (tmp_path / value).write_text("")
    (tmp_path / "link").symlink_to(value)
    search = Search()
    search.folder(tmp_path)
    assert {
        f"{tmp_path}/deep/plain",
        f"{tmp_path}/deep/object, unpacked",
        f"the name of {tmp_path}/{value}",
        f"the link {tmp_path}/link",
    } == {one.split(": ...")[0] for one in search.found}

    search = Search()
    with Arguments(search):
        process = subprocess.Popen([sys.executable, "-c", "input()", value], stdin=subprocess.PIPE)
        eventually(lambda: search.found, what="the arguments are seen")
        process.communicate(b"\n")


def test_what_is_allowed_is_left_out_by_its_place() -> None:
    search = Search()
    search.data("inspect web", Canaries().make("x"))
    search.data("a log", Canaries().make("x"))

    assert 1 == len(search.without("inspect "))
