"""A second engine: Pocket TTS (Kyutai), which continues in the voice of the recordings that it is given.

Nothing is searched for: the patient's own clips, as Mimi's latents (12.5 frames a second), are the voice. There are no
other voices here: Pocket TTS's predefined ones are never imported (`workers.models.pocket_net`).
"""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import soxr
import torch

from workers import models
from workers.contracts import (
    SPEECH_RATE_HZ,
    Audio,
    Cancelled,
    Capabilities,
    Clip,
    FloatArray,
    Manner,
    Progress,
    Speech,
    SpokenError,
    Stopped,
    Voice,
)
from workers.models.pocket_net import ARTEFACT, WEIGHTS, layers, open_pocket
from workers.speak.clauses import clauses
from workers.speak.engine import KeepCheckpoint
from workers.speak.level import TARGET_LUFS, at_level, loudness_lufs
from workers.speak.pronunciations import respelt
from workers.speak.text import in_reach, speakable

MIN_ENROL_S = 5.0
#: Kyutai's own limit on a prompt; what goes beyond it is left out.
MOST_ENROL_S = 30.0
#: Frames in one piece of sound: the first is short, for the person who waits. None is under half a second, which the
#: watermark needs to be read back.
FIRST_FRAMES, FRAMES = 8, 16
#: Kyutai's own: text tokens at once, the end that a first frame may not be, seconds that text may take.
MOST_TOKENS = 50
_LEAST_FRAMES = 6
_TOKENS_A_SECOND, _SPARE_S = 3.0, 2.0
_STEPS = 1
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)]*$")


class PocketEngine:
    """Speaks in voices that were heard by these very weights, and in no other. Threads take turns."""

    name = "pocket-tts"
    model = "pocket-tts"

    def __init__(self, device: str = "cpu") -> None:
        """Raises what `open_pocket` raises."""
        self._net = open_pocket(device)
        self._device = device
        self.revision = revision()
        self._turn = threading.Lock()

    def capabilities(self) -> Capabilities:
        """English; loudness alone can be steered; sound comes while a sentence is being made."""
        return Capabilities(("en",), MIN_ENROL_S, pace=False, pitch=False, manner=False, streaming=True)

    def fit(
        self,
        clips: Sequence[Clip],
        *,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
        checkpoint: bytes | None = None,
        keep_checkpoint: KeepCheckpoint | None = None,
        budget_s: float | None = None,
    ) -> Voice:
        """Encode the first 30 s of `clips`: seconds of work, without checkpoints, so that none belongs here."""
        if checkpoint is not None:
            raise SpokenError(
                "wrong_checkpoint",
                "What was kept of this build belongs to another engine. Start the build anew.",
            )
        heard = _prompt(clips)
        if progress is not None:
            progress(0.1, "Listening to the recordings: less than a minute left.")
        if cancelled is not None and cancelled():
            raise Stopped
        with self._turn, torch.inference_mode():
            latents = self._net.mimi.encode_to_latent(torch.from_numpy(heard)[None, None].to(self._device))
        if progress is not None:
            progress(1.0, "The recordings were heard.")
        vectors = {"latents": latents[0].float().cpu().numpy()}
        return Voice(self.name, self.model, self.revision, vectors, {"speech_s": len(heard) / SPEECH_RATE_HZ})

    def say(
        self,
        text: str,
        voice: Voice,
        manner: Manner | None = None,
        *,
        cancelled: Cancelled | None = None,
        pronunciations: Mapping[str, str] | None = None,
    ) -> Generator[Speech, None, None]:
        """Speak `text` sentence by sentence, each in pieces of a second or so; see `Engine.say`.

        Raises SpokenError 'ran_on' where the network does not end a sentence: it would go on with words of its own.
        """
        if (voice.engine, voice.model, voice.revision) != (self.name, self.model, self.revision):
            raise SpokenError(
                "wrong_voice",
                "This voice was built for another engine or revision, so it is not used. Build the voice again.",
            )

        def tokens_of(sentence: str) -> list[int]:
            return self._tokens(respelt(sentence, pronunciations))

        sentences = list(in_reach(_sentences(speakable(text)), tokens_of, MOST_TOKENS))
        if not sentences:
            raise SpokenError("nothing_to_say", "There is nothing in this text that can be spoken.")
        gain_db = manner.gain_db if manner is not None else 0.0
        for place, (sentence, tokens) in enumerate(sentences):
            told = sentence
            for sound, ended in self._pieces(tokens, voice, cancelled):
                last = ended and place == len(sentences) - 1
                yield Speech(told, Audio(at_level(sound, gain_db), SPEECH_RATE_HZ), last)
                told = ""

    def _pieces(
        self, tokens: Sequence[int], voice: Voice, cancelled: Cancelled | None
    ) -> Iterator[tuple[FloatArray, bool]]:
        """The sound of one sentence, and whether it is the end of it. Asks before each 80 ms whether to go on."""
        made: list[torch.Tensor] = []
        wanted = FIRST_FRAMES
        decoder = _Decoder(self._net)
        for latent in self._latents(tokens, voice, cancelled):
            # A full piece waits for the frame after it: only then is it known not to be the last.
            if len(made) == wanted:
                yield self._sounded(decoder, made), False
                made, wanted = [], FRAMES
            made.append(latent)
        yield self._sounded(decoder, made), True

    def _sounded(self, decoder: _Decoder, made: Sequence[torch.Tensor]) -> FloatArray:
        with self._turn, torch.inference_mode():
            return decoder.sound(torch.cat(list(made), dim=1))

    def _latents(self, tokens: Sequence[int], voice: Voice, cancelled: Cancelled | None) -> Iterator[torch.Tensor]:
        """(1, 1, latent) frame by frame, until the network ends the sentence."""
        config = self._net.config
        most = math.ceil((len(tokens) / _TOKENS_A_SECOND + _SPARE_S) * config.mimi.frame_rate)
        after = _frames_after_end(len(tokens), config)
        _stop(cancelled)
        with self._turn, torch.inference_mode():
            state = self._state(voice, len(tokens) + most)
            self._run(state, text=torch.tensor([list(tokens)], device=self._device))
        latent = torch.full((1, 1, self._net.flow_lm.ldim), math.nan, device=self._device)
        end: int | None = None
        for step in range(most):
            _stop(cancelled)
            with self._turn, torch.inference_mode():
                latent, ends = self._run(state, latent=latent)
            if end is None and ends and step >= _LEAST_FRAMES:
                end = step
            if end is not None and step >= end + after:
                return
            yield latent
        raise SpokenError(
            "ran_on", "The voice did not come to an end of this sentence, and was stopped. Try it in shorter words."
        )

    def _state(self, voice: Voice, room: int) -> dict[str, Any]:
        """The network's memory after hearing the patient, with room for as many frames more."""
        flow_lm = self._net.flow_lm
        latents = torch.from_numpy(np.array(voice.vectors["latents"], np.float32))[None].to(self._device)
        heard = torch.nn.functional.linear(latents, flow_lm.speaker_proj_weight)
        if flow_lm.insert_bos_before_voice:
            heard = torch.cat([flow_lm.bos_before_voice, heard], dim=1)
        stateful = layers("modules.stateful_module")
        state: dict[str, Any] = stateful.init_states(flow_lm, batch_size=1, sequence_length=heard.shape[1] + room)
        self._run(state, heard=heard)
        return state

    def _run(
        self,
        state: dict[str, Any],
        *,
        heard: torch.Tensor | None = None,
        text: torch.Tensor | None = None,
        latent: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, bool]:
        """One step of the network over what was heard, text, or the last latent; and whether it ends here."""
        flow_lm, config = self._net.flow_lm, self._net.config
        if heard is None:
            tokens = text if text is not None else torch.zeros((1, 0), dtype=torch.long, device=self._device)
            heard = flow_lm.conditioner(tokens)
        if latent is None:
            latent = torch.zeros((1, 0, flow_lm.ldim), device=self._device)
        following, ends = flow_lm(
            sequence=latent,
            text_embeddings=heard,
            model_state=state,
            sampler_decode_steps=_STEPS if config.flow_lm.flow.type != "flow_matching" else 16,
            temp=config.default_temperature,
            noise_clamp=None,
            eos_threshold=config.default_eos_threshold,
        )
        layers("modules.stateful_module").increment_steps(flow_lm, state, heard.shape[1] + latent.shape[1])
        return following[:, None], bool(ends.item())

    def _tokens(self, sentence: str) -> list[int]:
        """The text tokens of a sentence, as Kyutai writes it out first: a capital, and a mark at its end."""
        config = self._net.config
        written, _ = layers("models.text_chunking").prepare_text_prompt(
            sentence,
            config.pad_with_spaces_for_short_inputs,
            config.remove_semicolons,
            config.append_terminal_punctuation,
            config.capitalize_first_letter,
            config.replace_characters,
        )
        return [int(token) for token in self._net.flow_lm.conditioner.prepare(written)[0]]


class _Decoder:
    """Mimi's decoder with its memory, over one sentence."""

    def __init__(self, net: Any) -> None:
        self._net = net
        self._stateful = layers("modules.stateful_module")
        self._steps = int(net.mimi.encoder_frame_rate / net.mimi.frame_rate)
        most = math.ceil((MOST_TOKENS / _TOKENS_A_SECOND + _SPARE_S) * net.config.mimi.frame_rate) * self._steps
        self._state = self._stateful.init_states(net.mimi, batch_size=1, sequence_length=most)
        self._begun = False

    def sound(self, latents: torch.Tensor) -> FloatArray:
        """(samples,) at 24 kHz of (1, frames, latent). A fresh memory starts with a click: its first 5 ms fade in."""
        flow_lm = self._net.flow_lm
        sound = self._net.mimi.decode_from_latent(latents * flow_lm.emb_std + flow_lm.emb_mean, self._state)
        self._stateful.increment_steps(self._net.mimi, self._state, self._steps * latents.shape[1])
        samples = np.array(sound[0, 0].float().cpu().numpy(), np.float32)
        if not self._begun:
            fade = SPEECH_RATE_HZ // 200
            samples[:fade] *= np.linspace(0, 1, fade, dtype=np.float32)
            self._begun = True
        return samples


def revision() -> str:
    """The revision that a voice is bound to: the sha256 of the very weights."""
    weights = next(file for file in models.manifest().artefacts[ARTEFACT].files if file.path == WEIGHTS)
    return weights.sha256[:16]


def _prompt(clips: Sequence[Clip]) -> FloatArray:
    """The clips at 24 kHz and at one loudness, 30 s at most, ending on a pause. Raises 'too_little_speech'."""
    sounds = [soxr.resample(clip.audio.samples, clip.audio.rate_hz, SPEECH_RATE_HZ) for clip in clips]
    heard = np.concatenate([*sounds, np.zeros(0, np.float32)]).astype(np.float32)[: int(MOST_ENROL_S * SPEECH_RATE_HZ)]
    if len(heard) < MIN_ENROL_S * SPEECH_RATE_HZ or not np.isfinite(level := loudness_lufs(heard)):
        raise SpokenError(
            "too_little_speech",
            f"These recordings hold {len(heard) / SPEECH_RATE_HZ:.0f} s of sound; a voice needs {MIN_ENROL_S:.0f} s of "
            "speech at least. Add more recordings and build again.",
        )
    ended = layers("data.audio_utils").end_on_pause(
        torch.from_numpy(at_level(heard, TARGET_LUFS - level)), SPEECH_RATE_HZ
    )
    return np.asarray(ended.numpy(), np.float32)


def _sentences(text: str) -> Iterator[str]:
    """Whole sentences: this engine sounds while it makes one, so that it need not be cut where a speaker breathes."""
    gathered: list[str] = []
    for clause in clauses(text):
        gathered.append(clause)
        if _SENTENCE_END.search(clause):
            yield " ".join(gathered)
            gathered = []
    if gathered:
        yield " ".join(gathered)


def _frames_after_end(tokens: int, config: Any) -> int:
    """Frames that still belong to a sentence after the network ends it: Kyutai's, more for a few words."""
    recommended: int | None = config.model_recommended_frames_after_eos
    return recommended if recommended is not None else (5 if tokens <= 6 else 3)


def _stop(cancelled: Cancelled | None) -> None:
    if cancelled is not None and cancelled():
        raise Stopped
