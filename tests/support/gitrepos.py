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

    def add_module(self, folder: str, url: str, commit: str) -> None:
        """Commit a submodule at ``commit``, without fetching it."""
        with open(self.folder / ".gitmodules", "a", encoding="utf-8") as file:
            file.write(f'[submodule "{folder}"]\n\tpath = {folder}\n\turl = {url}\n')
        self.git("add", "--all")
        self.move_module(folder, commit)

    def move_module(self, folder: str, commit: str) -> str:
        """Commit that a submodule is at ``commit``; the hash of what was committed."""
        self.git("update-index", "--add", "--cacheinfo", f"160000,{commit},{folder}")
        self.git("commit", "--quiet", "-m", f"{folder} at {commit}")
        return self.git("rev-parse", "HEAD")
