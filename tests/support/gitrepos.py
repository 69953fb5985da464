"""Real git repositories for tests: made, committed to, tagged and signed with the git program."""

from __future__ import annotations

import os
import subprocess
import textwrap
from pathlib import Path


class Repo:
    """A repository with a work tree; ``url`` is its path, as a source names a local one."""

    def __init__(self, folder: Path, branch: str = "main") -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", f"--initial-branch={branch}")
        self.git("config", "user.name", "tester")
        self.git("config", "user.email", "tester@example.org")
        self.git("config", "uploadpack.allowAnySHA1InWant", "true")

    @property
    def url(self) -> str:
        return str(self.folder)

    def git(self, *words: str, stdin: str = "") -> str:
        done = subprocess.run(
            ["git", "-C", str(self.folder), *words],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1"},
        )
        assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
        return done.stdout.strip()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))

    def commit(self, message: str = "a change", *options: str) -> str:
        """Commit everything; the commit's hash."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message, *options)
        return self.git("rev-parse", "HEAD")
