"""How each derived artefact is made from its verified sources: a converter writes files, `fetching` checks them.

Nothing pickled is executed: PyTorch checkpoints are opened with `weights_only=True`, which admits tensors alone.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Converter = Callable[[Path, Path], None]


def kokoro(sources: Path, target: Path) -> None:
    """kokoro.int8.onnx and vocab.json to kokoro.safetensors and vocab.json."""
    from workers.models import kokoro_net, kokoro_weights
    from workers.models.tensors import write_tensors

    shapes = {name: tuple(tensor.shape) for name, tensor in kokoro_net.build().state_dict().items()}
    weights = kokoro_weights.strict(kokoro_weights.read_onnx(sources / "kokoro.int8.onnx"), shapes)
    write_tensors(target / kokoro_net.WEIGHTS, weights)
    shutil.copyfile(sources / kokoro_net.VOCABULARY, target / kokoro_net.VOCABULARY)


def ge2e(sources: Path, target: Path) -> None:
    """Resemblyzer's pretrained.pt to ge2e.safetensors: lstm.*, linear.* and the two similarity scalars."""
    _checkpoint(sources / "pretrained.pt", "model_state", target / "ge2e.safetensors")


def campplus(sources: Path, target: Path) -> None:
    """3D-Speaker's CAM++ state dict to campplus.safetensors; the norms' counters of batches are of no use."""
    import torch

    from workers.models.tensors import write_tensors

    state = torch.load(sources / "campplus_cn_en_common.pt", map_location="cpu", weights_only=True)
    kept = {name: tensor.numpy() for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    write_tensors(target / "campplus.safetensors", kept)


def perth(sources: Path, target: Path) -> None:
    """Perth's implicit network to perth.safetensors beside its settings (hparams.yaml)."""
    _checkpoint(sources / "perth_net_250000.pth.tar", "model", target / "perth.safetensors")
    shutil.copyfile(sources / "hparams.yaml", target / "hparams.yaml")


def _checkpoint(file: Path, key: str, target: Path) -> None:
    import torch

    from workers.models.tensors import write_tensors

    state: Mapping[str, Any] = torch.load(file, map_location="cpu", weights_only=True)[key]
    write_tensors(target, {name: tensor.detach().numpy() for name, tensor in state.items()})


CONVERTERS: Mapping[str, Converter] = {"kokoro": kokoro, "ge2e": ge2e, "campplus": campplus, "perth": perth}
