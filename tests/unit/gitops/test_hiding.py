"""What the host gives is hidden in whatever is told of a branch, whole and in parts, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.gitops.hiding import PART, SHORTEST, Hidden, of_host
from orchestrator.model.host import HostStack

SECRET = "postgres://app:hunter22x@db.internal:5432/app"
texts = st.text(alphabet=st.characters(codec="utf-8"), max_size=60)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("nothing of it", "nothing of it"),
        (f"<{SECRET}>", "<***>"),
        (f"{SECRET.upper()} and {SECRET}", "*** and ***"),
        (f"cut: {SECRET[:20]}...", "cut: ***..."),
        ("the password hunter22x alone", "the password *** alone"),
        ("postgres:16", "postgres:16"),
        ("port 5432", "port 5432"),
    ],
)
def test_a_value_goes_with_the_parts_of_it_that_tell_something(said: str, shown: str) -> None:
    assert shown == Hidden([SECRET]).text(said)


def test_what_is_too_short_to_be_a_secret_stays() -> None:
    assert "1 of 3 is on" == Hidden(["1", "on", "3"]).text("1 of 3 is on")


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(texts, texts, texts)
def test_no_value_is_ever_left_however_it_is_written(before: str, value: str, after: str) -> None:
    for written in (value, value.upper(), value.lower()):
        shown = Hidden([value]).text(before + written + after)
        if SHORTEST <= len(value) == len(value.lower()):
            assert value.lower() not in shown.lower() or value.lower() in "***"
        for start in range(len(value) - PART + 1):
            assert value[start : start + PART] not in shown


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(texts)
def test_without_values_nothing_changes(text: str) -> None:
    assert text == Hidden([]).text(text)


def test_a_document_is_hidden_in_all_of_its_texts_but_our_own_words() -> None:
    told = {"kind": "create", "names": ["create me", {"deep": "create"}], "count": 3, "none": None}

    shown = {"kind": "create", "names": ["*** me", {"deep": "***"}], "count": 3, "none": None}
    assert shown == Hidden(["create"]).document(told, frozenset(["kind"]))


def test_all_that_the_host_gives_counts_also_where_its_env_file_is_broken(tmp_path: Path) -> None:
    (tmp_path / "good.env").write_text("A='quoted value'\nB=${A}-more\n")
    (tmp_path / "bad.env").write_text("C=before\nD='never closed\n")
    files = tuple(str(tmp_path / name) for name in ("good.env", "bad.env", "absent.env"))
    entry = HostStack(name="shop", directory="", env_files=files, variables={"E": "given"})

    assert {"given", "quoted value", "quoted value-more", "before", "never closed"} <= of_host(entry)
