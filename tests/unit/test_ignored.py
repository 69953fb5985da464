"""Ignore patterns mean what the builder's ``.dockerignore`` means by them."""

from __future__ import annotations

import pytest

from orchestrator.ignored import PASSING, Patterns


@pytest.mark.parametrize(
    ("lines", "path", "meant"),
    [
        ("node_modules", "node_modules", True),
        ("node_modules/", "node_modules/left-pad/index.js", True),
        ("node_modules", "src/node_modules", False),
        ("**/node_modules", "src/node_modules/x", True),
        ("/build", "build/out", True),
        ("*.log", "a.log", True),
        ("*.log", "logs/a.log", False),
        ("**/*.log", "a.log", True),
        ("**/*.log", "deep/down/a.log", True),
        ("docs/**", "docs/a/b", True),
        ("docs/**/b", "docs/a/c/b", True),
        ("docs/**/b", "docs/b", True),
        ("**/a/**/b*c*", "x/a/y/a/z/bcd", True),
        ("**/a/**/b*c*", "x/a/y/z/acd", False),
        ("**/*a*/b", "a/cac/b", True),
        ("**.log", "deep/.log", True),
        ("a**b", "axb", True),
        ("a**b", "a/b", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[ab].txt", "b.txt", True),
        ("[^a].txt", "a.txt", False),
        ("a[^b]c", "a/c", False),
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        ("a.c", "abc", False),
        ("*.md !README.md", "README.md", False),
        ("*.md !README.md", "OTHER.md", True),
        ("* !src", "src/main.py", False),
        ("* !src", "other", True),
        ("!src *", "src/main.py", True),
        ("# comment", "# comment", False),
        ("./here", "here", True),
        ("", "anything", False),
    ],
)
def test_a_path_is_meant_or_not(lines: str, path: str, meant: bool) -> None:
    patterns = [lines] if lines.startswith("#") else lines.split()
    assert meant is Patterns(patterns).mean(path)


@pytest.mark.parametrize("path", [".git/HEAD", "a/.git/x", "main.py~", ".main.py.swp", "4913", "x/.#lock", ".idea/a"])
def test_what_editors_and_git_leave_is_in_passing(path: str) -> None:
    assert Patterns(PASSING).mean(path)


@pytest.mark.parametrize("path", ["main.py", ".gitignore", "sub/file.swf", "idea/a"])
def test_what_people_write_is_not(path: str) -> None:
    assert not Patterns(PASSING).mean(path)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [("*a" * 30 + "b", "a" * 200), ("**/a/" * 30 + "b", "a/" * 200 + "a"), ("**/*a*a" * 20 + "/b", "a/a" * 100)],
)
def test_a_pattern_with_many_wildcards_is_answered_at_once(pattern: str, path: str) -> None:
    """Ignore files of strangers are read by the daemon, in which everybody waits for an expression to end."""
    assert not Patterns([pattern]).mean(path)
