"""The status page in a real browser, as a person sees and uses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from scripts.machine import packages
from tests.conftest import free_port
from tests.support import daemons
from tests.support.daemons import Running
from tests.support.gitrepos import Repo
from tests.support.waiting import eventually

EVIL = "<img src=x onerror=document.title='owned'>"
SHOP = f"""
services:
  db: {{image: db:1}}
  web:
    image: web:1
    depends_on: [db]
    environment: {{GREETING: "{EVIL}"}}
"""
QUIET = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "app.yml").write_text(SHOP)
    (tmp_path / "wiki").mkdir()
    (tmp_path / "wiki" / "app.yml").write_text(SHOP)
    (tmp_path / "host.yml").write_text("stacks: {shop: , wiki: {mode: report}}\n")
    with daemons.running(tmp_path, free_port()) as found:
        found.settles("shop")
        yield found


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    packages.have(packages.BROWSER)
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in (*QUIET, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))
    try:
        yield driver
    finally:
        driver.quit()


def text(browser: webdriver.Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "body").text


def shows(browser: webdriver.Chrome, words: str) -> None:
    eventually(lambda: words in text(browser), what=f"{words!r} on the page")


@pytest.fixture
def page(host: Running, browser: webdriver.Chrome) -> webdriver.Chrome:
    """The page, with a token that may do everything."""
    browser.get(f"http://127.0.0.1:{host.port}/")
    shows(browser, "A token is needed")
    browser.find_element(By.ID, "token").send_keys(host.token("page", "admin"), Keys.ENTER)
    shows(browser, "2 stacks")
    return browser


def test_a_wrong_token_shows_nothing_of_the_host(host: Running, browser: webdriver.Chrome) -> None:
    browser.get(f"http://127.0.0.1:{host.port}/")
    shows(browser, "A token is needed")
    browser.find_element(By.ID, "token").send_keys("stk_wrong", Keys.ENTER)
    eventually(lambda: browser.find_element(By.ID, "refused").text, what="the refusal")

    assert "shop" not in text(browser)


def test_the_host_at_a_glance_and_a_stack_in_full(page: webdriver.Chrome) -> None:
    assert "converged" in text(page)
    assert "drifted" in text(page)
    page.find_element(By.LINK_TEXT, "shop").click()
    for words in ("Services", "1/1 ready", "Everything is as the file says", "Revisions", "1 (serves)", "Log"):
        shows(page, words)
    picture = page.find_element(By.CSS_SELECTOR, ".graph img")
    eventually(lambda: page.execute_script("return arguments[0].naturalWidth", picture) > 100, what="the graph")


def test_drift_is_shown_and_mended_with_a_click(host: Running, page: webdriver.Chrome) -> None:
    page.find_element(By.LINK_TEXT, "wiki").click()
    shows(page, "Apply now")
    shows(page, "no container yet")
    page.find_element(By.XPATH, "//button[text()='Apply now']").click()

    host.settles("wiki")
    shows(page, "Everything is as the file says")


def test_what_happens_appears_without_a_reload(host: Running, page: webdriver.Chrome) -> None:
    eventually(lambda: page.find_element(By.ID, "live").text == "live", what="the page listens")
    host.daemon.board.tell("shop", "note", "something has happened")

    shows(page, "something has happened")


def test_nothing_of_the_host_becomes_markup(host: Running, page: webdriver.Chrome) -> None:
    host.daemon.board.tell("shop", "note", EVIL)
    shows(page, EVIL)

    assert "owned" not in page.title
    refused = [entry for entry in page.get_log("browser") if "Content Security Policy" in entry["message"]]
    assert [] == refused


def test_the_page_is_used_with_the_keyboard_alone(page: webdriver.Chrome) -> None:
    link = page.find_element(By.LINK_TEXT, "shop")
    for _ in range(12):
        page.switch_to.active_element.send_keys(Keys.TAB)
        if page.switch_to.active_element == link:
            break
    page.switch_to.active_element.send_keys(Keys.ENTER)

    shows(page, "Dependencies")


def test_on_a_phone_nothing_is_wider_than_the_screen(page: webdriver.Chrome) -> None:
    page.set_window_size(400, 800)
    page.find_element(By.LINK_TEXT, "shop").click()
    shows(page, "Dependencies")
    wide, screen = page.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")

    assert wide <= screen


def test_it_is_dark_where_the_reader_likes_it_dark(page: webdriver.Chrome) -> None:
    def background() -> str:
        return str(page.execute_script("return getComputedStyle(document.body).backgroundColor"))

    light = background()
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    )
    assert light != background()


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    return Repo(tmp_path / "repo")


@pytest.fixture
def followed(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A host whose stack lies in a repository."""
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    repo.write("stacks/shop/app.yml", "services:\n  web: {image: 'web:1'}\n")
    repo.commit()
    (tmp_path / "host.yml").write_text("sources: {infra: {url: ./repo, interval: 1h}}\n")
    with daemons.running(tmp_path, free_port()) as found:
        found.settles("shop")
        yield found


def test_repositories_are_fetched_suspended_and_resumed_with_a_click(
    repo: Repo, followed: Running, browser: webdriver.Chrome
) -> None:
    browser.get(f"http://127.0.0.1:{followed.port}/")
    shows(browser, "A token is needed")
    browser.find_element(By.ID, "token").send_keys(followed.token("page", "admin"), Keys.ENTER)
    shows(browser, "the default branch at")
    browser.find_element(By.XPATH, "//button[text()='Suspend']").click()
    shows(browser, "suspended")
    browser.find_element(By.XPATH, "//button[text()='Resume']").click()
    shows(browser, "current")

    repo.write("stacks/shop/app.yml", "services:\n  web: {imag: 'web:2'}\n")
    repo.commit()
    browser.find_element(By.XPATH, "//button[text()='Fetch now']").click()

    shows(browser, "unknown key `imag`")
    shows(browser, "app.yml:2:9")
