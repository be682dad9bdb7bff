"""The tablet's page in a real Chromium that hears a file as its microphone. The worker is played by the test."""

from __future__ import annotations

import io
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from werkzeug.serving import make_server

from clinic import queue as clinic_queue
from clinic.accounts.service import create_account
from clinic.database import transaction
from clinic.live.tables import CANCELLED, WENT_ON, Utterance
from clinic.vault import get_vault
from tests.clinic.live.conftest import PCM_DOWN, Place, Worker, asks, make_patient, publish, speaks
from tests.clinic.live.speech import clause, silence

CHROMIUM = Path("/usr/bin/chromium")
PASSWORD = "a long enough pass phrase"
STATES = "main[data-state='{}']"

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium")

# Keeps every WebSocket where a test can break it; no page of ours reads this.
KEEP_SOCKETS = """
  window.sockets = [];
  window.WebSocket = class extends WebSocket { constructor(...a) { super(...a); window.sockets.push(this); } };
"""
# Firefox does not join a microphone to a context of another rate: then the worklet resamples.
REFUSE_16_KHZ = """
  const Own = window.AudioContext;
  window.AudioContext = class extends Own {
    constructor(options = {}) { if (options.sampleRate === 16000) throw new Error("no"); super(options); }
  };
"""
REFUSE_MICROPHONE = """
  navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", "NotAllowedError"));
"""


@pytest.fixture(scope="module", params=[silence(4) + clause() + silence(2)], ids=["a clause"])
def browser(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Browser]:
    """Chromium whose microphone hears four seconds of silence and a clause, or what the test says, again and again."""
    heard = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    with wave.open(str(heard), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(request.param)
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
            ],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def clinic(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """The real app, with a patient's tablet to sign in with."""
    from clinic.app import create_app

    worker = Worker()
    monkeypatch.setattr(clinic_queue, "_publish", worker.take)
    patient_id, _, clinician = make_patient()
    with transaction() as session:
        account = create_account(session, "bedside-tablet", PASSWORD, "tablet", patient_id=patient_id).id
    server = make_server("127.0.0.1", 0, create_app(), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    host = f"127.0.0.1:{server.server_port}"
    yield Place(f"ws://{host}/live/socket", host, patient_id, account, clinician, worker)
    server.shutdown()


@pytest.fixture
def page(clinic: Place, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The tablet's page, signed in, the how-to read. Anything that the browser complains of fails the test."""
    context = browser.new_context(viewport={"width": 820, "height": 1180}, has_touch=True)
    page = context.new_page()
    for script in (KEEP_SOCKETS, *getattr(request, "param", ())):
        page.add_init_script(script)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
    page.goto(f"http://{clinic.host}/sign-in?next=/tablet")
    page.fill("[name=username]", "bedside-tablet")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/tablet")
    page.click("#begin")
    yield page
    context.close()
    assert complaints == []


def state(page: Page, name: str) -> None:
    expect(page.locator(STATES.format(name))).to_be_attached(timeout=25_000)


def heard_by_service(place: Place, row: Utterance) -> np.ndarray:
    with wave.open(io.BytesIO(get_vault().get_blob(place.patient_id, row.audio_blob_id))) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)


def likeness(heard: np.ndarray, said: np.ndarray) -> float:
    """The greatest normalised correlation of `said` with any stretch of `heard` of the same length."""
    size = 1 << (len(heard) + len(said)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(said, size)))[: len(heard) - len(said)]
    energy = np.convolve(heard**2, np.ones(len(said)), "valid")[: len(product)]
    return float(np.max(product / np.sqrt(energy * np.sum(said**2) + 1e-9)))


@pytest.mark.parametrize("page", [(), (REFUSE_16_KHZ,)], indirect=True, ids=["browser resamples", "worklet resamples"])
def test_what_the_microphone_hears_is_understood_and_sounds_again(clinic: Place, page: Page) -> None:
    clinic.worker.script = speaks
    state(page, "ready")
    expect(page.locator("#voice")).to_have_text("Your own voice")
    page.tap("#button")
    state(page, "listening")
    expect(page.locator("#words")).to_have_text("I would like some water.", timeout=25_000)
    state(page, "ready")
    (row,) = clinic.utterances()
    assert page.get_attribute("main", "data-utterance") == row.id
    said = np.frombuffer(clause()[4000:56_000], "<i2").astype(np.float64)
    assert likeness(heard_by_service(clinic, row), said) > 0.9
    sounded = np.array(page.evaluate("Array.from(window.sameVoice.lastSpeech)"))
    assert np.array_equal(np.round(sounded * 32768), np.frombuffer(PCM_DOWN, "<i2"))
    page.click("#replay")
    state(page, "speaking")
    state(page, "ready")


def test_unsure_asks_and_nothing_sounds_until_a_card_is_touched(clinic: Place, page: Page) -> None:
    clinic.worker.script = asks
    state(page, "ready")
    page.tap("#button")
    state(page, "unsure")
    expect(page.locator(".reading")).to_have_text(["I want water.", "I won't wander."])
    assert page.evaluate("window.sameVoice.lastSpeech.length") == 0
    page.keyboard.press("Space")  # must choose nothing
    assert [name for name, _ in clinic.worker.waited_for] == ["live.restore"]
    page.tap(".reading >> nth=1")
    expect(page.locator("#replay")).to_be_visible(timeout=15_000)
    assert page.evaluate("window.sameVoice.lastSpeech.length") == len(PCM_DOWN) // 2
    (row,) = clinic.utterances()
    assert get_vault().get_text(row, "spoken_text_sealed") == "I won't wander."


def test_hands_free_somebody_else_is_left_and_the_page_says_how_to_be_heard(
    clinic: Place, page: Page, tmp_path: Path
) -> None:
    """What was put aside leaves no row; the tablet listens on, and what it said of it stays to be read."""
    from workers.tasks.live import NOTHING

    def puts_aside(_name: str, row: Utterance) -> None:
        with transaction() as session:
            session.delete(session.merge(row))
        publish(row, "nothing_heard", message=NOTHING["put_aside"])

    clinic.worker.script = puts_aside
    state(page, "ready")
    page.check("#modes [value=free]", force=True)
    page.tap("#button")
    expect(page.locator("#message")).to_have_text(NOTHING["put_aside"], timeout=25_000)
    state(page, "listening")
    page.wait_for_timeout(500)
    expect(page.locator("#message")).to_have_text(NOTHING["put_aside"])
    assert clinic.utterances() == []
    page.screenshot(path=tmp_path / "put-aside.png")


def test_a_connection_that_breaks_mid_word_loses_no_word(clinic: Place, page: Page) -> None:
    clinic.worker.script = speaks
    state(page, "ready")
    page.tap("#button")
    state(page, "listening")
    page.wait_for_timeout(4300)  # the clause has begun
    page.evaluate("window.sockets.at(-1).close()")
    expect(page.locator("#words")).to_have_text("I would like some water.", timeout=25_000)
    (row,) = clinic.utterances()
    assert not row.cut_off
    said = np.frombuffer(clause()[4000:56_000], "<i2").astype(np.float64)
    assert likeness(heard_by_service(clinic, row), said) > 0.9


def test_stop_ends_the_speech_at_once_and_the_work_on_it(clinic: Place, page: Page) -> None:
    def speaks_on(_name: str, row: Utterance) -> None:
        publish(row, "speech_start", rate_hz=24_000, voice="own")
        publish(row, "speech", PCM_DOWN * 20)

    clinic.worker.script = speaks_on
    state(page, "ready")
    page.tap("#button")
    state(page, "speaking")
    page.tap("#stop")
    state(page, "ready")
    deadline = time.monotonic() + 5
    while clinic.utterances()[0].state != CANCELLED and time.monotonic() < deadline:
        time.sleep(0.05)
    assert clinic.utterances()[0].state == CANCELLED


HALTING = silence(4) + clause() + silence(1.6) + clause() + silence(4)


@pytest.mark.parametrize("browser", [HALTING], indirect=True, ids=["halting"])
def test_whoever_speaks_on_after_their_pause_is_heard_as_one(clinic: Place, page: Page) -> None:
    """The pause of this patient's turns is 0.6 s; they stop for 1.6 s in the middle of their sentence."""

    def takes_long_for_the_first(name: str, row: Utterance) -> None:
        if len(clinic.worker.waited_for) > 1:
            speaks(name, row)

    clinic.worker.script = takes_long_for_the_first
    state(page, "ready")
    page.tap("#button")
    state(page, "listening")
    state(page, "working")
    state(page, "listening")
    expect(page.locator("#words")).to_have_text("I would like some water.", timeout=25_000)
    state(page, "ready")
    begun, whole = clinic.utterances()
    assert (begun.state, begun.error_code) == (CANCELLED, WENT_ON)
    assert page.get_attribute("main", "data-utterance") == whole.id
    said = np.frombuffer(clause()[4000:56_000], "<i2").astype(np.float64)
    # One half at a time: the browser's gain control is not the same in both.
    halves = np.array_split(heard_by_service(clinic, whole), 2)
    assert min(likeness(half, said) for half in halves) > 0.9


@pytest.mark.parametrize("page", [(REFUSE_MICROPHONE,)], indirect=True)
def test_a_refused_microphone_is_told_with_what_to_do(page: Page) -> None:
    state(page, "microphone")
    expect(page.locator("#message")).to_contain_text("allow it")
    page.tap("#button")
    state(page, "microphone")


def test_holding_the_space_bar_speaks_and_letting_go_ends_the_turn(clinic: Place, page: Page) -> None:
    state(page, "ready")
    page.check("[value=hold]", force=True)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.down("Space")
    state(page, "listening")
    page.wait_for_timeout(7000)
    state(page, "listening")
    page.keyboard.up("Space")
    state(page, "working")
    clinic.worker.wait_for("live.restore")


@pytest.mark.parametrize("size", [(820, 1180), (1180, 820), (390, 844)])
def test_everything_that_can_be_touched_is_large_and_on_the_screen(
    clinic: Place, page: Page, size: tuple[int, int]
) -> None:
    clinic.worker.script = asks
    page.set_viewport_size({"width": size[0], "height": size[1]})
    state(page, "ready")
    button = page.locator("#button").bounding_box()
    assert button and button["width"] >= 0.4 * min(size)
    for moment in ("ready", "unsure"):
        if moment == "unsure":
            page.tap("#button")
        state(page, moment)
        for thing in page.locator("button:visible, #modes label:visible, #speaks-as label:visible").all():
            box = thing.bounding_box()
            assert box and box["height"] >= 64 and box["width"] >= 64, thing.inner_text()
            assert box["x"] >= 0 and box["x"] + box["width"] <= size[0], thing.inner_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
