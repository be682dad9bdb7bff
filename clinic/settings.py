"""Every setting, from the environment (`SAMEVOICE_*`); the defaults are one process on one machine."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What differs between a laptop, a box and a cluster. Code never asks which of them it is on."""

    model_config = SettingsConfigDict(
        env_prefix="SAMEVOICE_",
        extra="ignore",
        # A container's secrets come as files (samevoice_database_url …): an environment shows up in too many places.
        secrets_dir="/run/secrets" if Path("/run/secrets").is_dir() else None,
    )

    home: Path = Field(Path("var"), description="Everything that the service writes, unless said otherwise below.")
    database_url: str = Field("", description="SQLAlchemy address; empty: SQLite in home.")
    keystore_url: str = Field("", description="Where wrapped data keys live, apart from the database. Empty: in home.")
    broker_url: str = Field("memory://localhost/", description="Celery's broker: memory:// or redis://…")
    events_url: str = Field("memory://", description="The stream to the browsers: memory:// or redis://…")
    kek_file: Path | None = Field(None, description="Keyring file of key-encryption keys; default home/keys/kek.json.")
    kek: str = Field("", description="Keyring JSON in the environment instead of a file.")
    secret_key: str = Field("", description="Flask's secret; empty: made once and kept in home/keys.")
    public_origin: str = Field("", description="Address that browsers use, when behind a proxy: https://voice.example")
    secure_cookies: bool = Field(True, description="Off only for plain http on this machine's loopback address.")
    host: str = "127.0.0.1"
    port: int = 8600
    max_upload_bytes: int = 512 * 1024 * 1024
    session_idle_s: int = Field(15 * 60, description="Clinicians are signed out after this long without a request.")
    login_limit: str = "10 per minute"
    torch_threads: int = 2
    work_ahead: bool = Field(
        True, description="Understand and begin to speak in a patient's pauses, unheard until they have finished."
    )
    timezone: str = Field("UTC", description="In which the night's work is timed: Europe/Vienna.")
    device: Literal["cpu", "cuda"] = Field("cpu", description="Where voices are built and spoken: cpu or cuda (a GPU).")
    engine: str = Field("kokoro", description="What new voices are built with: kokoro or pocket-tts.")
    synthetic_cue: Literal["none", "visible", "tone"] = Field(
        "visible", description="How listeners are told: nothing, a label while sounding, or a tone at first as well."
    )
    kept_rate_hz: Literal[24_000, 48_000] = Field(24_000, description="Of kept files; tablets are always sent 24 kHz.")
    # Where other work slows it, a voice that comes later is better than one that is less theirs: the same recording
    # reached a likeness of 0.88 in 150 steps, of 0.81 in 45, and of 0.76 in 36.
    fit_budget_s: float = Field(
        1500.0, description="How long the search for a voice may take; then it is cut short, and less like them."
    )

    def path(self, *parts: str) -> Path:
        """A path below home."""
        return self.home.joinpath(*parts)

    @property
    def database(self) -> str:
        """The SQLAlchemy address of the main database."""
        return self.database_url or f"sqlite:///{self.path('samevoice.sqlite').absolute()}"

    @property
    def keystore(self) -> str:
        """The SQLAlchemy address of the store of wrapped data keys."""
        return self.keystore_url or f"sqlite:///{self.path('keys', 'datakeys.sqlite').absolute()}"


@lru_cache
def get_settings() -> Settings:
    """The settings of this process, read once. Tests call `get_settings.cache_clear()`."""
    return Settings()
