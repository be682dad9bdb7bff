"""The next piece is made while the last is used, and whoever waits can leave at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor, Future, wait
from typing import TypeVar

from workers.contracts import Cancelled, Stopped

#: How often a waiting caller asks whether to stop. Half of the 100 ms in which stopping is to be felt.
POLL_S = 0.05

Piece = TypeVar("Piece")
#: Given a question that turns true when nobody wants further pieces, makes them one by one.
Maker = Callable[[Cancelled], Iterator[Piece]]


def ahead(make: Maker[Piece], worker: Executor, cancelled: Cancelled | None) -> Generator[Piece, None, None]:
    """The pieces of `make`, each begun on `worker` when the one before it is handed out.

    Raises Stopped within `POLL_S` of `cancelled` turning true, and what `make` raises. The piece in hand then is
    finished on `worker` and thrown away; with one thread there, no second one is begun beside it.
    """
    abandoned = threading.Event()
    pieces = make(abandoned.is_set)
    pending: Future[Piece | None] = worker.submit(next, pieces, None)
    try:
        while (piece := _waited(pending, cancelled)) is not None:
            pending = worker.submit(next, pieces, None)
            yield piece
    finally:
        abandoned.set()
        pending.cancel()


def _waited(pending: Future[Piece | None], cancelled: Cancelled | None) -> Piece | None:
    while not pending.done():
        if cancelled is not None and cancelled():
            raise Stopped
        wait([pending], timeout=POLL_S)
    if cancelled is not None and cancelled():
        raise Stopped
    return pending.result()
