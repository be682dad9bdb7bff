"""One tablet's connection: what each message does, and what becomes of a turn when the connection breaks."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from clinic.database import new_id
from clinic.errors import PlainError
from clinic.events import Event, get_stream
from clinic.live import messages as m
from clinic.live import utterances
from clinic.live.hearing import Hearing
from clinic.live.limits import AUDIO_BURST_S, AUDIO_RATE, MESSAGES_BURST, MESSAGES_PER_S, Bucket
from clinic.live.messages import ProtocolError
from clinic.live.registry import OpenTurn, Registry
from clinic.live.relay import Relay
from clinic.live.standing import resting, standing
from clinic.live.turns import JOINS_S, LONGEST_S, PAUSE_LEAST_S, PAUSE_MOST_S, Ended
from clinic.live.voice_activity import Detector
from clinic.live.websocket import ConnectionClosed, WebSocket

log = logging.getLogger(__name__)

HELLO_WITHIN_S = 10.0
#: A tablet pings every 20 s; one that is silent for this long has gone.
IDLE_S = 90.0

LIMITS = {
    "frame_s": m.FRAME_S,
    "turn_s": LONGEST_S,
    "rate": AUDIO_RATE,
    "burst_s": AUDIO_BURST_S,
    "text_bytes": m.TEXT_BYTES,
    "idle_s": IDLE_S,
    "pause_least_s": PAUSE_LEAST_S,
    "pause_most_s": PAUSE_MOST_S,
}

SIGNED_OUT = "This tablet is signed out. Please ask someone to sign it in again."
REPLACED = "Same Voice is open on another screen now. Touch here to use this one again."
NOTHING_HEARD = "I heard no speech. When you are ready, try again, a little closer to the tablet."
UNEXPECTED = "Something went wrong on our side. Nothing that was kept is lost. The page connects again by itself."


@dataclass(frozen=True)
class Tablet:
    """Who is at the other end: the tablet's account, and the version of its sign-in."""

    account_id: str
    session_version: int


class Connection:
    """Reads the tablet's messages in one thread, while a relay sends the workers' in another."""

    def __init__(self, ws: WebSocket, tablet: Tablet, registry: Registry, detector: Detector) -> None:
        self._ws, self._tablet, self._registry = ws, tablet, registry
        self._id = new_id()
        self._patient_id = self._session_id = ""
        self._messages = Bucket(MESSAGES_PER_S, MESSAGES_BURST)
        #: Guards state and turn, and holds sends in the order of the states that they tell.
        self._lock = threading.RLock()
        self._state = "ready"
        self._current = ""
        self._hearing = Hearing(detector, registry, self.tell)
        self._over = False
        self._told_mode: dict[str, Any] = {}
        self._relay: Relay | None = None

    # Life

    def run(self) -> None:
        """Serve until the connection ends, however it ends. Raises nothing."""
        try:
            self._serve()
        except ConnectionClosed:
            pass
        except ProtocolError as error:
            self._end(error.code, error.message, error.close or m.CLOSE_BAD_MESSAGE)
        except PlainError as error:
            log.warning("tablet connection ended: %s", error.code)
            self._end(error.code, error.message, m.CLOSE_INTERNAL)
        except Exception as error:
            # The outermost frame of this connection: by type only, since the message may quote what somebody said.
            log.error("tablet connection ended: %s", type(error).__name__)
            self._end("unexpected", UNEXPECTED, m.CLOSE_INTERNAL)
        finally:
            self._leave()

    def replace(self) -> None:
        """See `registry.Replaceable`: another screen of this patient has come."""
        self._park()
        self._end("replaced", REPLACED, m.CLOSE_REPLACED)

    def _serve(self) -> None:
        first = self._ws.receive(timeout=HELLO_WITHIN_S)
        if first is None:
            raise ProtocolError("idle", "No hello came.", m.CLOSE_IDLE)
        hello = m.parse(first) if isinstance(first, str) else None
        if not isinstance(hello, m.Hello):
            raise ProtocolError("wrong_order", "A connection begins with hello.", m.CLOSE_WRONG_ORDER)
        self._welcome(hello)
        while not self._over:
            received = self._ws.receive(timeout=IDLE_S)
            if received is None:
                raise ProtocolError("idle", "The tablet was silent for too long.", m.CLOSE_IDLE)
            if not self._messages.take(1.0):
                raise ProtocolError("flood", "Too many messages at once.", m.CLOSE_FLOOD)
            try:
                if isinstance(received, bytes):
                    self._hear(received)
                else:
                    self._obey(m.parse(received))
            except PlainError as error:
                if isinstance(error, ProtocolError) and error.close is not None:
                    raise
                self.tell("error", code=error.code, message=error.message, fatal=False)

    def _welcome(self, hello: m.Hello) -> None:
        patient_id = self._require_allowed()
        resumed = bool(hello.session) and utterances.resumable(hello.session, patient_id)
        self._patient_id = patient_id
        self._session_id = hello.session if resumed else utterances.open_session(patient_id, self._tablet.account_id)
        stream = get_stream()
        claim = {"type": "claimed", "connection": self._id}
        claimed_at = stream.publish(f"tablet:{patient_id}", patient_id, claim)
        self._registry.claim(patient_id, self)

        kept = stream.read(f"session:{self._session_id}", patient_id, "", 0.0) if resumed else []
        newest = kept[-1].id if kept else ""
        with self._lock:
            self._relay = Relay(
                self, patient_id, self._session_id,
                after=(hello.after or newest) if resumed else "", claim=self._id, claimed_at=claimed_at,
            )  # fmt: skip
            ready = utterances.readiness(patient_id)
            turn = self._hearing.resume(self._session_id, hello.turn) if resumed and hello.turn else None
            self.tell(
                "welcome",
                version=m.VERSION,
                session=self._session_id,
                resumed=resumed,
                pause_s=utterances.pause_s(patient_id),
                voice={"kind": ready.voice, "label": ready.label, "message": ready.why},
                turn=turn,
                speaks_as=self._speaks_as(),
                limits=LIMITS,
            )  # fmt: skip
            self._settle(hello, kept, ready)
            threading.Thread(target=self._run_relay, args=(self._relay,), name="tablet-relay", daemon=True).start()

    def _settle(self, hello: m.Hello, kept: list[Event], ready: utterances.Readiness) -> None:
        """Tell the state that a tablet that comes back finds."""
        assert self._relay is not None
        if self._hearing.open is not None:
            self._tell_state("listening", turn=self._hearing.open.name)
            return
        found = standing(self._session_id, hello, kept, ready)
        if found.readings is not None:
            asked = {name: found.readings.event.get(name) for name in ("utterance", "readings", "why")}
            self.tell("readings", event=found.readings.id, **asked)
        if found.state == "working":
            self._relay.watch(found.fields["utterance"])
        self._tell_state(found.state, **found.fields)

    # Messages

    def _obey(self, message: m.ClientMessage) -> None:
        with self._lock:
            match message:
                case m.Ping(t):
                    self.tell("pong", t=t)
                case m.Start(turn, mode):
                    self._start(turn, mode)
                case m.Finish():
                    if self._hearing.open is not None:
                        self._ended(self._hearing.open.turn.finish())
                case m.Cancel(""):
                    self._cancel_turn()
                case m.Cancel(utterance):
                    self._hearing.lingering = None
                    utterances.cancel(utterance, self._session_id)
                    self._drop(utterance)
                case m.Choose(utterance, reading):
                    self._hearing.lingering = None
                    utterances.choose(utterance, self._session_id, reading, self._tablet.account_id)
                    self._work(utterance)
                case m.Again(utterance):
                    utterances.dismiss(utterance, self._session_id, "again")
                    self._drop(utterance)
                case m.NoneOfThese(utterance):
                    utterances.dismiss(utterance, self._session_id, "none_of_these")
                    self._drop(utterance)
                case m.SpeakCutOff(utterance):
                    utterances.take_up_cut_off(utterance, self._session_id)
                    self._work(utterance)
                case m.SpeakAs(mode):
                    if self._hearing.open is not None or self._state in ("working", "speaking"):
                        raise ProtocolError("busy", "Please wait until this was spoken, then choose.")
                    utterances.choose_mode(self._session_id, mode, self._tablet.account_id)
                    self.tell("speaks_as", **self._speaks_as())
                case m.Hello():
                    raise ProtocolError("wrong_order", "Hello is said once.", m.CLOSE_WRONG_ORDER)

    def _start(self, turn: str, mode: str) -> None:
        if self._hearing.open is not None:
            # A trembling hand touches twice.
            if self._hearing.open.name != turn:
                raise ProtocolError("busy", "A turn is open already.")
            return
        if self._state in ("working", "speaking"):
            raise ProtocolError("busy", "Please wait until this was spoken, or stop it.")
        self._require_allowed()
        ready = utterances.readiness(self._patient_id)
        if ready.voice == utterances.NONE:
            self._rest(ready)
            raise ProtocolError(ready.code, ready.why)
        if self._state == "unsure":
            with suppress(PlainError):
                utterances.dismiss(self._current, self._session_id, "again")
            self._drop(self._current, settle=False)
        self._hearing.begin(turn, mode, utterances.pause_s(self._patient_id))
        before = self._told_mode
        if self._speaks_as() != before:  # a clinician has set another meanwhile
            self.tell("speaks_as", **self._told_mode)
        self._tell_state("listening", turn=turn)

    def _speaks_as(self) -> dict[str, Any]:
        mode, choices = utterances.speech_mode(self._session_id)
        self._told_mode = {"mode": mode, "choices": list(choices)}
        return self._told_mode

    def _hear(self, frame: bytes) -> None:
        with self._lock:
            lingering = self._hearing.lingering
            if lingering is not None and self._state not in ("working", "unsure"):
                self._hearing.lingering = lingering = None
            ended = self._hearing.take(frame)
            if lingering is not None and self._hearing.open is lingering:
                self._went_on(lingering)
            elif ended is not None:
                self._ended(ended)
            else:
                self._follow_pauses()

    def _ended(self, ended: Ended) -> None:
        turn = self._hearing.release()
        assert turn is not None
        self.tell("ack", turn=turn.name, next_audio=turn.next_audio)
        if not ended.pcm:
            self.tell("turn_ended", turn=turn.name, reason="nothing_heard")
            self.tell("nothing_heard", message=NOTHING_HEARD)
            utterances.forget(self._session_id, turn.name)
            self._rest()
            return
        try:
            utterance = utterances.keep(self._session_id, self._patient_id, turn.name, ended, turn.mode)
        except PlainError as error:
            self.tell("turn_ended", turn=turn.name, reason="failed")
            self.failed("", error.code, error.message, None)
            return
        joins_s = JOINS_S if ended.reason == "pause" else None
        self.tell("turn_ended", turn=turn.name, reason=ended.reason, utterance=utterance, joins_s=joins_s)
        if joins_s is not None:
            self._hearing.linger(turn, utterance)
        self._work(utterance)

    def _follow_pauses(self) -> None:
        """In a pause what was said is kept, and understood in case that it is all; who speaks on is told of."""
        so_far, spoke_on = self._hearing.pause()
        turn = self._hearing.open
        if turn is None or not (so_far or spoke_on):
            return
        try:
            if spoke_on and turn.so_far is not None:
                utterances.spoke_on(*turn.so_far, self._patient_id)
            if spoke_on or so_far is None:
                turn.so_far = None
            else:
                utterance = utterances.keep(self._session_id, self._patient_id, turn.name, so_far, turn.mode)
                turn.so_far = utterance, len(so_far.pcm)
        except Exception as error:  # whatever is away (database, disk): all is here still, and the end tries again
            log.warning("what was said so far could not be kept: %s", type(error).__name__)

    def _went_on(self, turn: OpenTurn) -> None:
        """The patient speaks on after a pause that seemed to be the end: what was begun is left, and the whole kept."""
        assert self._relay is not None
        utterances.went_on(turn.utterance, self._session_id)
        self._relay.drop(turn.utterance)
        self.tell("turn_resumed", turn=turn.name, utterance=turn.utterance)
        self._tell_state("listening", turn=turn.name)

    def _cancel_turn(self) -> None:
        turn = self._hearing.release()
        if turn is not None:
            utterances.forget(self._session_id, turn.name)
            self.tell("turn_ended", turn=turn.name, reason="cancelled")
            self._rest()

    # States

    def follow(self, state: str, utterance: str) -> None:
        """See `relay.Listener`. While the patient speaks, what comes of an earlier utterance changes nothing."""
        with self._lock:
            if self._hearing.open is None:
                if state == "ready":
                    self._rest()
                elif (state, utterance) != (self._state, self._current):
                    self._tell_state(state, utterance=utterance)

    def failed(self, utterance: str, code: str, message: str, event: str | None) -> None:
        """See `relay.Listener`."""
        with self._lock:
            self.tell("failed", event=event, utterance=utterance or None, code=code, message=message)
            if self._hearing.open is None:
                self._rest()

    def unfinished(self, utterance: str, so_far_bytes: int) -> None:
        """See `relay.Listener`. It counts for the pause that it was understood in, and for no later one."""
        with self._lock:
            turn = self._hearing.open
            if turn is not None and turn.so_far == (utterance, so_far_bytes):
                turn.turn.wait_longer()

    def tell(self, kind: str, **fields: Any) -> None:
        """Send a message to the tablet. Raises ConnectionClosed."""
        with self._lock:
            self._ws.send(m.message(kind, **fields))

    def tell_sound(self, frame: bytes) -> None:
        """Send a binary frame to the tablet. Raises ConnectionClosed."""
        self._ws.send(frame)

    def _work(self, utterance: str) -> None:
        assert self._relay is not None
        self._relay.take_up(utterance)
        self._relay.watch(utterance)
        self._tell_state("working", utterance=utterance)

    def _drop(self, utterance: str, *, settle: bool = True) -> None:
        assert self._relay is not None
        self._relay.drop(utterance)
        if settle and self._hearing.open is None:
            self._rest()

    def _rest(self, ready: utterances.Readiness | None = None) -> None:
        rest = resting(ready or utterances.readiness(self._patient_id))
        self._tell_state(rest.state, **rest.fields)

    def _tell_state(self, state: str, **fields: Any) -> None:
        self._state, self._current = state, fields.get("utterance", "")
        self.tell("state", state=state, **fields)

    # Ends

    def _require_allowed(self) -> str:
        patient_id = utterances.allowed(self._tablet.account_id, self._tablet.session_version)
        if patient_id is None or (self._patient_id and patient_id != self._patient_id):
            raise ProtocolError("signed_out", SIGNED_OUT, m.CLOSE_SIGNED_OUT)
        return patient_id

    def _run_relay(self, relay: Relay) -> None:
        try:
            relay.run()
        except ConnectionClosed:
            pass
        except PlainError as error:
            self._end(error.code, error.message, m.CLOSE_INTERNAL)
        except Exception as error:
            log.error("tablet relay ended: %s", type(error).__name__)
            self._end("unexpected", UNEXPECTED, m.CLOSE_INTERNAL)

    def _end(self, code: str, message: str, close: int) -> None:
        """Say why, then close."""
        self._over = True
        with suppress(ConnectionClosed):
            self._ws.send(m.message("error", code=code, message=message, fatal=True))
            self._ws.close(close, code)

    def _leave(self) -> None:
        if self._relay is not None:
            self._relay.stopped.set()
        self._registry.leave(self._patient_id, self)
        self._park()
        with suppress(ConnectionClosed):
            self._ws.close(m.CLOSE_NORMAL)

    def _park(self) -> None:
        with self._lock:
            self._hearing.park(self._session_id, self._patient_id)
