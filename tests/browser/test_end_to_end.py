"""The whole way in a real Chromium, with `samevoice up` as the server and nothing played by the test.

A clinician signs in, sends a historic recording and builds the voice; the patient speaks on the tablet page into a
microphone that hears a file, and is heard again in that voice. Pictures of the pages are left in SAMEVOICE_SCREENSHOTS,
if it is set.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bench import measure, two_cities
from workers import models
from workers.contracts import Audio
from workers.tasks.sound import wav_bytes
from workers.understand.recogniser import Recogniser

CHROMIUM = Path("/usr/bin/chromium")
SAID = two_cities.held_out()[3]
BUILD_MS = 400_000
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-gpu"]
MICROPHONE = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]

pytestmark = pytest.mark.skipif(not CHROMIUM.exists() and "CI" not in os.environ, reason="needs Debian's Chromium")


@dataclass
class Up:
    """A running `samevoice up`, as it announced itself."""

    origin: str
    passwords: dict[str, str]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """The command that `make up` runs, in a home of its own; the fit's search is cut short."""
    folder = tmp_path_factory.mktemp("up")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SAMEVOICE_")}
    environment |= {"SAMEVOICE_HOME": str(folder / "home"), "SAMEVOICE_FIT_BUDGET_S": "10"}
    command = [sys.executable, "-m", "samevoice.cli", "up", "--port", "0", "--demo-people"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            yield _announced(folder / "log", process)
        finally:
            # What pytest shows of a test that failed: what the service itself had to say.
            sys.stdout.write((folder / "log").read_text(encoding="utf-8")[-4000:])
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()


def _announced(log: Path, process: subprocess.Popen[bytes], timeout_s: float = 90.0) -> Up:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        text = log.read_text(encoding="utf-8")
        if "Ctrl-C" in text:
            origin = re.search(r"http://[0-9.:]+", text)
            assert origin
            return Up(origin[0], dict(re.findall(r"^  (demo-\w+)\s+(\S+)$", text, re.MULTILINE)))
        time.sleep(0.2)
    raise AssertionError("samevoice up did not come up:\n" + log.read_text(encoding="utf-8")[-3000:])


def _sign_in(page: Page, up: Up, username: str) -> None:
    page.goto(up.origin)
    page.fill("input[name=username]", username)
    page.fill("input[name=password]", up.passwords[username])
    page.click("main button")


def _picture(page: Page, name: str) -> None:
    folder = os.environ.get("SAMEVOICE_SCREENSHOTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", animations="disabled")  # no colour half-way


@pytest.fixture(scope="module")
def browsers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Browser, Browser]]:
    """A clinician's browser, and a tablet's whose microphone hears a clause of the reading between two pauses."""
    heard = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    clause = measure.resample(SAID.audio, 16_000).samples
    quiet = np.zeros(16_000 * 4, np.float32)
    heard.write_bytes(wav_bytes(Audio(np.concatenate([quiet, clause, quiet]), 16_000)))
    with sync_playwright() as playwright:
        launch = playwright.chromium.launch
        clinician = launch(executable_path=str(CHROMIUM), args=FLAGS)
        tablet = launch(
            executable_path=str(CHROMIUM), args=[*FLAGS, *MICROPHONE, f"--use-file-for-fake-audio-capture={heard}"]
        )
        yield clinician, tablet
        clinician.close()
        tablet.close()


@pytest.fixture(scope="module")
def enrolled(up: Up, browsers: tuple[Browser, Browser], tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The clinician's page once the demo patient's voice is ready."""
    recording = tmp_path_factory.mktemp("historic") / "grandfather.wav"
    recording.write_bytes(wav_bytes(two_cities.historic()))
    page = browsers[0].new_page(viewport={"width": 1280, "height": 900})
    _sign_in(page, up, "demo-clinician")
    page.goto(f"{up.origin}/patients")
    page.get_by_role("link", name="Sam Example").first.click()
    page.goto(page.url.rstrip("/") + "/voice")
    page.set_input_files("input[type=file]", recording)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".clip .chip").first).to_have_text(re.compile("Good|Usable"), timeout=BUILD_MS)
    page.get_by_role("button", name="Build the voice").click()
    expect(page.locator("#build-progress")).to_be_visible(timeout=30_000)
    _picture(page, "building")
    expect(page.get_by_text("speaks for this patient")).to_be_visible(timeout=BUILD_MS)
    _picture(page, "enrolment")
    return page


@pytest.fixture(scope="module")
def spoken(up: Up, browsers: tuple[Browser, Browser], enrolled: Page) -> Page:
    """The tablet's page after the patient spoke once."""
    context = browsers[1].new_context(viewport={"width": 820, "height": 1180}, permissions=["microphone"])
    page = context.new_page()
    _sign_in(page, up, "demo-tablet")
    page.click("#begin")
    expect(page.locator("main")).to_have_attribute("data-state", "ready", timeout=30_000)
    _picture(page, "tablet")
    page.click("#button")
    expect(page.locator("main")).to_have_attribute("data-state", "listening", timeout=15_000)
    _picture(page, "tablet-listening")
    expect(page.locator("main")).to_have_attribute("data-state", re.compile("speaking|unsure"), timeout=90_000)
    _picture(page, "tablet-speaking")
    return page


def test_the_words_appear_and_the_restored_voice_says_them(spoken: Page) -> None:
    assert spoken.get_attribute("main", "data-state") == "speaking", spoken.inner_text("main")
    expect(spoken.locator("#words")).to_contain_text("superlative", ignore_case=True)
    expect(spoken.locator("main")).to_have_attribute("data-state", "ready", timeout=60_000)
    samples = np.array(spoken.evaluate("Array.from(window.sameVoice.lastSpeech)"), np.float32)
    restored = measure.resample(Audio(samples, 24_000), 16_000)
    heard = Recogniser(models.path("whisper-base")).transcribe(restored).text
    assert measure.word_error_rate([SAID.text], [heard]) <= 0.2, heard


def test_the_clinician_sees_the_session_with_what_was_said(up: Up, enrolled: Page, spoken: Page) -> None:
    expect(spoken.locator("main")).to_have_attribute("data-state", "ready", timeout=60_000)
    enrolled.goto(f"{up.origin}/patients")
    enrolled.get_by_role("link", name="Sam Example").first.click()
    _picture(enrolled, "patient")
    enrolled.locator("a[href*='/sessions/']").first.click()
    expect(enrolled.locator("main")).to_contain_text("superlative", ignore_case=True)
    enrolled.get_by_role("button", name=re.compile("[Dd]raft")).first.click()
    expect(enrolled.locator("main")).to_contain_text("No reading of distress", timeout=90_000)
    _picture(enrolled, "session")
