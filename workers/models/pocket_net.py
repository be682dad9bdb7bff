"""Pocket TTS's networks (Kyutai; PyPI `pocket-tts`), built bare and loaded strictly from what a hospital adopted.

Only its layers are imported. The package's own model class downloads what it misses and offers predefined voices, and
sets torch's threads as it is imported: it is never imported here, and the one helper that its layers need of it, to
find a file by its address, is replaced by one that knows no address and no voice.

Importing this module touches no weights and no CUDA device.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

import torch
import yaml
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file

from workers.contracts import SpokenError
from workers.models import store

ARTEFACT = "pocket-tts"
#: The repository's weights with voice cloning, its tokenizer, and its configuration (the package's `config/NAME.yaml`).
WEIGHTS, TOKENIZER, CONFIGURATION = "model.safetensors", "tokenizer.json", "config.yaml"


class PocketNet(torch.nn.Module):
    """A flow language model over Mimi's latents, and Mimi. Its state dict is Kyutai's file, name by name.

    `flow_lm` turns text tokens and what was said so far into the next latent (12.5 a second); `mimi` turns sound into
    latents and back. `config` is Kyutai's own.
    """

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        flow_lm = layers("models.flow_lm").FlowLMModel.from_pydantic_config(
            config.flow_lm,
            latent_dim=config.mimi.quantizer.dimension,
            insert_bos_before_voice=config.flow_lm.insert_bos_before_voice,
        )
        heard = config.mimi.inner_dim or config.mimi.seanet.dimension
        flow_lm.speaker_proj_weight = torch.nn.Parameter(torch.zeros(config.flow_lm.transformer.d_model, heard))
        self.flow_lm: Any = flow_lm
        self.mimi: Any = layers("models.mimi").build_mimi(config.mimi)
        stateful = layers("modules.stateful_module").StatefulModule
        for top in (self.flow_lm, self.mimi):
            for name, module in top.named_modules():
                if isinstance(module, stateful):
                    module._module_absolute_name = name


def layers(module: str) -> types.ModuleType:
    """Import `pocket_tts.<module>` without running pocket_tts/__init__.py. Raises SpokenError 'missing_package'."""
    if "pocket_tts.utils.utils" not in sys.modules:
        spec = importlib.util.find_spec("pocket_tts")
        if spec is None or spec.submodule_search_locations is None:
            raise SpokenError(
                "missing_package", "The package 'pocket-tts' is not installed. Install the locked requirements again."
            )
        bare = types.ModuleType("pocket_tts")
        bare.__path__ = list(spec.submodule_search_locations)
        sys.modules["pocket_tts"] = bare
        helpers = types.ModuleType("pocket_tts.utils.utils")
        # Its defaults look one voice up by name as they are imported: the name is there, and nothing behind it.
        vars(helpers).update(download_if_necessary=_local, _ORIGINS_OF_PREDEFINED_VOICES={"alba": ""})
        sys.modules["pocket_tts.utils.utils"] = helpers
    return importlib.import_module(f"pocket_tts.{module}")


def configured(file: Path, tokenizer: Path) -> Any:
    """Kyutai's configuration in `file`, with the tokenizer's own file. Raises SpokenError 'damaged_weights'."""
    try:
        read = yaml.safe_load(file.read_text(encoding="utf-8"))
        config = layers("utils.config").Config(**read)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, ValidationError) as error:
        raise SpokenError(
            "damaged_weights",
            f"{file} is not a configuration of Pocket TTS. Adopt the file of the model's own release.",
        ) from error
    config.flow_lm.lookup_table.tokenizer_path = str(tokenizer)
    return config


def open_pocket(device: str | torch.device = "cpu") -> PocketNet:
    """Pocket TTS with the hospital's verified weights, on `device`, in eval mode, its parameters frozen.

    Raises SpokenError: 'missing_weights' with the file that is missing, 'damaged_weights', 'no_cloning' for weights
    that Kyutai published without the part that hears a voice.
    """
    home = store.path(ARTEFACT)
    pinned = {file.path for file in store.artefact(ARTEFACT).files}
    for name in (WEIGHTS, TOKENIZER, CONFIGURATION):
        if name not in pinned:
            raise SpokenError(
                "missing_weights",
                f"'{ARTEFACT}' was adopted without {name}. Put {WEIGHTS}, {TOKENIZER} and {CONFIGURATION} in one "
                f"folder, and run `samevoice models adopt {ARTEFACT} --from FOLDER --revision REVISION`.",
            )
    net = PocketNet(configured(home / CONFIGURATION, home / TOKENIZER))
    try:
        net.load_state_dict(load_file(home / WEIGHTS), strict=True)
    except (RuntimeError, SafetensorError) as error:
        raise SpokenError(
            "damaged_weights",
            f"{home / WEIGHTS} does not fit {CONFIGURATION}: a tensor is missing, left over or of another shape. "
            "Adopt weights and configuration of one release.",
        ) from error
    if not net.flow_lm.speaker_proj_weight.any():
        raise SpokenError(
            "no_cloning",
            f"{home / WEIGHTS} is the release without voice cloning: it cannot speak in a patient's voice, and no "
            "other voice is used. Adopt the release with it.",
        )
    net.requires_grad_(False)
    return net.eval().to(device)


def _local(address: str) -> Path:
    """Stands for Kyutai's downloader: a file on this machine, or nothing."""
    if "://" in address:
        raise SpokenError("missing_weights", f"{address} is not on this machine, and nothing is downloaded.")
    return Path(address)
