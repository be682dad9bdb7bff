"""Kokoro's network in the stages that a voice and a manner enter: phones to frames, contours, and sound.

Kokoro (StyleTTS 2, Li et al. 2023) predicts a duration for each phone, F0 and energy at 80 frames a second, and decodes
them.
A style is 256 numbers: 0 to 127 go to the decoder (timbre), 128 to 255 to the predictor (prosody).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from workers.models.kokoro_net import open_kokoro
from workers.models.voice_space import TIMBRE_SIZE, VoiceSpace, open_voice_space
from workers.speak import phones as g2p

#: Kokoro's text context, less the two ends.
MOST_PHONES = 508
#: Below this Kokoro's F0 says 'unvoiced'.
VOICED_HZ = 40.0
SAMPLES_A_FRAME = 600  # at 24 kHz: an alignment frame is 25 ms, a contour frame half of it


@dataclass(frozen=True)
class Frames:
    """Encoded text, stretched to its durations.

    predictor: (1, 640, n); text: (1, 512, n); durations: (phones,), in frames.
    """

    predictor: Tensor
    text: Tensor
    durations: Tensor


class Acoustics:
    """The frozen network, with the space of its public voices."""

    def __init__(self, device: str = "cpu") -> None:
        self._net: Any = open_kokoro(device)
        self.device = device
        self.space: VoiceSpace = open_voice_space()

    def phones(self, text: str, language: str = "en") -> str:
        """Phones of `text` that this network knows, at most as many as it takes."""
        return g2p.to_phones(text, self._net.vocab, language)[:MOST_PHONES]

    def styled(self, style: Tensor, count: int) -> Tensor:
        """A fitted (256,) style as it is for a text of `count` phones: (1, 256)."""
        drift = self.space.drift(style.detach().cpu().numpy(), count)
        return (style + torch.from_numpy(drift).to(style.device))[None]

    @torch.no_grad()
    def frames(self, phones: str, style: Tensor, pace: float = 1.0) -> Frames:
        """Durations and encodings of `phones` in a (1, 256) style; `pace` over 1 is faster."""
        net = self._net
        ids = torch.tensor([[0, *(net.vocab[phone] for phone in phones), 0]], device=self.device)
        lengths = torch.tensor([ids.shape[1]], device="cpu")
        mask = torch.zeros_like(ids, dtype=torch.bool)
        encoded = net.bert_encoder(net.bert(ids, attention_mask=(~mask).int())).transpose(-1, -2)
        hidden = net.predictor.text_encoder(encoded, style[:, TIMBRE_SIZE:], lengths, mask)
        durations = torch.sigmoid(net.predictor.duration_proj(net.predictor.lstm(hidden)[0])).sum(-1) / pace
        counts = torch.round(durations).clamp(min=1).long().squeeze(0)
        places = torch.repeat_interleave(torch.arange(ids.shape[1], device=self.device), counts)
        spread = torch.nn.functional.one_hot(places, ids.shape[1]).T.float()[None]
        return Frames(hidden.transpose(-1, -2) @ spread, net.text_encoder(ids, lengths, mask) @ spread, counts)

    def contours(self, frames: Frames, style: Tensor) -> tuple[Tensor, Tensor]:
        """F0 in Hz and log energy, each (1, 2n), as the style's prosody half would have them."""
        f0_hz, energy = self._net.predictor.F0Ntrain(frames.predictor, style[:, TIMBRE_SIZE:])
        return f0_hz, energy

    def decode(self, frames: Frames, f0_hz: Tensor, energy: Tensor, style: Tensor) -> Tensor:
        """(samples,) at 24 kHz."""
        sound: Tensor = self._net.decoder(frames.text, f0_hz, energy, style[:, :TIMBRE_SIZE]).squeeze()
        return sound


def voiced_median_hz(f0_hz: Tensor) -> float:
    """The median of F0 over its voiced frames; 0 where there is none."""
    voiced = f0_hz.detach()[f0_hz.detach() > VOICED_HZ]
    return float(voiced.median()) if voiced.numel() else 0.0


def reshaped(f0_hz: Tensor, *, ratio: float, movement: float) -> Tensor:
    """F0 moved by `ratio`, its movement about its own median scaled by `movement` on a logarithmic scale."""
    median_hz = voiced_median_hz(f0_hz)
    if median_hz <= 0:
        return f0_hz
    voiced = f0_hz > VOICED_HZ
    moved = median_hz * ratio * (f0_hz.clamp(min=VOICED_HZ) / median_hz) ** movement
    return torch.where(voiced, moved, f0_hz)
