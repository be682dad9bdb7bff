"""The whole service in one process: Flask threads, Celery worker threads over the in-memory transport, SQLite.

The same tasks, tables and pages as on a cluster; only settings differ.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from celery import Celery, beat
from celery.app.registry import TaskRegistry
from celery.worker import WorkController

from clinic.queue import configure
from clinic.settings import get_settings

#: Queues and how kind each is to the others: a waiting person comes before a voice that is being built.
#: A note takes a second and a voice minutes: a clinician who waits for the one is not kept behind the other.
LANES = (
    ("live", ["live"], 0),
    ("ahead", ["ahead"], 0),
    ("notes", ["notes", "upkeep"], 5),
    ("background", ["build"], 19),
)


def prepare() -> None:
    """Make home, keyring and both databases, or bring them up to date. Safe to call at every start."""
    from clinic.vault import create_keyring
    from migrations.run import upgrade

    get_settings().home.mkdir(parents=True, exist_ok=True, mode=0o700)
    create_keyring()
    upgrade()


@dataclass
class Lane:
    """One Celery worker in a thread of this process."""

    name: str
    controller: Any
    thread: threading.Thread

    def stop(self) -> None:
        """Let the task in hand end, take no more."""
        self.controller.stop(in_sighandler=False)
        self.thread.join(timeout=20)


@contextmanager
def workers() -> Iterator[list[Lane]]:
    """Worker threads for every queue, for as long as the block runs."""
    lanes = [_start(*lane) for lane in LANES]
    clock = _clock()
    try:
        yield lanes
    finally:
        clock.stop()
        for lane in lanes:
            lane.stop()


def _clock() -> Any:
    """Celery's beat in a thread, its times in memory: a night that this process sleeps through is left out."""
    app = configure(Celery("samevoice-clock", set_as_current=False))
    clock = beat.EmbeddedService(app, thread=True, scheduler_cls=beat.Scheduler)
    clock.daemon = True
    clock.start()
    return clock


def _start(name: str, queues: list[str], niceness: int) -> Lane:
    from workers.app import app

    app.loader.import_default_modules()
    # A Celery app holds one selection of queues: with one app for both lanes, the second would take the first one's.
    # Celery's own tasks come with each app: shared too, they would be registered twice, with a warning for each.
    ours = TaskRegistry({task: run for task, run in app.tasks.items() if not task.startswith("celery.")})
    lane_app = configure(Celery(f"samevoice-{name}", tasks=ours, set_as_current=False))
    # WorkController and not the command's Worker: that one installs signal handlers, which only a main thread may.
    controller = WorkController(
        app=lane_app,
        hostname=f"{name}@samevoice",
        pool_cls="threads",
        concurrency=1,
        queues=queues,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        loglevel="WARNING",
    )

    def run() -> None:
        with suppress(OSError, AttributeError):  # only Linux gives each thread a niceness of its own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
        controller.start()

    thread = threading.Thread(target=run, name=f"worker-{name}", daemon=True)
    thread.start()
    return Lane(name, controller, thread)
