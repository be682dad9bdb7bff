"""How the clinic sends work: by task name, with identifiers only, after the transaction has committed."""

from __future__ import annotations

from functools import lru_cache

from celery import Celery
from celery.schedules import crontab
from sqlalchemy.orm import Session

from clinic.database import after_commit
from clinic.settings import get_settings

#: Task name → queue. `live` serves a waiting person; `ahead` works before it is asked for; `build` takes minutes.
QUEUES = {
    "live.restore": "live",
    "live.speak": "live",
    "live.warm": "live",
    # Nobody waits for these yet: on a queue of their own they never stand before somebody who does.
    "live.ahead": "ahead",
    "live.open_readings": "ahead",
    # One short sentence, and a clinician waits for it; behind a build it would come minutes later.
    "voices.pronounce": "live",
    # The reader waits for it before the next sentence.
    "learning.check_read": "live",
    "learning.check_phrase": "live",
    "voices.check": "build",
    "voices.fit": "build",
    "voices.compare": "build",
    "voices.adopt": "build",
    "messages.cut": "build",
    "learning.adapt": "build",
    "speaker.learn": "build",
    "notes.draft": "notes",
    "learning.due": "upkeep",
}

#: What runs by the clock, in SAMEVOICE_TIMEZONE, sent by Celery's beat: hour and minute.
NIGHTLY = {"learning.due": (2, 30)}


def _transport_options(broker_url: str) -> dict[str, float | str]:
    """A build takes minutes: it must not be handed to a second worker meanwhile. The in-memory transport polls.

    A worker takes from its queues in the order in which it was given them.
    """
    if broker_url.startswith("memory:"):
        return {"polling_interval": 0.02}
    return {"visibility_timeout": 4 * 3600, "queue_order_strategy": "priority"}


def configure(app: Celery) -> Celery:
    """Settings that the sending and the working side share."""
    app.conf.update(
        broker_url=get_settings().broker_url,
        broker_connection_retry_on_startup=True,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        task_serializer="json",
        accept_content=["json"],
        task_default_queue="live",
        task_routes={name: {"queue": queue} for name, queue in QUEUES.items()},
        timezone=get_settings().timezone,
        beat_schedule={
            name: {"task": name, "schedule": crontab(hour=hour, minute=minute), "options": {"queue": QUEUES[name]}}
            for name, (hour, minute) in NIGHTLY.items()
        },
        broker_transport_options=_transport_options(get_settings().broker_url),
    )
    return app


@lru_cache
def sender() -> Celery:
    """A Celery app that knows no tasks and only sends."""
    return configure(Celery("samevoice-clinic", set_as_current=False))


def send(session: Session, name: str, *args: str | int) -> None:
    """Queue task `name` with `args` once the transaction of `session` is durable. Raises KeyError for unknown names."""
    queue = QUEUES[name]
    after_commit(session, lambda: _publish(name, args, queue))


def _publish(name: str, args: tuple[str | int, ...], queue: str) -> None:
    sender().send_task(name, args=args, queue=queue)
