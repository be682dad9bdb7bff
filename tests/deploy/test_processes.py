"""The web image's own command, started by hand, is found well by Compose's own health check."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def web(home: Path) -> Iterator[int]:
    """gunicorn as the Dockerfile starts it, with the settings of `home`; its port."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    found = re.search(r"^CMD (\[\"gunicorn\".*?\])$", text, re.M | re.S)
    assert found
    command, port = json.loads(found[1].replace("\\\n", "")), free_port()
    arguments = [argument.replace("0.0.0.0:8600", f"127.0.0.1:{port}") for argument in command[1:]]
    process = subprocess.Popen([sys.executable, "-m", "gunicorn", *arguments], cwd=ROOT, stderr=subprocess.PIPE)
    yield port
    process.terminate()
    _out, log = process.communicate(timeout=60)
    assert process.returncode == 0, log.decode()[-2000:]


def test_the_web_command_serves_and_the_health_check_says_so(web: int) -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
    _cmd, _python, *check = compose["services"]["web"]["healthcheck"]["test"]
    check[-1] = check[-1].replace("127.0.0.1:8600", f"127.0.0.1:{web}")
    until_s = time.monotonic() + 60
    while (done := subprocess.run([sys.executable, *check], capture_output=True, check=False)).returncode:
        assert time.monotonic() < until_s, done.stderr.decode()[-500:]
        time.sleep(0.5)
