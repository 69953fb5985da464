"""`stack plan` and `stack apply`: what would be done and why, and then exactly that."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.cli.conftest import Shell

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "plan.schema.json").read_text())


def valid(document: Any) -> Any:
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    return document


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_a_first_plan_creates_everything_and_changes_nothing(shop: Shell) -> None:
    text = shop("plan").ok().out
    assert "+ create web.1" in text
    assert "create container shop-web-1 from web:1" in text
    assert "Plan: 3 to create, 2 to pull.\n" == text.splitlines(keepends=True)[-1]
    assert "" == shop("ps", "-aq").ok().out


def test_nothing_to_change_is_said(shop: Shell) -> None:
    shop("up", "-d").ok()
    assert "Nothing to change.\n" == shop("plan").ok().out


def test_a_change_is_shown_with_its_field_before_and_after(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop.change("LOG_LEVEL: info", "LOG_LEVEL: debug")
    text = shop("plan").ok().out
    assert "-/+ replace web.1" in text
    assert "environment.LOG_LEVEL: info -> debug" in text
    assert "db.1" not in text


def test_secrets_are_masked_in_every_form_of_a_plan(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop.change("hunter2hunter2", "tr0ub4dor&3")
    everything = shop("plan").ok().out + shop("plan", "--json", "--out", "plan.json").ok().out
    everything += (shop.folder / "plan.json").read_text()
    assert "environment.PASSWORD" in everything
    assert "hunter2" not in everything
    assert "tr0ub4dor" not in everything


def test_the_json_has_the_shape_of_the_schema(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop.change("LOG_LEVEL: info", "LOG_LEVEL: debug")
    plan = valid(shop("plan", "--json").ok().json)
    assert {"replace": 1} == plan["summary"]
    (difference,) = [one for step in plan["steps"] for one in step["differences"]][:1]
    assert {"path": "environment.LOG_LEVEL", "before": "info", "after": "debug", "in_place": False} == difference


def test_the_detailed_exit_code_tells_changes_from_none_and_from_errors(shop: Shell) -> None:
    assert 2 == shop("plan", "--detailed-exitcode").code
    shop("up", "-d").ok()
    assert 0 == shop("plan", "--detailed-exitcode").code
    assert 1 == shop("plan", "--detailed-exitcode", "nosuch").code
    assert 0 == shop("plan").code


def test_a_dry_run_is_the_plan(shop: Shell) -> None:
    assert shop("plan").ok().out == shop("--dry-run", "up", "-d").ok().out
    assert "" == shop("ps", "-aq").ok().out


@pytest.fixture
def planned(shop: Shell) -> Shell:
    """A running shop with a changed file and a plan of the change in plan.json."""
    shop("up", "-d").ok()
    shop.change("LOG_LEVEL: info", "LOG_LEVEL: debug")
    shop("plan", "--out", "plan.json").ok()
    return shop


def test_a_plan_file_has_the_shape_of_the_schema_and_is_private(planned: Shell) -> None:
    path = planned.folder / "plan.json"
    valid(json.loads(path.read_text()))
    assert 0o600 == path.stat().st_mode & 0o777


def test_a_plan_file_is_carried_out(planned: Shell) -> None:
    planned("apply", "plan.json").ok()
    assert "Nothing to change.\n" == planned("plan").ok().out


def test_a_plan_file_is_carried_out_from_another_folder(planned: Shell, tmp_path: Path) -> None:
    planned("plan", "-f", "app.yml", "--out", "plan.json").ok()
    moved = tmp_path / "elsewhere.json"
    (planned.folder / "plan.json").rename(moved)
    planned("--project-directory", str(planned.folder), "apply", str(moved)).ok()


def test_a_plan_is_refused_when_the_file_says_something_else_by_now(planned: Shell) -> None:
    planned.change("LOG_LEVEL: debug", "LOG_LEVEL: trace")
    said = planned("apply", "plan.json").failed()
    assert "error: plan-outdated" in said.err
    assert "- the file: services.web: environment\n" in said.err
    assert "environment.LOG_LEVEL: info -> trace" in planned("plan").ok().out


def test_a_plan_is_refused_when_the_world_has_moved(planned: Shell) -> None:
    planned("stop", "web").ok()
    said = planned("apply", "plan.json").failed()
    assert "container shop-web-1: " in said.err
    assert "state" in said.err


def test_a_plan_is_refused_after_it_was_carried_out(planned: Shell) -> None:
    planned("apply", "plan.json").ok()
    assert "container shop-web-1 is another one now" in planned("apply", "plan.json").failed().err


def test_a_plan_is_for_one_engine(planned: Shell, tmp_path: Path) -> None:
    planned.set("STACK_ENGINE", f"memory:{tmp_path / 'another'}")
    assert "the plan was made for the engine at" in planned("apply", "plan.json").failed().err


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"format": 1}'])
def test_what_is_no_plan_is_refused(shop: Shell, content: str) -> None:
    shop.write(content, "odd.json")
    assert "odd.json is no plan" in shop("apply", "odd.json").failed(2).err


def test_apply_without_a_file_wants_consent(shop: Shell) -> None:
    assert "nobody is there to agree" in shop("apply").failed(2).err
    assert "Plan: 3 to create" in shop("apply", "--yes").ok().out
    assert "Nothing to change.\n" == shop("plan").ok().out
