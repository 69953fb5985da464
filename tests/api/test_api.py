"""The API of a daemon: what it answers, and to whom it answers nothing."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import jsonschema
import pytest
from prometheus_client.parser import text_string_to_metric_families

from orchestrator.api import routes
from orchestrator.api.server import Listen, Server
from orchestrator.api.tokens import Tokens
from orchestrator.cancel import CancelToken
from orchestrator.cli.main import main
from orchestrator.controller.lock import stack_lock
from orchestrator.daemon import control
from orchestrator.daemon.control import DaemonControl
from orchestrator.errors import NotFound, StackError, UsageError
from scripts.machine.commands import ROOT
from tests.conftest import free_port
from tests.support import daemons
from tests.support.daemons import Running
from tests.support.waiting import eventually

SHOP = (
    "services:\n  db: {image: db:1, environment: {PASSWORD: hunter2hunter2}}\n  web: {image: web:1, depends_on: [db]}\n"
)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    for name in ("shop", "wiki"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.yml").write_text(SHOP)
    (tmp_path / "host.yml").write_text("stacks: {shop: , wiki: {mode: report}}\n")
    with daemons.running(tmp_path, free_port()) as found:
        found.settles("shop")
        found.settles("wiki", "drifted")
        yield found


def test_the_host_and_its_stacks_are_shown(host: Running) -> None:
    shown = {stack["name"]: (stack["phase"], stack["ready"], stack["wanted"]) for stack in host.client.host()["stacks"]}

    assert {"shop": ("converged", 2, 2), "wiki": ("drifted", 0, 2)} == shown


def test_drift_and_the_plan_that_would_mend_it_are_shown(host: Running) -> None:
    wiki = host.client.stack("wiki")

    assert {"db.1", "web.1"} <= {one["object"] for one in wiki["drift"]}
    assert host.client.plan("wiki")["changes"]
    assert not host.client.plan("shop")["changes"]


def test_apply_brings_about_what_is_only_reported(host: Running) -> None:
    host.client.order("wiki", "apply")

    host.settles("wiki")


def test_a_suspended_stack_is_left_alone_also_by_the_next_daemon(host: Running, tmp_path: Path) -> None:
    host.client.order("shop", "suspend")
    host.settles("shop", "suspended")
    host.daemon.stop()
    with daemons.running_again(host, tmp_path) as again:
        again.settles("shop", "suspended")
        again.client.order("shop", "resume")
        again.settles("shop")


def test_revisions_and_events_tell_what_was_done_and_hide_secrets(host: Running) -> None:
    revisions = host.client.revisions("shop")["revisions"]
    events = host.client.events(stack="shop")

    assert [(1, True, "applied")] == [(one["revision"], one["serves"], one["outcome"]) for one in revisions]
    assert "applied" in {one["event"] for one in events}
    whole = host.ask("/v1/stacks/shop/revisions/1", token=host.token("reader", "read"))
    assert b"PASSWORD" in whole.body
    assert b"hunter2" not in whole.body


def test_events_go_on_from_where_a_reader_was(host: Running) -> None:
    events = host.client.events()

    assert [one["number"] for one in events[1:]] == [
        one["number"] for one in host.client.events(after=events[0]["number"])
    ]


def test_a_rollback_holds_until_the_file_changes(host: Running, tmp_path: Path) -> None:
    file = tmp_path / "shop" / "app.yml"
    file.write_text(SHOP.replace("web:1", "web:2"))
    eventually(lambda: len(host.client.revisions("shop")["revisions"]) == 2, what="the second revision")
    host.settles("shop")
    assert host.client.order("shop", "rollback")["ok"]
    eventually(lambda: "since a rollback" in host.client.stack("shop")["message"], what="the stack says why")
    host.settles("shop")
    assert ["web:1"] == [c.image for c in host.engine.engine.world.containers if c.service == "web"]
    file.write_text(SHOP.replace("web:1", "web:3"))

    host.settles("shop")
    eventually(lambda: host.client.stack("shop")["services"][1]["image"] == "web:3", what="the new version")


def test_a_rollback_waits_for_a_pass_to_end(host: Running, tmp_path: Path) -> None:
    second_revision(host, tmp_path)
    with ThreadPoolExecutor(1) as pool:
        with being_changed(host):
            answer = pool.submit(host.client.order, "shop", "rollback")
            eventually(lambda: "lock" in {thread.name for thread in threading.enumerate()}, what="it waits")
            assert not answer.done()
        assert answer.result(30.0)["ok"]


def test_a_rollback_is_refused_in_clear_words_where_a_pass_does_not_end(
    host: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_revision(host, tmp_path)
    monkeypatch.setattr(control, "LOCK_SECONDS", 0.2)
    with being_changed(host):
        refused = host.ask("/v1/stacks/shop/rollback", token=host.token("operator", "deploy:shop"), method="POST")

    assert 409 == refused.status
    assert b"is being changed by" in refused.body
    assert b"for longer than 0.2 s" in refused.body


@contextmanager
def being_changed(host: Running) -> Iterator[None]:
    with stack_lock(host.daemon.parts.engine.identity, "shop", wait=True, cancel=CancelToken()):
        yield


def second_revision(host: Running, tmp_path: Path) -> None:
    (tmp_path / "shop" / "app.yml").write_text(SHOP.replace("web:1", "web:2"))
    eventually(lambda: len(host.client.revisions("shop")["revisions"]) == 2, what="the second revision")
    host.settles("shop")


def test_figures_for_prometheus_can_be_read(host: Running) -> None:
    page = host.ask("/metrics", token=host.token("prometheus")).body.decode()
    found = {family.name: family for family in text_string_to_metric_families(page)}

    states = {sample.labels["state"]: sample.value for sample in found["stack_stacks"].samples}
    assert (1, 1) == (states["converged"], states["drifted"])
    assert {"stack_passes", "stack_drift", "stack_actions", "stack_replicas_ready", "stack_crash_loop"} <= found.keys()


# Who may come in


def census() -> list[tuple[str, str]]:
    fill = {"{stack}": "shop", "{source}": "infra", "{number}": "1", "{name}": "page.js"}
    paths = []
    for row in routes.ROWS:
        path = row.path
        for name, value in fill.items():
            path = path.replace(name, value)
        paths.append((row.method, path))
    return paths


OPEN = {"/", "/healthz", "/readyz", "/ui/page.js"}


@pytest.mark.parametrize(("method", "path"), census(), ids=str)
def test_without_a_token_every_route_but_the_open_ones_answers_401(host: Running, method: str, path: str) -> None:
    answer = host.ask(path, method=method)

    assert answer.status in ((200, 503) if path in OPEN else (401,))
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(("method", "path"), census(), ids=str)
def test_under_another_host_name_nothing_is_answered(host: Running, method: str, path: str) -> None:
    answer = host.ask(path, method=method, token=host.token("any", "admin"), Host="evil.example")

    assert answer.status == (401 if path.startswith("/hooks/") else 403)  # a forge asks for whatever name it was given


def test_a_change_asked_for_by_another_page_is_refused(host: Running) -> None:
    token = host.token("page", "admin")
    theirs = host.ask("/v1/stacks/shop/sync", method="POST", token=token, Origin="http://evil.example")
    ours = host.ask("/v1/stacks/shop/sync", method="POST", token=token, Origin=f"http://127.0.0.1:{host.port}")

    assert (403, 202) == (theirs.status, ours.status)


def test_a_token_may_do_what_its_scopes_say_and_no_more(host: Running) -> None:
    reader, deployer = host.token("reader"), host.token("deployer", "deploy:shop")
    asked = {
        "reader looks": host.ask("/v1/host", token=reader),
        "reader changes": host.ask("/v1/stacks/shop/sync", method="POST", token=reader),
        "deployer changes its stack": host.ask("/v1/stacks/shop/sync", method="POST", token=deployer),
        "deployer changes another": host.ask("/v1/stacks/wiki/sync", method="POST", token=deployer),
    }

    assert [200, 403, 202, 403] == [answer.status for answer in asked.values()]


def test_an_expired_and_a_revoked_token_let_nobody_in(host: Running) -> None:
    expired, revoked = host.token("expired", days=-1), host.token("revoked")
    host.tokens.revoke("revoked")

    assert (401, 401) == (host.ask("/v1/host", token=expired).status, host.ask("/v1/host", token=revoked).status)


def test_whoever_guesses_tokens_has_to_wait(host: Running) -> None:
    tries = [host.ask("/v1/host", token=f"stk_{number}").status for number in range(12)]

    assert [401] * 10 + [429] * 2 == tries


def test_tokens_are_kept_as_hashes_that_only_their_owner_can_read(host: Running, tmp_path: Path) -> None:
    token = host.token("hidden")
    path = tmp_path / "state" / "tokens.json"

    assert token not in path.read_text()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_the_socket_is_for_its_owner_and_group(host: Running) -> None:
    assert 0o660 == stat.S_IMODE(host.socket.stat().st_mode)


def test_what_is_not_there_is_said(host: Running) -> None:
    token = host.token("reader", "admin")

    assert 404 == host.ask("/v1/stacks/nope", token=token).status
    assert 404 == host.ask("/v2/anything", token=token).status
    assert 405 == host.ask("/v1/host", method="DELETE", token=token).status
    assert 400 == host.ask("/v1/stacks/shop/revisions/x", token=token).status
    with pytest.raises(NotFound):
        host.client.stack("nope")


def test_a_second_daemon_on_the_same_socket_is_refused(host: Running) -> None:
    server = Server(DaemonControl(host.daemon, daemons.RENDERERS), host.tokens, Listen(socket=str(host.socket)))

    with pytest.raises(StackError, match="already"):
        server.start()


def test_beyond_loopback_tls_is_needed_and_without_a_token_nobody_listens(host: Running, tmp_path: Path) -> None:
    control = DaemonControl(host.daemon, daemons.RENDERERS)
    with pytest.raises(UsageError, match="TLS"):
        Server(control, host.tokens, Listen(socket="", address="0.0.0.0:0")).start()
    with pytest.raises(UsageError, match="token"):
        Server(control, Tokens(str(tmp_path / "empty")), Listen(socket="", address="127.0.0.1:0")).start()


def test_the_document_of_the_api_names_every_route(host: Running) -> None:
    document = host.ask("/v1/openapi.json", token=host.token("reader")).json
    named = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}

    assert {(row.method, row.path) for row in routes.ROWS if row.path.startswith("/v1/")} == named


def test_what_is_shown_has_the_shape_that_the_schema_says(host: Running) -> None:
    schema = json.loads((ROOT / "schemas" / "status.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)

    for shown in (host.client.host(), host.client.stack("shop"), host.client.stack("wiki")):
        assert [] == [error.message for error in validator.iter_errors(shown)]
    assert [] != list(validator.iter_errors({**host.client.host(), "more": 1}))


def test_a_host_file_read_again_brings_and_releases_stacks(host: Running, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "app.yml").write_text(SHOP)
    (tmp_path / "host.yml").write_text("stacks: {shop: , more: }\n")
    host.client.order_host("reload")

    assert {"shop", "more"} == {stack["name"] for stack in host.client.host()["stacks"]}
    host.settles("more")


def test_the_audit_log_says_who_changed_what_and_no_values(host: Running, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in (tmp_path / "state" / "audit.jsonl").read_text().splitlines()]

    assert [("daemon", "shop", True)] == [(line["who"], line["stack"], line["ok"]) for line in lines]
    assert 2 == lines[0]["actions"]["create-container"]
    assert "hunter2" not in (tmp_path / "state" / "audit.jsonl").read_text()


def test_what_another_user_stops_is_known_to_the_daemon(host: Running) -> None:
    engine = host.daemon.parts.engine.identity
    host.settles("shop")
    host.client.intend("shop", "stop", ["web"], engine=engine)
    assert frozenset({"web"}) == host.daemon.intents.of("shop").services
    host.client.intend("shop", "run", None, engine=engine)
    assert not host.daemon.intents.of("shop")
    host.client.intend("shop", "down", None, engine=engine)
    assert host.daemon.intents.of("shop").down


@pytest.mark.parametrize("services", [None, ["db", "web"]])
def test_apply_of_what_was_stopped_by_hand_says_so_and_what_makes_it_run(
    host: Running, services: list[str] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = host.daemon.parts.engine.identity
    host.client.intend("shop", "stop" if services else "down", services, engine=engine)
    host.settles("shop", "stopped")

    assert 1 == main(["daemon", "apply", "shop", "--socket", str(host.socket)])
    said = capsys.readouterr().err
    assert "stopped-on-purpose" in said
    assert f"shop was {'stopped' if services else 'taken down'} by hand" in said
    assert "`stack -p shop start`" in said
    assert "accepted" not in said
    answer = host.ask("/v1/stacks/shop/apply", method="POST", token=host.token("someone", "deploy:shop"))
    assert (409, "stopped-on-purpose") == (answer.status, json.loads(answer.body)["error"]["reference"])
    host.client.intend("shop", "run", None, engine=engine)
    host.client.order("shop", "apply")
    host.settles("shop")


def test_apply_brings_about_what_is_left_where_one_service_was_stopped(host: Running) -> None:
    host.client.intend("shop", "stop", ["web"], engine=host.daemon.parts.engine.identity)
    host.client.order("shop", "apply")
    host.settles("shop")


def test_the_history_keeps_the_words_of_what_was_done_with_a_secret_called_token(host: Running, tmp_path: Path) -> None:
    (tmp_path / "shop" / "token.txt").write_text("hunter3hunter3")
    (tmp_path / "shop" / "app.yml").write_text(
        f"x-stack: {{secrets: tmpfs}}\n{SHOP}  keycloak: {{image: kc:1, secrets: [token]}}\n"
        "secrets: {token: {file: token.txt}}\n"
    )
    host.client.order("shop", "sync")
    eventually(lambda: len(host.client.revisions("shop")["revisions"]) == 2, what="the second revision")
    host.settles("shop")
    told = host.ask("/v1/stacks/shop/revisions/2", token=host.token("reader", "read")).body.decode()

    assert "keep token of keycloak in memory" in told
    assert "these are not there yet: token" in told
    assert "hunter3" not in told


def test_intents_for_another_engine_or_of_another_kind_are_refused(host: Running) -> None:
    with pytest.raises(NotFound):
        host.client.intend("shop", "stop", ["web"], engine="another")
    with pytest.raises(StackError, match="verb"):
        host.client.intend("shop", "explode", None, engine=host.daemon.parts.engine.identity)
