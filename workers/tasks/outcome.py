"""How a task ends when it does not end well: in plain words, once, and without anybody's words in a log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from clinic.errors import PlainError
from workers.contracts import SpokenError, Stopped

log = logging.getLogger(__name__)

UNEXPECTED = "Something went wrong on our side. Nothing that was recorded is lost. Please try again."


@contextmanager
def plainly(subject_id: str, task: str, failed: Callable[[str, str, str], None]) -> Iterator[None]:
    """Turn any failure inside into `failed(subject_id, code, message)`.

    An unexpected error is logged by type and place only, since its message may quote what somebody said. It is not
    raised again: Celery would log its text, and the row already says what happened.
    """
    try:
        yield
    except Stopped:
        log.info("%s %s stopped on request", task, subject_id)
    except (SpokenError, PlainError) as error:
        log.warning("%s %s failed: %s", task, subject_id, error.code)
        failed(subject_id, error.code, error.message)
    except Exception as error:
        place = _place(error)
        log.error("%s %s failed: %s at %s", task, subject_id, type(error).__name__, place)
        failed(subject_id, "unexpected", UNEXPECTED)


def _place(error: BaseException) -> str:
    """The innermost file and line of our own code, without values."""
    traceback, place = error.__traceback__, "?"
    while traceback is not None:
        code = traceback.tb_frame.f_code
        place = f"{'/'.join(code.co_filename.split('/')[-3:])}:{traceback.tb_lineno} {code.co_name}"
        traceback = traceback.tb_next
    return place
