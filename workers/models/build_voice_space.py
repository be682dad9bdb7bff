"""Rebuild `data/kokoro_voices.safetensors` from the npm package kokoro-js. Running Same Voice needs neither.

    npm pack kokoro-js@1.2.1
    python -m workers.models.build_voice_space kokoro-js-1.2.1.tgz

The result is deterministic; its hash, and the package's, are pinned here and in the manifest.
"""

from __future__ import annotations

import argparse
import sys
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.models import store
from workers.models.tensors import write_tensors
from workers.models.voice_space import LONGEST_PHONES, REFERENCE_PHONES, STYLE_SIZE

PACKAGE_SHA256 = "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"
TARGET = Path(__file__).parent / "data" / "kokoro_voices.safetensors"

#: Curves over length that every voice's drift is written in. Eight leave an error under 0.01, on styles of norm 3.
LENGTH_CURVES = 8
#: Chosen on public voices left out one at a time: share of drift explained by 4, 8, 16, 24 axes: .57, .66, .70, .70.
DRIFT_AXES = 16
DRIFT_RIDGE = 1.0
#: Linear algebra differs in its last bits between machines. Rounded to this (styles have norm 3), results do not, and
#: anybody can rebuild the file and find the pinned hash.
DECIMALS = 5

Float64 = NDArray[np.float64]


def read_voices(package: Path) -> tuple[list[str], Float64]:
    """Voice names, sorted, and their styles by length: (voices, 510, 256)."""
    voices: dict[str, Float64] = {}
    with tarfile.open(package) as opened:
        for member in opened:
            path = Path(member.name)
            stream = opened.extractfile(member) if path.suffix == ".bin" and path.parent.name == "voices" else None
            if stream is not None:
                styles = np.frombuffer(stream.read(), dtype="<f4").reshape(LONGEST_PHONES, STYLE_SIZE)
                voices[path.stem] = styles.astype(np.float64)
    names = sorted(voices)
    return names, np.stack([voices[name] for name in names])


def build(names: list[str], styles: Float64) -> dict[str, NDArray[np.float32]]:
    """The tensors of a VoiceSpace. styles: (voices, 510, 256)."""
    row = REFERENCE_PHONES - 1
    reference = styles[:, row]
    mean = reference.mean(axis=0)
    # Centred, n voices span n − 1 dimensions.
    axes = _principal(reference - mean)[: len(names) - 1]
    coords = (reference - mean) @ axes.T
    drift = (styles - styles[:, row : row + 1]).transpose(0, 2, 1)
    curves = _principal(drift.reshape(-1, LONGEST_PHONES))[:LENGTH_CURVES]
    drifts = (drift @ curves.T).transpose(0, 2, 1)
    drift_mean = drifts.mean(axis=0)
    known = coords[:, :DRIFT_AXES]
    flat = (drifts - drift_mean).reshape(len(names), -1)
    solved = np.linalg.solve(known.T @ known + DRIFT_RIDGE * np.eye(DRIFT_AXES), known.T @ flat)
    tensors = {
        "mean": mean,
        "axes": axes,
        "sd": coords.std(axis=0),
        "coords": coords,
        "length_basis": curves,
        "drifts": drifts,
        "drift_mean": drift_mean,
        "drift_map": solved.reshape(DRIFT_AXES, *drift_mean.shape),
    }
    # Adding zero turns −0 into 0, whose bits differ.
    return {name: (np.round(tensor, DECIMALS) + 0.0).astype(np.float32) for name, tensor in tensors.items()}


def _principal(rows: Float64) -> Float64:
    """Right singular vectors, widest first, each turned so that its largest entry is positive: a sign is arbitrary."""
    _, _, vectors = np.linalg.svd(rows, full_matrices=False)
    largest = vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)]
    turned: Float64 = vectors * np.sign(largest)[:, None]
    return turned


def main(arguments: list[str] | None = None) -> int:
    """Command line: build, write, and say the hash."""
    parser = argparse.ArgumentParser(prog="python -m workers.models.build_voice_space", description=__doc__)
    parser.add_argument("package", type=Path, help="kokoro-js-1.2.1.tgz")
    parser.add_argument("--out", type=Path, default=TARGET)
    chosen = parser.parse_args(arguments)
    actual = store.sha256_file(chosen.package, fresh=True)
    if actual != PACKAGE_SHA256:
        sys.stderr.write(f"{chosen.package} is not kokoro-js 1.2.1 (sha256 {actual}).\n")
        return 1
    names, styles = read_voices(chosen.package)
    write_tensors(chosen.out, build(names, styles), {"names": " ".join(names)})
    sys.stdout.write(
        f"{chosen.out}: {chosen.out.stat().st_size} bytes, sha256 {store.sha256_file(chosen.out, fresh=True)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
