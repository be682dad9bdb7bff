"""The clinic stands without the models: it imports and answers where torch and its kin are not installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BLOCK = """
import importlib.abc, sys
GONE = {"torch", "torchaudio", "speechbrain", "whisperx", "faster_whisper", "onnxruntime", "kokoro", "librosa", "scipy",
        "parselmouth", "perth", "workers", "bench"}
class Gone(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in GONE:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Gone())
"""


def _run(code: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", "SAMEVOICE_HOME": str(tmp_path / "home"), "PYTHONWARNINGS": "ignore"}
    return subprocess.run(
        [sys.executable, "-c", BLOCK + code], capture_output=True, text=True, env=environment, timeout=120, check=False
    )


def test_the_web_app_answers_where_no_model_library_is_installed(tmp_path: Path) -> None:
    code = """
from clinic.vault import create_keyring
from migrations.run import upgrade
create_keyring(); upgrade()
from clinic.app import create_app
answer = create_app().test_client().get("/health", base_url="https://localhost")
print(answer.status_code)
"""
    done = _run(code, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().endswith("200")


@pytest.mark.parametrize("command", ["models", "verify", "up", "demo"])
def test_a_command_that_needs_the_models_says_what_to_install(command: str, tmp_path: Path) -> None:
    code = f"""
from samevoice.cli import main
sys.argv = ["samevoice", "{command}"]
main()
"""
    done = _run(code, tmp_path)
    assert done.returncode == 1
    assert "pip install" in done.stderr and "Traceback" not in done.stderr


def test_importing_the_worker_app_loads_no_model_and_touches_no_gpu(tmp_path: Path) -> None:
    code = "import workers.app, workers.tasks.rooms, sys; print(sorted({'torch', 'whisperx'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False,
        env={"PATH": "/usr/bin:/bin", "SAMEVOICE_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.stdout.strip() == "[]", done.stderr[-2000:]
