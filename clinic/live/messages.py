"""The words of the protocol, version 1: what a tablet may send, what it is sent, limits and codes.

docs/protocol.md describes the same for people; a test holds the two together.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass
from typing import Any

from clinic.errors import PlainError

VERSION = 1

RATE_UP_HZ = 16_000
RATE_DOWN_HZ = 24_000
BYTES_PER_SAMPLE = 2
#: One binary frame holds this much sound at most, in either direction.
FRAME_S = 0.2
FRAME_UP_BYTES = int(RATE_UP_HZ * FRAME_S) * BYTES_PER_SAMPLE
FRAME_DOWN_BYTES = int(RATE_DOWN_HZ * FRAME_S) * BYTES_PER_SAMPLE
TEXT_BYTES = 4096
#: What the WebSocket layer itself refuses (close code 1009); beyond the limits above the client is told first.
HARD_BYTES = 64 * 1024
HEADER = struct.Struct("<I")

CLIENT = (
    "hello", "start", "finish", "cancel", "choose", "again", "none_of_these", "speak_cut_off", "speak_as", "ping",
)  # fmt: skip
SERVER = (
    "welcome", "state", "ack", "turn_ended", "turn_resumed", "words", "readings", "nothing_heard", "speech_start",
    "speech_end", "speaks_as", "slow", "failed", "error", "pong",
)  # fmt: skip
HOLD, TAP, FREE = MODES = ("hold", "tap", "free")
STATES = ("ready", "listening", "working", "unsure", "speaking", "no_voice", "cut_off")

#: WebSocket close codes, beside the standard ones: why the service ended the connection.
CLOSE_NORMAL, CLOSE_TOO_BIG, CLOSE_INTERNAL = 1000, 1009, 1011
CLOSE_BAD_MESSAGE, CLOSE_SIGNED_OUT, CLOSE_WRONG_ORDER = 4400, 4401, 4403
CLOSE_IDLE, CLOSE_REPLACED, CLOSE_VERSION, CLOSE_FLOOD = 4408, 4409, 4426, 4429
CLOSE_CODES = (
    CLOSE_NORMAL, CLOSE_TOO_BIG, CLOSE_INTERNAL, CLOSE_BAD_MESSAGE, CLOSE_SIGNED_OUT, CLOSE_WRONG_ORDER,
    CLOSE_IDLE, CLOSE_REPLACED, CLOSE_VERSION, CLOSE_FLOOD,
)  # fmt: skip

_IDENTIFIER = re.compile(r"[A-Za-z0-9_-]{8,32}")
_MODE = re.compile(r"[a-z_]{1,16}")
_CURSOR_LENGTH = 64


class ProtocolError(PlainError):
    """A message that the protocol does not allow. `close` is the close code that follows, None to go on."""

    def __init__(self, code: str, message: str, close: int | None = None) -> None:
        super().__init__(code, message)
        self.close = close


@dataclass(frozen=True)
class Hello:
    """The first message: who resumes what. `turn` is the open turn that the client still holds the sound of."""

    session: str = ""
    after: str = ""
    turn: str = ""


@dataclass(frozen=True)
class Start:
    """Begin a turn. `turn` names it, so that it can be resumed and is never taken twice."""

    turn: str
    mode: str


@dataclass(frozen=True)
class Finish:
    """The turn is over now, however long the pause."""


@dataclass(frozen=True)
class Cancel:
    """Forget the open turn (no utterance named), or stop working on, or speaking, an utterance."""

    utterance: str = ""


@dataclass(frozen=True)
class Choose:
    """Say this reading, counted from 0."""

    utterance: str
    reading: int


@dataclass(frozen=True)
class Again:
    """None of it matters: the patient will say it again."""

    utterance: str


@dataclass(frozen=True)
class NoneOfThese:
    """No reading is right."""

    utterance: str


@dataclass(frozen=True)
class SpeakCutOff:
    """Work on what was heard before the connection broke; it comes back as readings to choose from."""

    utterance: str


@dataclass(frozen=True)
class SpeakAs:
    """How what is said from now on is to be said again: one of `welcome.speaks_as.choices`."""

    mode: str


@dataclass(frozen=True)
class Ping:
    """Keep the connection open; `t` comes back in the pong."""

    t: float = 0.0


ClientMessage = Hello | Start | Finish | Cancel | Choose | Again | NoneOfThese | SpeakCutOff | SpeakAs | Ping


def parse(text: str) -> ClientMessage:
    """A text frame as a message. Raises ProtocolError 'too_big', 'not_json', 'unknown_type', 'bad_field', 'version'."""
    if len(text.encode()) > TEXT_BYTES:
        raise ProtocolError("too_big", f"A message may have {TEXT_BYTES} bytes at most.", CLOSE_TOO_BIG)
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolError("not_json", "That message is not JSON.", CLOSE_BAD_MESSAGE) from None
    if not isinstance(data, dict) or data.get("type") not in CLIENT:
        raise ProtocolError("unknown_type", "There is no such message in this protocol.", CLOSE_BAD_MESSAGE)
    match data["type"]:
        case "hello":
            if data.get("version") != VERSION:
                message = "This page is of another version of Same Voice. Load it again."
                raise ProtocolError("version", message, CLOSE_VERSION)
            cursor = _text(data, "after")
            return Hello(_identifier(data, "session", ""), cursor, _identifier(data, "turn", ""))
        case "start":
            if data.get("mode") not in MODES:
                raise _bad_field("mode")
            return Start(_identifier(data, "turn"), data["mode"])
        case "finish":
            return Finish()
        case "cancel":
            return Cancel(_identifier(data, "utterance", ""))
        case "choose":
            reading = data.get("reading")
            if not isinstance(reading, int) or isinstance(reading, bool) or not 0 <= reading < 10:
                raise _bad_field("reading")
            return Choose(_identifier(data, "utterance"), reading)
        case "again":
            return Again(_identifier(data, "utterance"))
        case "none_of_these":
            return NoneOfThese(_identifier(data, "utterance"))
        case "speak_cut_off":
            return SpeakCutOff(_identifier(data, "utterance"))
        case "speak_as":
            mode = data.get("mode")
            if not isinstance(mode, str) or not _MODE.fullmatch(mode):
                raise _bad_field("mode")
            return SpeakAs(mode)
        case _:
            t = data.get("t", 0.0)
            if not isinstance(t, int | float) or isinstance(t, bool) or not abs(t) < 1e15:
                raise _bad_field("t")
            return Ping(t)


def parse_audio(frame: bytes) -> tuple[int, bytes]:
    """(sequence number, PCM) of a binary frame. Raises ProtocolError: 'too_big', 'bad_audio'."""
    if len(frame) > HEADER.size + FRAME_UP_BYTES:
        message = f"A piece of sound may last {FRAME_S * 1000:.0f} ms at most."
        raise ProtocolError("too_big", message, CLOSE_TOO_BIG)
    pcm = frame[HEADER.size :]
    if not pcm or len(pcm) % BYTES_PER_SAMPLE:
        raise ProtocolError("bad_audio", "That is not 16-bit sound behind a sequence number.", CLOSE_BAD_MESSAGE)
    return int(HEADER.unpack_from(frame)[0]), pcm


def message(kind: str, **fields: Any) -> str:
    """A text frame for the client; fields that are None are left out. Raises ValueError for an unknown type."""
    if kind not in SERVER:
        raise ValueError(f"{kind} is not in the protocol")
    known = {name: value for name, value in fields.items() if value is not None}
    return json.dumps({"type": kind, **known}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _text(data: dict[str, Any], name: str) -> str:
    value = data.get(name, "")
    if not isinstance(value, str) or len(value) > _CURSOR_LENGTH:
        raise _bad_field(name)
    return value


def _identifier(data: dict[str, Any], name: str, default: str | None = None) -> str:
    value = data.get(name, default)
    if value == "" and default == "":
        return ""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise _bad_field(name)
    return value


def _bad_field(name: str) -> ProtocolError:
    return ProtocolError("bad_field", f"The field '{name}' of that message is missing or wrong.", CLOSE_BAD_MESSAGE)
