"""Several reads at once, in order: callables in, their results out. A few threads, no pool to keep or to shut down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

WORKERS = 8


def together(calls: Iterable[Callable[[], T]], workers: int = WORKERS) -> list[T]:
    """The results of all calls, in their order; the first problem (in their order) is raised after all have ended."""
    waiting = list(calls)
    results: list[T | None] = [None] * len(waiting)
    problems: list[tuple[int, BaseException]] = []
    queue = iter(enumerate(waiting))
    lock = threading.Lock()

    def work() -> None:
        for number, call in _shared(queue, lock):
            try:
                results[number] = call()
            except BaseException as problem:
                problems.append((number, problem))
                return

    # This thread works too: a single call needs no other.
    helpers = [threading.Thread(target=work, daemon=True) for _ in range(min(workers, len(waiting)) - 1)]
    for helper in helpers:
        helper.start()
    work()
    for helper in helpers:
        helper.join()
    if problems:
        raise min(problems, key=lambda entry: entry[0])[1]
    return results  # type: ignore[return-value]  # every place is filled by now


def _shared(queue: Iterator[T], lock: threading.Lock) -> Iterator[T]:
    while True:
        with lock:
            try:
                item = next(queue)
            except StopIteration:
                return
        yield item
