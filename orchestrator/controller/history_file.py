"""The SQLite file of a history: opened, brought to the present format, put aside when it is damaged.

Trouble is raised as it comes, ``sqlite3.Error``, ``OSError`` or ``ValueError``; ``history`` words it.
"""

from __future__ import annotations

import os
import sqlite3
import time

WAIT_FOR_OTHERS = 5.0  # seconds a writer waits for another one of the same stack
MIGRATIONS = (
    """
    CREATE TABLE spec (digest TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE revision (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        began REAL NOT NULL,
        ended REAL,
        outcome TEXT NOT NULL,
        command TEXT NOT NULL,
        summary TEXT NOT NULL DEFAULT '',
        returns_to INTEGER,
        spec TEXT REFERENCES spec (digest),
        images TEXT NOT NULL DEFAULT '{}',
        record TEXT NOT NULL DEFAULT '{}'
    );
    CREATE INDEX by_outcome ON revision (outcome, number);
    """,
)


def existing(path: str) -> sqlite3.Connection:
    database = _connect(path, "rw")
    try:
        _check_version(database)
    except BaseException:
        database.close()
        raise
    return database


def writable(path: str) -> sqlite3.Connection:
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    database = _connect(path, "rw")
    try:
        database.execute("PRAGMA journal_mode = WAL").fetchone()
        database.execute("PRAGMA synchronous = NORMAL")
        _migrate(database)
    except BaseException:
        database.close()
        raise
    return database


def _connect(path: str, mode: str) -> sqlite3.Connection:
    from urllib.parse import quote

    return sqlite3.connect(f"file:{quote(path)}?mode={mode}", timeout=WAIT_FOR_OTHERS, isolation_level=None, uri=True)


def _check_version(database: sqlite3.Connection) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise ValueError(
            f"a newer release of stack has written it (format {version}, this one knows {len(MIGRATIONS)})"
        )
    return int(version)


def _migrate(database: sqlite3.Connection) -> None:
    """Bring the tables to the present format, each step whole or not at all, whoever else does the same."""
    if _check_version(database) == len(MIGRATIONS):
        return
    database.execute("BEGIN IMMEDIATE")
    try:
        for number in range(_check_version(database), len(MIGRATIONS)):
            for statement in MIGRATIONS[number].split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {number + 1}")
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise


def put_aside(path: str) -> str:
    aside = f"{path}.damaged-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}"
    os.replace(path, aside)
    for suffix in ("-wal", "-shm"):
        unlink(path + suffix)
    return aside


def unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
