"""Learning one patient's speech: a low-rank adapter of Whisper, from sentences whose words are known.

What works in the field is to learn the patient, and adapters do as well as training everything (docs/understand.md).
Each sentence is heard anew in every epoch: a little faster or slower, at another level, in other noise, with stretches
of time and bands blanked (SpecAugment, Park et al. 2019). A share of clear speech keeps the recogniser from unlearning
it. The encoder sees a window of 14 s, and long pauses are shortened, as they are when somebody waits.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from faster_whisper.tokenizer import Tokenizer
from peft import LoraConfig, get_peft_model
from safetensors import SafetensorError
from safetensors.torch import load, save
from tokenizers import Tokenizer as Pieces  # type: ignore[import-untyped]
from torch.nn import functional
from whisperx.audio import log_mel_spectrogram

from workers.contracts import RECOGNITION_RATE_HZ, Cancelled, Clip, FloatArray, Progress, SpokenError, Stopped
from workers.understand import whisper_file, whisper_net
from workers.understand.adapter import Adapter
from workers.understand.otherwise import otherwise
from workers.understand.pauses import as_recognised
from workers.wording.time_left import time_left

LEAST_UTTERANCES = 5
EPOCHS = 8
BATCH = 4
RANK = 16
LEARNING_RATE = 1e-3
DROPOUT = 0.05
WINDOW_S = 14.0
LONGEST_S = 13.5
#: Of each batch's places, how many go to clear speech where there is some.
CLEAR_SHARE = 0.05
#: Beside each batch of the patient's sentences, so many that imitate them.
IMITATED_BESIDE = 2
#: So many sentences of a batch are in memory at a time; their gradients are added up.
_AT_ONCE = 3
_WARM_UP = 0.1
_SILENT = 1e-4
_IGNORED = -100  # the loss leaves these labels out
_LAYERS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]

#: How a sentence is heard anew. Rate, level in dB, noise under the speech in dB, silence before it in s.
_RATES, _GAINS_DB, _SNR_DB, _LEAD_S = (0.88, 1.12), (-8.0, 6.0), (15.0, 45.0), (0.0, 0.5)
#: Blanked: bands (how many, at most how wide, in mel bands) and stretches (in mel frames).
_BANDS, _STRETCHES = (2, 12), (3, 25)

KeepCheckpoint = Callable[[bytes], None]


@dataclass(frozen=True)
class _Example:
    samples: FloatArray
    tokens: tuple[int, ...]


class Adaptation:
    """One training. Resumable after any epoch: `restore` a checkpoint of the same examples and weights before `run`."""

    def __init__(
        self, model_dir: Path, utterances: Sequence[Clip], clear: Sequence[Clip] = (), language: str = "en",
        device: str = "cpu", least: int = LEAST_UTTERANCES, imitated: Sequence[Clip] = (),
    ) -> None:  # fmt: skip
        """`model_dir`: a CTranslate2 Whisper folder. `clear`: unimpaired speech with its words, to be kept in mind.
        `least`: with fewer sentences it is not begun. `imitated`: further sentences made to sound as the patient does
        (`workers.understand.imitation`), some of which are heard beside the patient's own each time.

        Raises SpokenError: 'too_few_utterances' (what is silent, wordless or over 13.5 s without its pauses does not
        count), 'recogniser_unreadable', 'unknown_language'.
        """
        self._device = device
        data = (model_dir / "model.bin").read_bytes()
        self._base = hashlib.sha256(data).hexdigest()
        self._file = whisper_file.read(io.BytesIO(data))
        self._mels = int(self._file.tensors["encoder/conv1/weight"].shape[1])
        try:
            pieces = Pieces.from_file(str(model_dir / "tokenizer.json"))
            self._tokenizer = Tokenizer(pieces, True, task="transcribe", language=language)
        except ValueError as error:
            raise SpokenError("unknown_language", "This language is not known to the recogniser.") from error
        self._language = language
        self._utterances = [example for clip in utterances if (example := self._example(clip)) is not None]
        self._clear = [example for clip in clear if (example := self._example(clip)) is not None]
        self._imitated = [example for clip in imitated if (example := self._example(clip)) is not None]
        if len(self._utterances) < least:
            raise too_few(len(self._utterances))
        self._epoch, self._spent_s = 0, 0.0
        torch.manual_seed(0)
        net = whisper_net.build(self._file, WINDOW_S)
        lora = LoraConfig(r=RANK, lora_alpha=2 * RANK, lora_dropout=DROPOUT, target_modules=_LAYERS)
        self._net: Any = get_peft_model(net, lora).to(device)
        self._learned = {name: tensor for name, tensor in self._net.named_parameters() if tensor.requires_grad}
        self._optimiser = torch.optim.AdamW(self._learned.values(), lr=LEARNING_RATE, weight_decay=0.01)

    def run(
        self,
        progress: Progress | None = None,
        cancelled: Cancelled | None = None,
        keep_checkpoint: KeepCheckpoint | None = None,
    ) -> Adapter:
        """Train to the end. Raises Stopped when cancelled."""
        batches = math.ceil(len(self._utterances) / BATCH)
        while self._epoch < EPOCHS:
            random = np.random.default_rng(self._epoch)  # the same after a restart
            torch.manual_seed(self._epoch)
            order = random.permutation(len(self._utterances)).tolist()
            for place in range(batches):
                if cancelled is not None and cancelled():
                    raise Stopped
                begun = time.monotonic()
                self._step(order[place * BATCH : (place + 1) * BATCH], self._epoch * batches + place, batches, random)
                self._spent_s += time.monotonic() - begun
                if progress is not None:
                    done = (self._epoch * batches + place + 1) / (EPOCHS * batches)
                    progress(done, time_left("Learning this speech", self._spent_s / done * (1 - done)))
            self._epoch += 1
            if keep_checkpoint is not None:
                keep_checkpoint(self._checkpoint())
        return self._adapter()

    def restore(self, checkpoint: bytes) -> None:
        """Go on after the epoch of this checkpoint. Raises SpokenError 'wrong_checkpoint'.

        The imitations may be others: they are drawn anew after a restart, and there may be one sentence less to say.
        """
        try:
            tensors = load(checkpoint)
            header = json.loads(bytes(tensors.pop("header").numpy()))
            if header["belongs_to"] != self._belongs_to():
                raise wrong_checkpoint()
            with torch.no_grad():
                for name, tensor in self._learned.items():
                    tensor.copy_(tensors[f"at.{name}"])
                    self._optimiser.state[tensor] = {
                        "step": torch.tensor(float(header["steps"])),
                        "exp_avg": tensors[f"first.{name}"].to(self._device),
                        "exp_avg_sq": tensors[f"second.{name}"].to(self._device),
                    }
            self._epoch, self._spent_s = int(header["epoch"]), float(header["spent_s"])
        except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise wrong_checkpoint() from error

    def _step(self, chosen: Sequence[int], step: int, batches: int, random: np.random.Generator) -> None:
        warm = min(1.0, (step + 1) / (_WARM_UP * EPOCHS * batches))
        for group in self._optimiser.param_groups:
            group["lr"] = LEARNING_RATE * warm * 0.5 * (1 + math.cos(math.pi * step / (EPOCHS * batches)))
        examples = [self._utterances[index] for index in chosen]
        if self._clear and random.random() < CLEAR_SHARE * BATCH:
            examples.append(self._clear[int(random.integers(len(self._clear)))])
        beside = min(IMITATED_BESIDE, len(self._imitated))
        examples += [self._imitated[at] for at in random.choice(len(self._imitated), beside, replace=False)]
        mels = [self._heard_anew(example.samples, random) for example in examples]
        count = sum(len(example.tokens) + 1 for example in examples)  # and its end
        self._net.train()
        self._optimiser.zero_grad()
        for first in range(0, len(examples), _AT_ONCE):
            part = slice(first, first + _AT_ONCE)
            said, wanted = self._tokens(examples[part])
            logits = self._net(input_features=torch.stack(mels[part]).to(self._device), decoder_input_ids=said).logits
            loss = functional.cross_entropy(
                logits.flatten(0, 1), wanted.flatten(), ignore_index=_IGNORED, reduction="sum"
            )
            (loss / count).backward()
        torch.nn.utils.clip_grad_norm_(self._learned.values(), 1.0)
        self._optimiser.step()

    def _tokens(self, examples: Sequence[_Example]) -> tuple[torch.Tensor, torch.Tensor]:
        """What the decoder has read, and what it is to say next, both (examples, longest)."""
        prompt = (*self._tokenizer.sot_sequence, self._tokenizer.no_timestamps)
        end = self._tokenizer.eot
        longest = max(len(example.tokens) for example in examples)
        said, wanted = [], []
        for example in examples:
            gap = longest - len(example.tokens)
            said.append([*prompt, *example.tokens, *[end] * gap])
            wanted.append([*[_IGNORED] * (len(prompt) - 1), *example.tokens, end, *[_IGNORED] * gap])
        return torch.tensor(said, device=self._device), torch.tensor(wanted, device=self._device)

    def _heard_anew(self, samples: FloatArray, random: np.random.Generator) -> torch.Tensor:
        """(mels, frames) of the sentence as it might be said and heard another time."""
        sound = otherwise(samples, random, rates=_RATES, gains_db=_GAINS_DB, snr_db=_SNR_DB)
        sound = np.concatenate([np.zeros(round(random.uniform(*_LEAD_S) * RECOGNITION_RATE_HZ)), sound])
        window = round(WINDOW_S * RECOGNITION_RATE_HZ)
        sound = sound[:window].astype(np.float32)
        mel: torch.Tensor = log_mel_spectrogram(sound, self._mels, padding=window - len(sound))
        mel = mel[:, : window // 160]
        mean = mel.mean()
        for _ in range(_BANDS[0]):
            width = int(random.integers(0, _BANDS[1]))
            first = int(random.integers(0, self._mels - width))
            mel[first : first + width] = mean
        for _ in range(_STRETCHES[0]):
            width = int(random.integers(0, _STRETCHES[1]))
            first = int(random.integers(0, max(1, len(sound) // 160 - width)))
            mel[:, first : first + width] = mean
        return mel

    def _example(self, clip: Clip) -> _Example | None:
        samples = _learned_from(clip)
        return None if samples is None else _Example(samples, tuple(self._tokenizer.encode(f" {clip.text.strip()}")))

    def _adapter(self) -> Adapter:
        down, up = {}, {}
        for name, module in self._net.named_modules():
            if hasattr(module, "lora_A") and len(module.lora_A):
                layer = name.removeprefix("base_model.model.")
                down[layer] = module.lora_A["default"].weight.detach().cpu().numpy()
                up[layer] = (module.scaling["default"] * module.lora_B["default"].weight).detach().cpu().numpy()
        about = {"utterances": len(self._utterances), "epochs": self._epoch, "language": self._language}
        return Adapter(self._base, down, up, about)

    def _belongs_to(self) -> dict[str, Any]:
        digest = hashlib.sha256()
        for example in (*self._utterances, *self._clear):
            digest.update(np.ascontiguousarray(example.samples).tobytes() + repr(example.tokens).encode())
        return {"base": self._base, "examples": digest.hexdigest(), "epochs": EPOCHS, "format": 1}

    def _checkpoint(self) -> bytes:
        steps = self._epoch * math.ceil(len(self._utterances) / BATCH)
        header = {
            "belongs_to": self._belongs_to(), "epoch": self._epoch, "spent_s": self._spent_s, "steps": steps,
        }  # fmt: skip
        tensors = {"header": torch.frombuffer(bytearray(json.dumps(header).encode()), dtype=torch.uint8)}
        for name, tensor in self._learned.items():
            state = self._optimiser.state[tensor]
            tensors |= {f"at.{name}": tensor.detach(), f"first.{name}": state["exp_avg"]}
            tensors[f"second.{name}"] = state["exp_avg_sq"]
        return save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()})


def is_usable(clip: Clip) -> bool:
    """Whether it can be learned from: not silent, not wordless, and its pauses shortened not longer than the encoder's
    window."""
    return _learned_from(clip) is not None


def _learned_from(clip: Clip) -> FloatArray | None:
    wordless = not any(letter.isalnum() for letter in clip.text)
    if wordless or not clip.audio.duration_s or float(np.abs(clip.audio.samples).max()) < _SILENT:
        return None
    samples = as_recognised(clip.audio)
    return samples if len(samples) <= LONGEST_S * RECOGNITION_RATE_HZ else None


def too_few(count: int) -> SpokenError:
    """What is raised where there is too little to learn from."""
    return SpokenError(
        "too_few_utterances",
        f"There are {count} sentences to learn from, and {LEAST_UTTERANCES} are needed. "
        "Read more prompts aloud; a sentence may last up to 13 s without its pauses.",
    )


def wrong_checkpoint() -> SpokenError:
    """What is raised where a checkpoint is none, or of something else."""
    return SpokenError(
        "wrong_checkpoint", "What was kept of this training belongs to other sentences or other weights. Start it anew."
    )
