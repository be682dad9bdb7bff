"""Kokoro's network in the stages that a voice and a manner enter: phones to frames, contours, and sound.

Kokoro (StyleTTS 2, Li et al. 2023) predicts a duration for each phone, F0 and energy at 80 frames a second, and decodes
them. A style is 256 numbers: 0 to 127 go to the decoder (timbre), 128 to 255 to the predictor (prosody).

In the decoder a style acts only through the scale and shift of its adaptive instance norms. Those are taken out of the
layers here, as one vector (the modulation), so that a voice may move each layer by itself, and so that the decoder is
one function of (text, F0, energy, modulation) whichever voice speaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from workers.models.kokoro_net import open_kokoro
from workers.models.voice_space import TIMBRE_SIZE, VoiceSpace, open_voice_space
from workers.speak import phones as g2p

#: Kokoro's text context, less the two ends.
MOST_PHONES = 508
#: Below this Kokoro's F0 says 'unvoiced'.
VOICED_HZ = 40.0
SAMPLES_A_FRAME = 600  # at 24 kHz: an alignment frame is 25 ms, a contour frame half of it
FRAME_S = 0.025


@dataclass(frozen=True)
class Frames:
    """Encoded text, stretched to its durations.

    predictor: (1, 640, n); text: (1, 512, n); durations: (phones,), in frames.
    """

    predictor: Tensor
    text: Tensor
    durations: Tensor


class Modulated(nn.Module):
    """An adaptive instance norm that takes its scale and shift out of the modulation: channels `start` and on."""

    def __init__(self, channels: int, start: int) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm1d(channels, affine=False)
        self.start, self.channels = start, channels

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        """x: (1, channels, frames); modulation: (1, all)."""
        scale = modulation[:, self.start : self.start + self.channels, None]
        shift = modulation[:, self.start + self.channels : self.start + 2 * self.channels, None]
        normed: Tensor = self.norm(x)
        return (1 + scale) * normed + shift


class Acoustics:
    """The frozen network, with the space of its public voices."""

    def __init__(self, device: str = "cpu") -> None:
        self._net: Any = open_kokoro(device)
        self.device = device
        self.space: VoiceSpace = open_voice_space()
        self._to_modulation = _take_out_modulation(self.decoder)
        self.modulation_size = self._to_modulation.out_features
        norms = [layer for layer in self.decoder.modules() if isinstance(layer, Modulated)]
        #: Numbers of the modulation that belong to each of the decoder's norms, in their order.
        self.layer_sizes = [2 * layer.channels for layer in sorted(norms, key=lambda layer: layer.start)]

    @property
    def decoder(self) -> nn.Module:
        """(text, F0, energy, modulation) to sound: what another runtime may stand in for."""
        decoder: nn.Module = self._net.decoder
        return decoder

    def phones(self, text: str, language: str = "en") -> str:
        """Phones of `text` that this network knows, at most as many as it takes."""
        return g2p.to_phones(text, self._net.vocab, language)[:MOST_PHONES]

    def phones_of_each(self, words: Sequence[str], language: str = "en") -> list[str]:
        """Phones of each word said by itself."""
        return g2p.each_to_phones(words, self._net.vocab, language)

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

    def modulation(self, style: Tensor, moved: Tensor | None = None) -> Tensor:
        """What a (1, 256) style does in the decoder, (1, modulation_size); `moved` (same size) is a voice's own."""
        modulation: Tensor = self._to_modulation(style[:, :TIMBRE_SIZE])
        return modulation if moved is None else modulation + moved

    def moved(self, timbres: Tensor) -> Tensor:
        """What moving each layer's timbre by (layers, 128) does to the modulation: (1, modulation_size)."""
        rows = self._to_modulation.weight.split(self.layer_sizes)
        return torch.cat([row @ timbre for row, timbre in zip(rows, timbres, strict=True)])[None]

    def decode(self, frames: Frames, f0_hz: Tensor, energy: Tensor, modulation: Tensor) -> Tensor:
        """(samples,) at 24 kHz."""
        sound: Tensor = self._net.decoder(frames.text, f0_hz, energy, modulation).squeeze()
        return sound


def _take_out_modulation(decoder: nn.Module) -> nn.Linear:
    """Put `Modulated` in the place of each of Kokoro's norms; the layers that fed them, as one linear map."""
    weights: list[Tensor] = []
    biases: list[Tensor] = []
    start = 0
    for parent in list(decoder.modules()):
        for name, child in list(parent.named_children()):
            if type(child).__name__ == "AdaIN1d":
                layer: Any = child
                weights.append(layer.fc.weight)
                biases.append(layer.fc.bias)
                setattr(parent, name, Modulated(layer.norm.num_features, start))
                start += 2 * int(layer.norm.num_features)
    together = nn.Linear(TIMBRE_SIZE, start, device="meta")
    together.weight = nn.Parameter(torch.cat(weights), requires_grad=False)
    together.bias = nn.Parameter(torch.cat(biases), requires_grad=False)
    return together


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
