"""Kokoro-82M's network (hexgrad's `kokoro.model.KModel`), built bare and loaded strictly from verified safetensors.

Importing this module touches no weights and no CUDA device.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import types
import warnings
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from workers.contracts import SpokenError
from workers.models import store

#: hexgrad/Kokoro-82M's config.json. `vocab` is a file of its own.
CONFIG: dict[str, Any] = {
    "dim_in": 64,
    "dropout": 0.2,
    "hidden_dim": 512,
    "max_dur": 50,
    "n_layer": 3,
    "n_mels": 80,
    "n_token": 178,
    "style_dim": 128,
    "text_encoder_kernel_size": 5,
    "istftnet": {
        "gen_istft_hop_size": 5,
        "gen_istft_n_fft": 20,
        "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
        "resblock_kernel_sizes": [3, 7, 11],
        "upsample_initial_channel": 512,
        "upsample_kernel_sizes": [20, 12],
        "upsample_rates": [10, 6],
    },
    "plbert": {
        "hidden_size": 768,
        "num_attention_heads": 12,
        "intermediate_size": 2048,
        "max_position_embeddings": 512,
        "num_hidden_layers": 12,
        "dropout": 0.1,
    },
}

WEIGHTS = "kokoro.safetensors"
VOCABULARY = "vocab.json"


def _kokoro(module: str) -> types.ModuleType:
    """Import `kokoro.<module>` without running kokoro/__init__.py.

    That file pulls in a whole text pipeline (misaki, spaCy) of which nothing is used here.
    """
    if "kokoro" not in sys.modules:
        spec = importlib.util.find_spec("kokoro")
        if spec is None or spec.submodule_search_locations is None:
            raise SpokenError(
                "missing_package", "The package 'kokoro' is not installed. Install the locked requirements again."
            )
        bare = types.ModuleType("kokoro")
        bare.__path__ = list(spec.submodule_search_locations)
        sys.modules["kokoro"] = bare
    loaded = importlib.import_module(f"kokoro.{module}")
    # Kokoro logs the phones that it is given, and loguru prints them: a patient's words, on standard error.
    importlib.import_module("loguru").logger.disable("kokoro")
    return loaded


def build(vocab: dict[str, int] | None = None) -> torch.nn.Module:
    """A KModel whose parameters have shapes and no values yet: torch's meta device. Assign a state dict to them.

    Weight norm is folded away, and what Kokoro holds but never uses (ALBERT's pooler; the affine part of its
    instance norms, which is the identity) is left out, so that its state dict is exactly what has to be loaded.
    """
    # Imported before the device is switched: libraries make tensors while they are imported.
    from transformers import AlbertConfig

    model_module, istftnet, modules = _kokoro("model"), _kokoro("istftnet"), _kokoro("modules")
    with torch.device("meta"), warnings.catch_warnings():
        # Upstream's constructors use a deprecated weight norm, and dropout on single-layer LSTMs: both moot here.
        warnings.simplefilter("ignore")
        albert = modules.CustomAlbert(AlbertConfig(vocab_size=CONFIG["n_token"], **CONFIG["plbert"]))
        net = _assemble(model_module.KModel, istftnet, modules, albert)
    net.vocab = dict(vocab or {})
    # What the network computes for itself, and no file holds, has to be real.
    net.decoder.generator.stft = istftnet.TorchSTFT(
        filter_length=CONFIG["istftnet"]["gen_istft_n_fft"],
        hop_length=CONFIG["istftnet"]["gen_istft_hop_size"],
        win_length=CONFIG["istftnet"]["gen_istft_n_fft"],
    )
    positions = CONFIG["plbert"]["max_position_embeddings"]
    net.bert.embeddings.position_ids = torch.arange(positions)[None]
    net.bert.embeddings.token_type_ids = torch.zeros((1, positions), dtype=torch.long)
    return net  # type: ignore[no-any-return]


def _assemble(model_class: Any, istftnet: Any, modules: Any, albert: torch.nn.Module) -> Any:
    """KModel's parts, as its own constructor puts them together before it reads weights with pickle."""
    net = model_class.__new__(model_class)
    torch.nn.Module.__init__(net)
    net.repo_id = "hexgrad/Kokoro-82M"
    net.bert = albert
    net.bert_encoder = torch.nn.Linear(net.bert.config.hidden_size, CONFIG["hidden_dim"])
    net.context_length = net.bert.config.max_position_embeddings
    net.predictor = modules.ProsodyPredictor(
        style_dim=CONFIG["style_dim"],
        d_hid=CONFIG["hidden_dim"],
        nlayers=CONFIG["n_layer"],
        max_dur=CONFIG["max_dur"],
        dropout=CONFIG["dropout"],
    )
    net.text_encoder = modules.TextEncoder(
        channels=CONFIG["hidden_dim"],
        kernel_size=CONFIG["text_encoder_kernel_size"],
        depth=CONFIG["n_layer"],
        n_symbols=CONFIG["n_token"],
    )
    net.decoder = istftnet.Decoder(
        dim_in=CONFIG["hidden_dim"], style_dim=CONFIG["style_dim"], dim_out=CONFIG["n_mels"], **CONFIG["istftnet"]
    )
    net.bert.pooler = None
    for module in net.modules():
        if hasattr(module, "weight_g"):
            torch.nn.utils.remove_weight_norm(module)
        if isinstance(module, istftnet.AdaIN1d):
            module.norm = torch.nn.InstanceNorm1d(module.norm.num_features, affine=False)
    net.eval()
    return net


def load_vocabulary(file: Path) -> dict[str, int]:
    """The phone-to-token table of a `vocab.json`."""
    table: dict[str, int] = json.loads(file.read_text(encoding="utf-8"))["vocab"]
    return table


def open_kokoro(device: str | torch.device = "cpu") -> torch.nn.Module:
    """Kokoro with its verified weights, on `device`, in eval mode, its parameters frozen.

    `net(phones, style, speed)` gives 24 kHz sound; `net.predictor` and `net.decoder` are its stages; gradients reach
    inputs and styles. Raises SpokenError: 'missing_weights', 'damaged_weights'.
    """
    home = store.path("kokoro")
    net = build(load_vocabulary(home / VOCABULARY))
    net.load_state_dict(load_file(home / WEIGHTS), strict=True, assign=True)
    forgotten = [name for name, tensor in chain(net.named_parameters(), net.named_buffers()) if tensor.is_meta]
    if forgotten:
        raise SpokenError("damaged_weights", f"Kokoro cannot be opened: {', '.join(forgotten)} have no values.")
    net.requires_grad_(False)
    return net.to(device)
