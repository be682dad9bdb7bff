"""What was made before it was asked for: kept in this process for a moment, given out once, or dropped unseen."""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as Late
from contextlib import suppress
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Made = TypeVar("Made")


class Premade(Generic[Made]):
    """Things by key, each made once. Safe to use from many threads.

    Another process has its own: there, whoever asks makes the thing anew.
    """

    def __init__(
        self,
        *,
        most: int,
        keep_s: float,
        drop: Callable[[Made], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """At most `most` things are kept, for `keep_s` at most; `drop` is called for each that nobody took."""
        self._most, self._keep_s, self._drop, self._clock = most, keep_s, drop, clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[float, Future[Made]]] = OrderedDict()

    def make(self, key: Hashable, make: Callable[[], Made]) -> Made | None:
        """Make a thing in this thread and keep it; None where it is there, or being made, already.

        Whoever asks for it meanwhile waits for it. Raises what `make` raises; then there is nothing under this key.
        """
        found: Future[Made] = Future()
        with self._lock:
            if key in self._kept:
                return None
            self._kept[key] = self._clock(), found
            stale = self._stale()
        self._leave(stale)
        try:
            made = make()
        except BaseException as error:
            with self._lock:
                if self._kept.get(key, (0.0, None))[1] is found:
                    del self._kept[key]
            found.set_exception(error)
            raise
        found.set_result(made)
        return made

    def take(self, key: Hashable, timeout_s: float = 20.0) -> Made | None:
        """The thing, which is the caller's from now on; None where there is none, or its making failed.

        Waits up to `timeout_s` for one that is being made.
        """
        with self._lock:
            stale = self._stale()
            _, found = self._kept.pop(key, (0.0, None))
        self._leave(stale)
        if found is None:
            return None
        try:
            return found.result(timeout_s)
        except Late:
            self._leave([found])
        except Exception as error:  # whoever made it has said so; the caller does without
            log.info("what was made ahead failed: %s", type(error).__name__)
        return None

    def _stale(self) -> list[Future[Made]]:
        oldest_s = self._clock() - self._keep_s
        stale = [key for key, (at_s, _) in self._kept.items() if at_s < oldest_s]
        stale += [key for key in list(self._kept)[: max(0, len(self._kept) - self._most)] if key not in stale]
        return [self._kept.pop(key)[1] for key in stale]

    def _leave(self, unwanted: list[Future[Made]]) -> None:
        def drop(done: Future[Made]) -> None:
            with suppress(Exception):
                self._drop(done.result())

        for one in unwanted:
            one.add_done_callback(drop)
