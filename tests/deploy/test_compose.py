"""compose.yaml keeps its promises: no secret in it, nobody runs as root, nothing but the web app can be reached."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from clinic.queue import QUEUES
from clinic.settings import Settings
from clinic.vault.keyring import Keyring

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {"web", "worker-live", "worker-build", "migrate", "keys"}

each_service = pytest.mark.parametrize("name", SERVICES)


def test_the_services_are_there() -> None:
    assert set(SERVICES) == OURS | {"postgres", "keystore", "redis"}


@each_service
def test_every_service_is_hardened(name: str) -> None:
    service = SERVICES[name]
    user = re.sub(r"\$\{\w+:-(.*)\}", r"\1", service["user"])
    assert int(user.split(":")[0]) > 0
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert not service.get("privileged")
    assert not service.get("cap_add")
    assert "/var/run/docker.sock" not in json.dumps(service)


@each_service
def test_every_lasting_service_says_whether_it_is_well(name: str) -> None:
    if name not in {"migrate", "keys"}:
        assert SERVICES[name]["healthcheck"]["test"]


@each_service
def test_no_secret_stands_in_the_environment_or_in_a_command(name: str) -> None:
    for key, value in SERVICES[name].get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET|TOKEN|KEK|_URL$", key):
            assert key.endswith("_FILE"), key
            assert str(value).startswith(("/run/secrets/", "/keyring/"))
    assert not re.search(r"://[^/\s]*:[^/\s$]+@", json.dumps(SERVICES[name]))


def test_secrets_are_files_that_git_and_a_build_never_see() -> None:
    for secret in COMPOSE["secrets"].values():
        assert secret["file"].startswith("./deploy/secrets/")
    ignored = subprocess.run(
        ["git", "check-ignore", "deploy/secrets/kek.json"], cwd=ROOT, capture_output=True, check=False
    )
    assert ignored.returncode in (0, 128)  # 128: a source archive without git
    assert (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()[1] == "*"


def test_only_the_web_app_can_be_reached_and_only_from_this_machine() -> None:
    for name, service in SERVICES.items():
        assert service["networks"] == (["front", "back"] if name == "web" else ["back"])
        for port in service.get("ports", []):
            assert name == "web"
            assert port.startswith("127.0.0.1:")
    assert COMPOSE["networks"]["back"]["internal"] is True


def test_keys_lie_apart_from_the_database() -> None:
    volumes = {name: [volume.split(":")[0] for volume in SERVICES[name]["volumes"]] for name in SERVICES}
    assert volumes["postgres"] == ["postgres"]
    assert volumes["keystore"] == ["keystore"]
    assert [name for name in SERVICES if "./deploy/secrets" in volumes[name]] == ["keys"]


def test_models_are_mounted_read_only() -> None:
    for name in ("worker-live", "worker-build"):
        assert next(volume for volume in SERVICES[name]["volumes"] if ":/models" in volume).endswith(":ro")


def test_every_queue_has_a_worker() -> None:
    served: set[str] = set()
    for name in ("worker-live", "worker-build"):
        command = SERVICES[name]["command"]
        assert command[command.index("-P") + 1] == "threads"
        served |= set(command[command.index("-Q") + 1].split(","))
    assert set(QUEUES.values()) <= served


def test_a_waiting_patient_comes_before_a_voice_that_is_built() -> None:
    assert SERVICES["worker-build"]["cpu_shares"] * 20 < SERVICES["worker-live"].get("cpu_shares", 1024)
    live = SERVICES["worker-live"]["command"]
    # What is made ahead is of use in the process that speaks, and never stands before who waits.
    assert live[live.index("-Q") + 1] == "live,ahead" and int(live[live.index("-c") + 1]) > 1


def test_every_setting_that_is_set_exists() -> None:
    known = {f"SAMEVOICE_{name}".upper() for name in Settings.model_fields} | {"SAMEVOICE_LANE"}
    for name in OURS:
        assert {key for key in SERVICES[name]["environment"] if key.startswith("SAMEVOICE_")} <= known
        for secret in SERVICES[name]["secrets"]:
            assert secret == "kek.json" or secret.upper() in known


def test_the_images_start_as_nobody_and_hold_no_weights() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    stages = dict(re.findall(r"^FROM \S+ AS (\w+)\n(.*?)(?=^FROM|\Z)", text, re.M | re.S))
    assert set(stages) == {"base", "web", "worker"}
    for stage in ("web", "worker"):
        assert "USER 10001:10001" in stages[stage]
        assert "--require-hashes" in stages[stage]
        for copied in re.findall(r"^COPY (\S+) \S+$", stages[stage], re.M):
            assert (ROOT / copied).exists()
    assert "workers" not in re.findall(r"^COPY (\S+)", stages["web"], re.M)
    assert not re.search(r"https?://", text)


def test_compose_itself_accepts_the_file() -> None:
    command = ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]
    if (
        not shutil.which(command[0])
        or subprocess.run([*command, "version"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no Compose on this machine")
    done = subprocess.run([*command, "config", "-q"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_secrets_are_made_once_and_fit_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "make-secrets"
    shutil.copy(ROOT / "deploy" / "make-secrets", script)
    first = subprocess.run([str(script)], capture_output=True, check=True)
    folder = tmp_path / "secrets"
    kept = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(kept) == set(COMPOSE["secrets"])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert subprocess.run([str(script)], capture_output=True, check=True).stdout == b""
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == kept
    for name, secret in kept.items():
        assert secret not in first.stdout, name

    for name in list(Settings.model_fields):
        monkeypatch.delenv(f"SAMEVOICE_{name.upper()}", raising=False)
    settings = Settings(_secrets_dir=str(folder))  # type: ignore[call-arg]  # pydantic's own argument
    assert kept["postgres_password"].decode() in settings.database_url
    assert kept["keystore_password"].decode() in settings.keystore_url
    assert settings.broker_url != settings.events_url
    assert kept["redis_password"].decode() in settings.broker_url
    assert len(settings.secret_key) == 64
    assert Keyring.from_json(kept["kek.json"].decode()).active == 1
