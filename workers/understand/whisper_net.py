"""Whisper in PyTorch (Transformers' network), made from the file that CTranslate2 serves, to learn with.

The two name the same numbers differently: CTranslate2 lays query, key and value of an attention together. `parts` says
which rows of which of its tensors a linear layer is, so that what was learned can be added there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration

from workers.contracts import SpokenError
from workers.understand.whisper_file import WhisperFile

#: Mel frames a second, and how many of them the encoder makes one of.
MEL_FRAMES_S, STRIDE = 100, 2
_END_OF_TEXT = {True: 50257, False: 50256}  # multilingual or not
_MULTILINGUAL_VOCABULARY = 51865


@dataclass(frozen=True)
class Part:
    """A linear layer of the network: rows `start` up to `stop` of tensor `name` + '/weight' (and '/bias')."""

    layer: str
    name: str
    start: int
    stop: int
    has_bias: bool = True


def parts(file: WhisperFile) -> Iterator[Part]:
    """Every linear layer of attention and feed-forward, by Transformers' name."""
    for side in ("encoder", "decoder"):
        for number in range(_layers(file, side)):
            layer, name = f"model.{side}.layers.{number}", f"{side}/layer_{number}"
            yield from _fused(file, f"{layer}.self_attn", f"{name}/self_attention/linear_0", "qkv")
            yield _whole(file, f"{layer}.self_attn.out_proj", f"{name}/self_attention/linear_1")
            if side == "decoder":
                yield _whole(file, f"{layer}.encoder_attn.q_proj", f"{name}/attention/linear_0")
                yield from _fused(file, f"{layer}.encoder_attn", f"{name}/attention/linear_1", "kv")
                yield _whole(file, f"{layer}.encoder_attn.out_proj", f"{name}/attention/linear_2")
            yield _whole(file, f"{layer}.fc1", f"{name}/ffn/linear_0")
            yield _whole(file, f"{layer}.fc2", f"{name}/ffn/linear_1")


def build(file: WhisperFile, window_s: float) -> WhisperForConditionalGeneration:
    """The network in float32, eval mode, its encoder seeing `window_s` at once.

    Raises SpokenError 'recogniser_unreadable' where the file holds another architecture.
    """
    try:
        config = _config(file, window_s)
        with torch.device("meta"):
            net = WhisperForConditionalGeneration(config)
        net.load_state_dict(_state(file, config.max_source_positions), strict=True, assign=True)
    except (KeyError, RuntimeError) as error:
        raise SpokenError(
            "recogniser_unreadable", "These speech recognition weights are of another kind than can be adapted."
        ) from error
    net.tie_weights()
    net.requires_grad_(False)
    net.eval()
    return net


def _config(file: WhisperFile, window_s: float) -> WhisperConfig:
    tensors = file.tensors
    words = tensors["decoder/embeddings/weight"].shape[0]
    end = _END_OF_TEXT[words >= _MULTILINGUAL_VOCABULARY]
    return WhisperConfig(
        vocab_size=words,
        num_mel_bins=tensors["encoder/conv1/weight"].shape[1],
        d_model=tensors["encoder/conv1/weight"].shape[0],
        encoder_layers=_layers(file, "encoder"),
        decoder_layers=_layers(file, "decoder"),
        encoder_attention_heads=int(tensors["encoder/num_heads"]),
        decoder_attention_heads=int(tensors["decoder/num_heads"]),
        encoder_ffn_dim=tensors["encoder/layer_0/ffn/linear_0/weight"].shape[0],
        decoder_ffn_dim=tensors["decoder/layer_0/ffn/linear_0/weight"].shape[0],
        max_source_positions=round(window_s * MEL_FRAMES_S) // STRIDE,
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=end + 1,
    )


def _state(file: WhisperFile, positions: int) -> Mapping[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = {}

    def take(name: str) -> torch.Tensor:
        return torch.from_numpy(np.asarray(file.tensors[name], np.float32))

    for part in parts(file):
        state[f"{part.layer}.weight"] = take(f"{part.name}/weight")[part.start : part.stop]
        if part.has_bias:
            state[f"{part.layer}.bias"] = take(f"{part.name}/bias")[part.start : part.stop]
    for name, other in _norms(file):
        state[f"{name}.weight"], state[f"{name}.bias"] = take(f"{other}/gamma"), take(f"{other}/beta")
    for conv in ("conv1", "conv2"):
        state[f"model.encoder.{conv}.weight"] = take(f"encoder/{conv}/weight")
        state[f"model.encoder.{conv}.bias"] = take(f"encoder/{conv}/bias")
    state["model.encoder.embed_positions.weight"] = take("encoder/position_encodings/encodings")[:positions]
    state["model.decoder.embed_positions.weight"] = take("decoder/position_encodings/encodings")
    state["model.decoder.embed_tokens.weight"] = take("decoder/embeddings/weight")
    state["proj_out.weight"] = state["model.decoder.embed_tokens.weight"]
    return state


def _norms(file: WhisperFile) -> Iterator[tuple[str, str]]:
    for side in ("encoder", "decoder"):
        yield f"model.{side}.layer_norm", f"{side}/layer_norm"
        for number in range(_layers(file, side)):
            layer, name = f"model.{side}.layers.{number}", f"{side}/layer_{number}"
            yield f"{layer}.self_attn_layer_norm", f"{name}/self_attention/layer_norm"
            yield f"{layer}.final_layer_norm", f"{name}/ffn/layer_norm"
            if side == "decoder":
                yield f"{layer}.encoder_attn_layer_norm", f"{name}/attention/layer_norm"


def _layers(file: WhisperFile, side: str) -> int:
    return len({name.split("/")[1] for name in file.tensors if name.startswith(f"{side}/layer_") and name.count("/") > 1
                and name.split("/")[1] != "layer_norm"})  # fmt: skip


def _whole(file: WhisperFile, layer: str, name: str) -> Part:
    return Part(layer, name, 0, file.tensors[f"{name}/weight"].shape[0])


def _fused(file: WhisperFile, layer: str, name: str, which: str) -> Iterator[Part]:
    rows = file.tensors[f"{name}/weight"].shape[0] // len(which)
    for place, letter in enumerate(which):
        # Whisper's keys have no bias; CTranslate2 fills in zeros.
        yield Part(f"{layer}.{letter}_proj", name, place * rows, (place + 1) * rows, has_bias=letter != "k")


def added(file: WhisperFile, moves: Mapping[str, Any]) -> WhisperFile:
    """`file` with `moves` (layer → (rows, columns) array) added to its linear layers."""
    tensors = dict(file.tensors)
    for part in parts(file):
        if part.layer in moves:
            name = f"{part.name}/weight"
            whole = np.array(tensors[name], np.float32)
            whole[part.start : part.stop] += moves[part.layer]
            tensors[name] = whole.astype(file.tensors[name].dtype)
    return WhisperFile(file.revision, tensors, file.aliases)
