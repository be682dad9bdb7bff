"""A sentence as the browser recorded it: the body of a request, some seconds of WAV."""

from __future__ import annotations

import io
import re
import wave

from flask import request
from flask_wtf.csrf import validate_csrf
from wtforms.validators import ValidationError

from clinic.errors import PlainError

#: Of 16 kHz, 16 bit: the page stops by itself after a minute. What is too long to learn from, the worker says.
LONGEST_S, SHORTEST_S = 60, 0.3
_RATE_HZ = 16_000
_LONGEST_BYTES = 44 + LONGEST_S * _RATE_HZ * 2
_TAKE = re.compile(r"[0-9a-f]{32}")


def check_token() -> None:
    """These views are exempt from the app's own CSRF check, since it would read the body under the limit of a form."""
    request.max_content_length = _LONGEST_BYTES + 1024
    try:
        validate_csrf(request.headers.get("X-CSRFToken", ""))
    except ValidationError:
        raise PlainError(
            "csrf", "This page is too old. Your recording is still here: touch the button again."
        ) from None


def take() -> str:
    """The browser's own name for what it recorded. Raises PlainError 'no_take'."""
    found = request.args.get("take", "")
    if not _TAKE.fullmatch(found):
        raise PlainError("no_take", "The recording came without its number. Load the page again, then say it again.")
    return found


def sound() -> bytes:
    """The WAV. Raises PlainError 'too_long', 'no_sound', 'not_a_recording' or 'too_short'."""
    if (request.content_length or 0) > _LONGEST_BYTES:
        raise PlainError("too_long", f"That is longer than {LONGEST_S} seconds. Say the sentence by itself.", 413)
    data = request.get_data(cache=False)
    if not data:
        raise PlainError("no_sound", "No sound arrived. Say the sentence again.")
    try:
        with wave.open(io.BytesIO(data)) as file:
            kind = (file.getnchannels(), file.getsampwidth(), file.getframerate())
            held = len(file.readframes(file.getnframes())) // 2
    except (wave.Error, EOFError):
        raise _not_a_recording() from None
    if kind != (1, 2, _RATE_HZ):
        raise _not_a_recording()
    if held < SHORTEST_S * _RATE_HZ:
        raise PlainError("too_short", "That was too short to hear anything. Touch the button, then say the sentence.")
    return data


def _not_a_recording() -> PlainError:
    return PlainError(
        "not_a_recording", "What arrived is not a recording of this page. Load it again, then say it again."
    )
