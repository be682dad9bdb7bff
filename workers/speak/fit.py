"""Finding a patient's voice: gradient along the space of public voices, through encoders that hear who speaks.

The timbre half of a style is moved along the principal axes of the public voices, for all of the decoder's layers
together and, beside that, for each layer by itself (as W+ frees each layer's style in StyleGAN, Abdal et al. 2019), so
that GE2E and CAM++ hear in what the network says the speaker of the clips. Priors keep both moves near where voices
are. What keeps the search from fooling its encoders (measured on the demo's reading by an encoder that it never sees,
on the 0 to 1 scale):

- two encoders that share neither network, features nor training data;
- each hears a sentence several times, each time through another random filter and noise (expectation over
  transformations, Athalye et al. 2018): with one encoder and one style for all layers 0.37 became 0.50;
- the prosody half stays that of a public voice that speaks English, and the sentence is heard at the patient's own
  pitch: left free, the style's pitch ran away (0.26);
- no single step is the voice, since it wanders from step to step: the mean of the later ones is (Polyak and Juditsky
  1992).

One style for all layers reached 0.49 with both encoders, so that was the limit; layers of their own reached 0.81.

When to stop is fixed beforehand, by steps and time, and never chosen by an encoder or the judge. Pitch, pace and
loudness are not left to the style: they are measured on the clips and set.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save

from workers.contracts import Cancelled, Clip, FloatArray, Progress, SpokenError, Stopped
from workers.models.voice_space import TIMBRE_SIZE
from workers.speak import measures as measured
from workers.speak.acoustics import Acoustics, reshaped, voiced_median_hz
from workers.speak.build_public_embeddings import TELEPHONE_HZ, public_embeddings
from workers.speak.campplus import CamPlusPlus
from workers.speak.encoders import GE2E, at_16k, down_to_16k, through, without_silence
from workers.speak.engine import KeepCheckpoint
from workers.wording.time_left import time_left

MIN_ENROL_S = 10.0
#: Axes of the voice space that are moved; they hold over 90 % of what tells public voices apart.
AXES = 32
#: With four speakers on one GPU 45 gave 0.60 to 0.89, 150 gave 0.71 to 0.97 (docs/voice.md).
STEPS = 150
#: A voice of another language is where the search starts only if it is nearer by this cosine than any English one: from
#: one that was nearer by 0.01 it ended at 0.47, from the English one at 0.67.
CLEARLY_NEARER = 0.02
#: For the move of all layers together, and for each layer's own.
LEARNING_RATE, LAYER_RATE = 0.12, 0.06
PRIOR, LAYER_PRIOR = 0.002, 0.01
#: A telephone tells less of a voice, so its layers stay nearer to where voices are: as like, and no less clear.
NARROW_LAYER_PRIOR = 0.1
#: Iterates before this share of the way are not averaged.
AVERAGE_FROM = 0.4

#: Recordings that reach no higher are from a telephone: the search then hears both sides through one and the same band,
#: or it would look for somebody who sounds muffled and thin.
NARROW_HZ = 5_000.0
#: A lower edge above this is a telephone's, and no high voice's.
THIN_HZ = 240.0

#: Random filters and noises through which each sentence is heard, and how strong they are.
VIEWS = 2
FILTER_DB = 5.0
NOISE_SNR_DB = (18.0, 40.0)

#: About 3 s each, so that the encoder hears whole windows; together they hold every English phone.
SENTENCES = (
    "I would like a cup of tea with a little milk.",
    "Thank you for coming to see me this afternoon.",
    "We walked along the river until the sun went down.",
    "Please remember to call the doctor tomorrow.",
    "The boy just shouted and threw another ball into the garden.",
    "They usually measure the weather over there in the morning.",
)


@dataclass
class _State:
    """Where the search is. Arrays: (1 + layers, AXES) in standard deviations of the public voices.

    Row 0 moves all layers together, the others one layer each.
    """

    step: int
    steps: int
    at: FloatArray
    first: FloatArray
    second: FloatArray
    mean: FloatArray
    averaged: int
    spent_s: float


class Fit:
    """One search. Resumable: `restore` a checkpoint of the same clips and weights before `run`."""

    def __init__(self, acoustics: Acoustics, clips: Sequence[Clip], revision: str) -> None:
        """Raises SpokenError 'too_little_speech' under 10 s of speech."""
        speech = np.concatenate([without_silence(at_16k(clip.audio)) for clip in clips] or [np.zeros(0, np.float32)])
        if len(speech) < MIN_ENROL_S * 16_000:
            raise SpokenError(
                "too_little_speech",
                f"These recordings hold {len(speech) / 16_000:.0f} s of speech; a voice needs {MIN_ENROL_S:.0f} s at "
                "least, and is better with a minute. Add more recordings and build again.",
            )
        self._acoustics, self._clips = acoustics, clips
        self._encoders = (GE2E(acoustics.device), CamPlusPlus(acoustics.device))
        self._band_hz = _band_hz(clips)
        kind = "3" if self._band_hz is None else "4"
        self._belongs_to = {"clips": _fingerprint(clips), "revision": revision, "format": kind}
        with torch.no_grad():
            sound = torch.from_numpy(speech).to(acoustics.device)
            self._targets = [encoder(self._through(sound)) for encoder in self._encoders]
            like = self._targets[0] if self._band_hz is None else self._encoders[0](through(sound, TELEPHONE_HZ))
        space = acoustics.space
        likeness = public_embeddings(telephone=self._band_hz is not None) @ like.cpu().numpy()
        self.nearest, speaker = nearest(likeness, space.names)
        self._prosody = torch.from_numpy(space.at(space.coords[speaker])[TIMBRE_SIZE:]).to(acoustics.device)
        self._f0_median_hz = measured.f0_median_hz(clips)
        self._rest = torch.from_numpy(space.coords[self.nearest][AXES:]).to(acoustics.device)
        self._axes = torch.from_numpy(space.axes).to(acoustics.device)
        self._mean = torch.from_numpy(space.mean).to(acoustics.device)
        self._sd = torch.from_numpy(space.sd[:AXES]).to(acoustics.device)
        start = np.zeros((1 + len(acoustics.layer_sizes), AXES), np.float32)
        zeros = np.zeros_like(start)
        start[0] = space.coords[self.nearest][:AXES] / space.sd[:AXES]
        self._state = _State(0, STEPS, start, zeros, zeros.copy(), zeros.copy(), 0, 0.0)
        self._phones = [acoustics.phones(sentence) for sentence in SENTENCES]

    def restore(self, checkpoint: bytes) -> None:
        """Go on from here. Raises SpokenError 'wrong_checkpoint' for other clips, weights, or damage."""
        try:
            arrays = load(checkpoint)
            header = json.loads(arrays["header"].tobytes())
            state = _State(
                header["step"], header["steps"], arrays["at"], arrays["first"], arrays["second"], arrays["mean"],
                header["averaged"], header["spent_s"],
            )  # fmt: skip
        except (SafetensorError, KeyError, TypeError, ValueError) as error:
            raise _wrong_checkpoint() from error
        if header["belongs_to"] != self._belongs_to or state.at.shape != self._state.at.shape:
            raise _wrong_checkpoint()
        self._state = state

    def run(
        self,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
        keep_checkpoint: KeepCheckpoint | None = None,
        budget_s: float | None = None,
    ) -> tuple[Mapping[str, FloatArray], Mapping[str, float]]:
        """Search until the steps or the budget are used up. Returns the voice's vectors and measures.

        Raises Stopped when cancelled.
        """
        state = self._state
        while state.step < state.steps:
            if cancelled is not None and cancelled():
                raise Stopped
            begun = time.monotonic()
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(state.step)  # the network's own noise too is the same after a restart
                self._move()
            state.spent_s += time.monotonic() - begun
            if budget_s is not None:
                # The learning rate follows the share done: on a slow machine the same way is gone in fewer steps.
                affordable = int(budget_s / (state.spent_s / state.step))
                state.steps = max(state.step, min(STEPS, affordable))
            if progress is not None:
                left_s = state.spent_s / state.step * (state.steps - state.step)
                progress(0.95 * state.step / state.steps, time_left("Listening for the voice", left_s))
            if keep_checkpoint is not None:  # a step takes seconds, a checkpoint is 30 kB
                keep_checkpoint(self._checkpoint())
        if progress is not None:
            progress(0.96, "Measuring pitch, pace and loudness …")
        result = torch.from_numpy(self._result()).to(self._acoustics.device)
        style, moved = self._style(result), self._moved(result)
        vectors = {
            "style": style.cpu().numpy(),
            "modulation": moved[0].cpu().numpy(),
            "embedding": self._targets[0].cpu().numpy(),
        }
        measures = measured.of_voice(self._acoustics, style, self._clips, moved)
        return vectors, {**measures, "steps": float(state.step)}

    def _move(self) -> None:
        """One step of Adam (Kingma and Ba 2015), with the rate falling along a cosine."""
        state = self._state
        at = torch.from_numpy(state.at).to(self._acoustics.device).requires_grad_()
        phones = self._phones[state.step % len(self._phones)]
        style = self._acoustics.styled(self._style(at), len(phones))
        frames = self._acoustics.frames(phones, style.detach())
        # Prosody is not searched for: nothing is to flow back through its predictor.
        f0_hz, energy = self._acoustics.contours(frames, style.detach())
        # At the patient's own pitch, as it will be said: else the search would bend the timbre to move the pitch.
        f0_hz = reshaped(f0_hz, ratio=self._f0_median_hz / max(voiced_median_hz(f0_hz), 1.0), movement=1.0)
        modulation = self._acoustics.modulation(style, self._moved(at))
        heard = self._heard(down_to_16k(self._acoustics.decode(frames, f0_hz, energy, modulation)))
        likeness = torch.stack([one @ target for one, target in zip(heard, self._targets, strict=True)]).sum()
        layer_prior = LAYER_PRIOR if self._band_hz is None else NARROW_LAYER_PRIOR
        loss = PRIOR * at[0].square().mean() + layer_prior * at[1:].square().mean() - likeness
        (gradient,) = torch.autograd.grad(loss, at)
        slope = gradient.cpu().numpy()
        state.step += 1
        state.first = (0.9 * state.first + 0.1 * slope).astype(np.float32)
        state.second = (0.999 * state.second + 0.001 * slope**2).astype(np.float32)
        share = state.step / max(state.steps, 1)
        rates = np.full((len(state.at), 1), LAYER_RATE, np.float32)
        rates[0] = LEARNING_RATE
        rate = rates * (0.15 + 0.85 * 0.5 * (1 + np.cos(np.pi * min(share, 1.0))))
        first = state.first / (1 - 0.9**state.step)
        second = state.second / (1 - 0.999**state.step)
        state.at = (state.at - rate * first / (np.sqrt(second) + 1e-8)).astype(np.float32)
        if share >= AVERAGE_FROM:
            state.averaged += 1
            state.mean = (state.mean + (state.at - state.mean) / state.averaged).astype(np.float32)

    def _heard(self, sound: torch.Tensor) -> list[torch.Tensor]:
        """How each encoder hears (samples,) at 16 kHz, on average over random filters, noises and starts."""
        random = np.random.default_rng(self._state.step)  # the same after a restart
        spectrum = torch.fft.rfft(sound)
        views = []
        for _ in range(VIEWS):
            knots = torch.from_numpy(random.uniform(-FILTER_DB, FILTER_DB, 9).astype(np.float32)).to(sound.device)
            gains_db = torch.nn.functional.interpolate(
                knots[None, None], size=spectrum.shape[-1], mode="linear", align_corners=True
            )[0, 0]
            filtered = torch.fft.irfft(spectrum * 10 ** (gains_db / 20), n=sound.shape[-1])
            noise = torch.from_numpy(random.standard_normal(sound.shape[-1]).astype(np.float32)).to(sound.device)
            snr_db = random.uniform(*NOISE_SNR_DB)
            start = int(random.integers(0, 4000))
            views.append(self._through(filtered + noise * sound.detach().std() * 10 ** (-snr_db / 20))[start:])
        return [
            torch.nn.functional.normalize(torch.stack([encoder(view) for view in views]).mean(0), dim=0)
            for encoder in self._encoders
        ]

    def _through(self, sound: torch.Tensor) -> torch.Tensor:
        """(samples,) at 16 kHz as they would be recorded: both sides are heard so."""
        return sound if self._band_hz is None else through(sound, self._band_hz)

    def _result(self) -> FloatArray:
        return self._state.mean if self._state.averaged else self._state.at

    def _style(self, at: torch.Tensor) -> torch.Tensor:
        """The (256,) style that all layers share: timbre from there, prosody as it is."""
        style = self._mean + torch.cat([at[0] * self._sd, self._rest]) @ self._axes
        return torch.cat([style[:TIMBRE_SIZE], self._prosody])

    def _moved(self, at: torch.Tensor) -> torch.Tensor:
        """What the layers' own moves do to the modulation, (1, modulation_size)."""
        return self._acoustics.moved((at[1:] * self._sd) @ self._axes[:AXES, :TIMBRE_SIZE])

    def _checkpoint(self) -> bytes:
        state = self._state
        header = {
            "belongs_to": self._belongs_to,
            "step": state.step,
            "steps": state.steps,
            "averaged": state.averaged,
            "spent_s": state.spent_s,
        }
        arrays = {"at": state.at, "first": state.first, "second": state.second, "mean": state.mean}
        packed = np.frombuffer(json.dumps(header).encode(), np.uint8)
        return save({**{name: array.astype(np.float32) for name, array in arrays.items()}, "header": packed})


def nearest(likeness: FloatArray, names: Sequence[str]) -> tuple[int, int]:
    """Which public voices lend their timbre to start from, and their prosody; both (voices,), by cosine and by name.

    Prosody is always that of one that speaks English ('a', 'b'): the others' brings an accent along, their timbre does
    not. But see `CLEARLY_NEARER`.
    """
    english = max((index for index, name in enumerate(names) if name[0] in "ab"), key=lambda i: float(likeness[i]))
    best = int(np.argmax(likeness))
    return (best if likeness[best] - likeness[english] >= CLEARLY_NEARER else english), english


def _band_hz(clips: Sequence[Clip]) -> tuple[float, float] | None:
    """The band of recordings from a telephone; None of others.

    The upper edge is the line's own unless they clearly reach beyond: what is measured lies up to 600 Hz too high.
    """
    reach_hz = measured.reach_hz(clips)
    if reach_hz >= NARROW_HZ:
        return None
    lowest_hz = TELEPHONE_HZ[0] if measured.lowest_hz(clips) > THIN_HZ else 0.0
    return lowest_hz, max(TELEPHONE_HZ[1], reach_hz - 600.0)


def _fingerprint(clips: Sequence[Clip]) -> str:
    digest = hashlib.sha256()
    for clip in clips:
        digest.update(f"{clip.audio.rate_hz}:{len(clip.audio.samples)}:".encode())
        digest.update(np.ascontiguousarray(clip.audio.samples, np.float32).tobytes())
    return digest.hexdigest()


def _wrong_checkpoint() -> SpokenError:
    return SpokenError(
        "wrong_checkpoint",
        "What was kept of this build belongs to other recordings or other weights. Start the build anew.",
    )
