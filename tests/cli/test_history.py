"""What the history remembers of runs, and that it never stands in their way."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestrator.controller.places import MARK
from tests.cli.conftest import RUNNING, Shell

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas" / "history.schema.json").read_text())


def history(shell: Shell) -> list[dict[str, Any]]:
    document = shell("history", "--json").ok().json
    check(document)
    found: list[dict[str, Any]] = document["revisions"]
    return found


def check(document: Any) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(document)


def store(shell: Shell) -> Path:
    (found,) = (Path(shell.environment["STACK_STATE_DIR"]) / "history").glob("*.db")
    return found


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_what_changes_something_is_a_revision_and_what_changes_nothing_is_not(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop("up", "-d").ok()
    shop("plan").ok()
    shop("scale", "web=2").ok()
    shop("down").ok()
    found = history(shop)
    assert [(3, "down", "applied"), (2, "scale", "applied"), (1, "up", "applied")] == [
        (one["revision"], one["command"], one["outcome"]) for one in found
    ]
    assert [True, False, False] == [one["serves"] for one in found]


def test_a_run_that_changes_nothing_does_not_even_open_the_history(shop: Shell) -> None:
    shop("up", "-d").ok()
    store(shop).write_bytes(b"this would be said to be damaged")
    assert RUNNING == shop("up", "-d").ok().err


def test_a_stack_found_as_it_should_be_gets_its_first_revision(shop: Shell) -> None:
    """What compose started can be gone back to as well."""
    shop("up", "-d").ok()
    store(shop).unlink()
    shop("up", "-d").ok()
    assert [1] == [one["revision"] for one in history(shop)]


def test_who_from_where_and_the_steps(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop.change("LOG_LEVEL: info", "LOG_LEVEL: debug")
    shop("up", "-d").ok()
    document = shop("history", "show", "--json").ok().json
    check(document)
    assert [str(shop.folder / "app.yml")] == document["from"]["files"]
    assert {"user", "host"} <= document["by"].keys()
    assert {"reference": "web:1", "id": "sha256:web:1:pulled", "digests": []} == document["images"]["web"]
    created = document["steps"][0]
    assert "done" == created["outcome"]
    assert [{"path": "environment.LOG_LEVEL", "before": "info", "after": "debug"}] == created["differences"]
    assert {"shop-web-1": ["shop-web-1 says hello"]} == document["last_lines"]
    page = shop("history", "show", "2").ok().out
    assert "environment.LOG_LEVEL: info -> debug" in page
    assert "last lines of shop-web-1\n  shop-web-1 says hello" in page


def test_the_commit_of_a_checkout_is_remembered(shop: Shell) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    (shop.folder / ".git" / "refs" / "heads").mkdir(parents=True)
    (shop.folder / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (shop.folder / ".git" / "refs" / "heads" / "main").write_text(commit + "\n")
    shop("up", "-d").ok()
    assert {"commit": commit, "branch": "main"}.items() <= history(shop)[0]["from"].items()
    assert commit[:10] in shop("history").ok().out


def test_a_failed_run_is_an_attempt_and_the_earlier_revision_serves(shop: Shell) -> None:
    shop.write("name: shop\nservices: {web: {image: fine, healthcheck: {test: 'true'}}}")
    shop("up", "-d").ok()
    shop.change("image: fine", "image: sick")
    said = shop("up", "-d").failed().err
    assert "revision 1 serves\n" in said
    assert "hint: see all of it: stack history show 2" in said, "the container that failed is gone"
    latest, first = history(shop)
    assert ("failed", False, True) == (latest["outcome"], latest["serves"], first["serves"])
    document = shop("history", "show", "2", "--json").ok().json
    check(document)
    assert "the door is stuck" in document["error"]
    assert ["web"] == document["restored"]


def test_what_went_on_beside_a_failure_is_named(shop: Shell) -> None:
    shop.write(
        "name: shop\nservices: {a: {image: a}, web: {image: fine, healthcheck: {test: 'true'}, depends_on: [a]}}"
    )
    shop("up", "-d").ok()
    shop.change("image: fine", "image: sick")
    shop.change("image: a}", "image: b}")
    assert "revision 1 serves, but for a\n" in shop("up", "-d").failed().err


def test_where_the_whole_stack_goes_back_the_revision_serves_without_an_exception(shop: Shell) -> None:
    shop.write("""
        name: shop
        x-stack: {rollback: stack}
        services:
          a: {image: a}
          web: {image: fine, healthcheck: {test: 'true'}, depends_on: [a]}
        """)
    shop("up", "-d").ok()
    shop.change("image: fine", "image: sick")
    shop.change("image: a}", "image: b}")
    said = shop("up", "-d").failed().err
    assert "the earlier version serves again: a, web\n" in said
    assert "revision 1 serves\n" in said


SECRETS = ("hunter2hunter2", "s3cretpw", "hushhush", "abc123abc", "contentofthesecret", "fromthecaller", "line2secret")


def test_secrets_are_nowhere_in_it(shop: Shell) -> None:
    (shop.folder / "pw.txt").write_text("contentofthesecret\n")
    shop.set("DB_TOKEN", "fromthecaller")
    shop.write("""
        name: shop
        services:
          db:
            image: db:1
            environment:
              PASSWORD: hunter2hunter2
              URL: postgres://me:s3cretpw@db/x
              HARMLESS: ${DB_TOKEN}
              CONFIG: |
                user: me
                password: line2secret
            command: [serve, --password, hushhush, --token=abc123abc, contentofthesecret]
            secrets: [pw]
        secrets: {pw: {file: pw.txt}}
        """)
    shop("up", "-d").ok()
    shop.change("hunter2hunter2", "hunter2hunter2-and-more")
    shop("up", "-d").ok()
    with closing(sqlite3.connect(store(shop))) as database:
        kept = "\n".join(database.iterdump())  # in the file itself a text may lie on two pages
    assert "serve" in kept
    contents = [kept.encode(), *(path.read_bytes() for path in store(shop).parent.iterdir())]
    assert [] == [secret for secret in SECRETS for content in contents if secret.encode() in content]
    shown = shop("history", "diff", "1", "2").ok().out
    assert "services.db.environment.PASSWORD: *** -> ***\n" == shown
    assert "PASSWORD: '***'" in shop("history", "show", "1", "--spec").ok().out


def test_diff_says_what_differs_field_by_field(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop.change("LOG_LEVEL: info", "LOG_LEVEL: debug")
    shop.change("image: web:1", "image: web:2")
    shop("up", "-d", "--scale", "web=2").ok()
    said = shop("history", "diff", "1", "2").ok().out
    assert (
        "services.web.environment.LOG_LEVEL: info -> debug\n"
        "services.web.image: web:1 -> web:2\n"
        "services.web.replicas: 1 -> 2\n"
        "services.web (image): sha256:web:1:pulled -> sha256:web:2:pulled\n"
    ) == said
    check(shop("history", "diff", "2", "1", "--json").ok().json)
    assert "do not differ" in shop("history", "diff", "1", "1").ok().err


def test_a_run_for_some_services_leaves_what_is_remembered_of_the_others(shop: Shell) -> None:
    """A revision is what serves, not what the file said while only a part of it was applied."""
    shop("up", "-d").ok()
    shop.change("image: db:1", "image: db:2")
    shop.change("LOG_LEVEL: info", "LOG_LEVEL: debug")
    shop("up", "-d", "--no-deps", "web").ok()
    assert "services.web.environment.LOG_LEVEL: info -> debug\n" == shop("history", "diff", "1", "2").ok().out


@pytest.mark.parametrize(
    "words", [("show", "9"), ("show", "x"), ("diff", "1", "9"), ("what",), ("show", "1", "2"), ("diff",)]
)
def test_what_is_not_there_is_said(shop: Shell, words: tuple[str, ...]) -> None:
    shop("up", "-d").ok()
    shop("history", *words).failed(2)


def test_without_a_history_it_says_so(shop: Shell) -> None:
    assert "error: no-history" in shop("history").failed(2).err


def test_a_damaged_history_is_put_aside_and_the_run_goes_on(shop: Shell) -> None:
    shop("up", "-d").ok()
    store(shop).write_bytes(b"damage" * 1000)
    shop.change("LOG_LEVEL: info", "LOG_LEVEL: debug")
    said = shop("up", "-d").ok().err
    assert "file is not a database" in said
    assert "a new one is begun" in said
    assert [1] == [one["revision"] for one in history(shop)]


def test_a_history_that_cannot_be_written_is_said_once_and_the_run_goes_on(shop: Shell) -> None:
    folder = Path(shop.environment["STACK_STATE_DIR"])
    folder.mkdir()
    (folder / "history").write_text("in the way")
    said = shop("up", "-d").ok().err
    assert 1 == said.count("warning: the history ")
    assert 2 == len(shop("ps", "-q").ok().out.split())


def test_what_could_not_be_written_is_caught_up_with_when_it_can_be(shop: Shell) -> None:
    """The history must not go on saying that what was before serves."""
    shop("up", "-d").ok()
    content = store(shop).read_bytes()
    path = store(shop)
    path.unlink()
    path.mkdir()
    shop.change("LOG_LEVEL: info", "LOG_LEVEL: debug")
    assert "warning: the history " in shop("up", "-d").ok().err
    path.rmdir()
    path.write_bytes(content)
    shop("up", "-d").ok()
    assert [(2, True), (1, False)] == [(one["revision"], one["serves"]) for one in history(shop)]
    assert "LOG_LEVEL: debug" in shop("history", "show", "--spec").ok().out


def test_a_run_that_was_killed_at_its_very_end_is_remembered_by_the_next(shop: Shell) -> None:
    """The world was changed and nothing written: the history must not say that the revision before serves."""
    shop("up", "-d").ok()
    before = store(shop).read_bytes()
    shop.change("LOG_LEVEL: info", "LOG_LEVEL: debug")
    shop("up", "-d").ok()
    store(shop).write_bytes(before)
    Path(f"{store(shop)}{MARK}").write_text("")
    shop("up", "-d").ok()
    assert [True, False] == [one["serves"] for one in history(shop)]
    assert "LOG_LEVEL: debug" in shop("history", "show", "--spec").ok().out
    shop("up", "-d").ok()
    assert 2 == len(history(shop))


def test_of_a_run_that_was_killed_the_plan_is_known(shop: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: object, **__: object) -> None:
        raise SystemExit(137)

    with monkeypatch.context() as patch:
        patch.setattr("orchestrator.controller.recorder.Recorder.close", killed)
        with pytest.raises(SystemExit):
            shop("up", "-d")
    document = shop("history", "show", "1", "--json").ok().json
    check(document)
    assert "begun" == document["outcome"]
    assert {"planned"} == {step["outcome"] for step in document["steps"]}
    assert "planned create container shop-web-1" in shop("history", "show", "1").ok().out


def test_only_so_many_are_kept(shop: Shell) -> None:
    shop.set("STACK_HISTORY_REVISIONS", "3")
    shop.set("STACK_HISTORY_IMAGES", "2")
    for count in (1, 2, 3, 4, 5):
        shop("up", "-d", "--scale", f"web={count}").ok()
    assert "5\n4\n3\n" == shop("history", "-q").ok().out
