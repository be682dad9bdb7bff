"""The Celery app of the working side. Importing it loads no model and touches no CUDA."""

from __future__ import annotations

import threading
from typing import Any

from celery import Celery, signals

from clinic.queue import configure

app = configure(Celery("samevoice", set_as_current=True))
app.conf.imports = (
    "workers.tasks.voices",
    "workers.tasks.compare",
    "workers.tasks.adopt",
    "workers.tasks.pronounce",
    "workers.tasks.messages",
    "workers.tasks.learning",
    "workers.tasks.whose",
    "workers.tasks.live",
    "workers.tasks.notes",
)


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _warm(sender: Any, **_: Any) -> None:
    """In a worker process of its own: open what a waiting person needs before the first of them comes."""
    if any(queue.name == "live" for queue in sender.task_consumer.queues):
        from workers.tasks import rooms

        threading.Thread(target=rooms.preload, name="preload", daemon=True).start()
