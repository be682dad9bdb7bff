"""Reading aloud and teaching a phrase in a real Chromium that hears a file. The test plays the worker's check."""

from __future__ import annotations

import io
import os
import threading
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import select
from werkzeug.serving import make_server

from clinic import queue as clinic_queue
from clinic.accounts.service import create_account
from clinic.database import transaction
from clinic.learning.tables import CHECKED, REFUSED, PhraseExample, ReadAloud
from clinic.vault import get_vault
from tests.browser import seeding

CHROMIUM = Path("/usr/bin/chromium")
#: Pictures of the states are left there, if it is set.
PICTURES = os.environ.get("SAMEVOICE_SCREENSHOTS", "")
SIZES = [(390, 844), (820, 1180), (1280, 900)]
RATE_HZ = 16_000
WAIT_MS = 30_000
REFUSE_MICROPHONE = """
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
"""

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium")


def sweep() -> np.ndarray:
    """Two seconds that rise from 200 to 3000 Hz: easy to find again."""
    at = np.arange(2 * RATE_HZ) / RATE_HZ
    return 9000 * np.sin(2 * np.pi * (200 * at + 700 * at**2))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium whose microphone hears half a second of silence and the sweep, again and again."""
    heard = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    with wave.open(str(heard), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(np.concatenate([np.zeros(RATE_HZ // 2), sweep()]).astype("<i2").tobytes())
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=[
                "--no-sandbox",
                "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream",
                f"--use-file-for-fake-audio-capture={heard}",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-gpu",
            ],
        )
        yield chromium
        chromium.close()


@dataclass
class Checks:
    """Stands for the worker: what it finds, one answer a recording; then all is well."""

    answers: list[str] = field(default_factory=list)

    def take(self, name: str, args: tuple[Any, ...], _queue: str) -> None:
        """Answer at once."""
        answer = self.answers.pop(0) if self.answers else ""
        kind = ReadAloud if name == "learning.check_read" else PhraseExample
        with transaction() as session:
            row = session.get_one(kind, args[0])
            row.state, row.error_message = (REFUSED, answer) if answer else (CHECKED, None)


@pytest.fixture
def checks(home: Path, monkeypatch: pytest.MonkeyPatch) -> Checks:
    """The worker."""
    worker = Checks()
    monkeypatch.setattr(clinic_queue, "_publish", worker.take)
    return worker


@pytest.fixture
def patient_id(checks: Checks) -> str:
    """A patient with a tablet."""
    clinician = seeding.people()
    with transaction() as session:
        owner = seeding.patient(session, clinician, "Rosa Benedetti")
        create_account(session, "bedside-9", seeding.PASSWORD, "tablet", owner)
        return owner


@pytest.fixture
def page(patient_id: str, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The tablet, signed in and at the sentences. Anything that the browser complains of fails the test."""
    from clinic.app import create_app

    server = make_server("127.0.0.1", 0, create_app(), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    context = browser.new_context(viewport={"width": 820, "height": 1180}, has_touch=True)
    page = context.new_page()
    for script in getattr(request, "param", ()):
        page.add_init_script(script)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
    page.goto(f"http://127.0.0.1:{server.server_port}/sign-in?next=/tablet/read")
    page.fill("[name=username]", "bedside-9")
    page.fill("[name=password]", seeding.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: "sign-in" not in address)
    yield page
    context.close()
    server.shutdown()
    assert complaints == []


def state(page: Page, name: str) -> None:
    """Wait for a state; then as long as a hand that does not tremble."""
    expect(page.locator(f"main[data-state={name}]")).to_be_attached(timeout=WAIT_MS)
    page.wait_for_timeout(600)


def look_at(page: Page, name: str) -> None:
    """On every size: all that can be touched is large and on the screen."""
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for thing in page.locator("button:visible, a.side:visible").all():
            box = thing.bounding_box()
            assert box and box["height"] >= 64 and box["width"] >= 64, (name, width, thing.inner_text())
            assert box["x"] >= 0 and box["x"] + box["width"] <= width, (name, width, thing.inner_text())
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
        for scheme in ("light", "dark") if PICTURES else ():
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(300)
            page.screenshot(path=Path(PICTURES) / f"say-{name}-{width}-{scheme}.png")
            page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 820, "height": 1180})


def kept(kind: type[ReadAloud] | type[PhraseExample]) -> list[Any]:
    """What the service holds."""
    with transaction() as session:
        return list(session.scalars(select(kind).order_by(kind.created_at)))


def record(page: Page, *, seconds: float = 3.2) -> None:
    """Touch, speak, touch."""
    page.tap("#button")
    state(page, "listening")
    page.wait_for_timeout(seconds * 1000)
    page.tap("#button")
    state(page, "heard")


def likeness(heard: np.ndarray, said: np.ndarray) -> float:
    """The greatest normalised correlation of `said` with any stretch of `heard` of the same length."""
    product = np.correlate(heard, said, "valid")
    energy = np.convolve(heard**2, np.ones(len(said)), "valid")
    return float(np.max(product / np.sqrt(energy * np.sum(said**2) + 1e-9)))


def test_sentences_are_read_heard_kept_refused_said_again_and_skipped(
    page: Page, patient_id: str, checks: Checks
) -> None:
    state(page, "ready")
    expect(page.locator("#words")).to_have_text("Good morning. How are you?")
    look_at(page, "ready")
    page.tap("#button")
    state(page, "listening")
    look_at(page, "listening")
    page.wait_for_timeout(3000)
    page.tap("#button")
    state(page, "heard")
    look_at(page, "heard")
    assert kept(ReadAloud) == []  # nothing is sent before it is kept
    page.tap("#hear")
    page.tap("#button")
    expect(page.locator("#words")).to_have_text("Can you scratch my nose?", timeout=WAIT_MS)
    expect(page.locator("#count")).to_have_text("1 of 10")
    (row,) = kept(ReadAloud)
    with wave.open(io.BytesIO(get_vault().get_blob(patient_id, row.blob_id))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE_HZ, 1, 2)
        heard = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
    assert likeness(heard[: 5 * RATE_HZ], sweep()[: RATE_HZ // 2]) > 0.9

    checks.answers.append("There was hardly any sound in it. Say it once more, a little nearer.")
    state(page, "ready")
    record(page, seconds=1.0)
    page.keyboard.press("Space")  # a switch
    state(page, "refused")
    expect(page.locator("#message")).to_contain_text("hardly any sound")
    look_at(page, "refused")
    record(page, seconds=1.0)
    page.tap("#again")
    state(page, "listening")
    page.tap("#again")  # start over
    state(page, "ready")
    page.tap("#skip")
    expect(page.locator("#words")).to_have_text("That tastes really good.")
    state(page, "ready")
    record(page, seconds=1.0)
    page.focus("#button")
    page.keyboard.press("Enter")
    expect(page.locator("#count")).to_have_text("2 of 10", timeout=WAIT_MS)
    assert [row.state for row in kept(ReadAloud)] == [CHECKED, REFUSED, CHECKED]
    page.click("#enough")
    page.wait_for_url("**/tablet")


def test_what_was_said_is_still_there_when_the_connection_is_gone(page: Page, checks: Checks) -> None:
    state(page, "ready")
    record(page, seconds=1.0)
    page.context.set_offline(True)
    page.tap("#button")
    state(page, "offline")
    expect(page.locator("#message")).to_contain_text("still here")
    look_at(page, "offline")
    assert page.evaluate("window.sameVoice.recorded.size") > RATE_HZ
    page.context.set_offline(False)
    page.tap("#button")
    expect(page.locator("#count")).to_have_text("1 of 10", timeout=WAIT_MS)
    assert len(kept(ReadAloud)) == 1
    assert page.evaluate("window.sameVoice.recorded") is None


@pytest.mark.parametrize("page", [(REFUSE_MICROPHONE,)], indirect=True)
def test_a_refused_microphone_is_told_with_what_to_do(page: Page) -> None:
    state(page, "ready")
    page.tap("#button")
    state(page, "microphone")
    expect(page.locator("#message")).to_contain_text("allow it")
    look_at(page, "microphone")


def test_after_ten_there_is_rest(page: Page, patient_id: str) -> None:
    with transaction() as session:
        for number in range(1, 98):
            seeding.reading(session, patient_id, f"en-{number:03}")
    page.reload()
    state(page, "ready")
    expect(page.locator("#count")).to_have_text("0 of 9")
    with transaction() as session:
        for row in session.scalars(select(ReadAloud).where(ReadAloud.prompt > "en-091")).all():
            session.delete(row)
    page.reload()
    state(page, "ready")
    for number in range(1, 11):
        record(page, seconds=0.4)
        page.tap("#button")
        if number < 10:
            expect(page.locator("#count")).to_have_text(f"{number} of 10", timeout=WAIT_MS)
            state(page, "ready")
    state(page, "rest")
    expect(page.locator("#words")).to_have_text("Thank you. That was ten.")
    look_at(page, "rest")
    page.tap("#button")
    state(page, "ready")
    expect(page.locator("#count")).to_have_text("0 of 5")


def test_a_phrase_is_typed_and_taught_at_the_tablet(page: Page, patient_id: str) -> None:
    state(page, "ready")
    page.goto(page.url.replace("/read", "/phrases"))
    look_at(page, "no-phrases")
    page.fill("[name=phrase]", "Turn me over, please")
    page.click("text=Add, then say it")
    page.wait_for_url("**/tablet/phrases/say?phrase=*")
    state(page, "ready")
    expect(page.locator("#words")).to_have_text("Turn me over, please")
    record(page, seconds=1.0)
    page.tap("#button")
    state(page, "ready")
    expect(page.locator("#message")).to_contain_text("And once more")
    look_at(page, "phrase")
    record(page, seconds=1.0)
    page.tap("#button")
    state(page, "finished")
    look_at(page, "finished")
    page.tap("#button")
    page.wait_for_url("**/tablet/phrases")
    expect(page.locator(".phrase small")).to_have_text("taught")
    look_at(page, "phrases")
    assert [row.state for row in kept(PhraseExample)] == [CHECKED, CHECKED]
