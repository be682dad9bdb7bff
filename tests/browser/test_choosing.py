"""The blind comparison and the patient's own recordings, in a real Chromium, at the patient's own tablet."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import select
from werkzeug.serving import make_server

from clinic.database import transaction
from clinic.live.tables import Utterance
from clinic.voices import comparing
from clinic.voices.sentences import SENTENCES
from clinic.voices.speaking import speaking
from tests.browser import seeding

CHROMIUM = Path("/usr/bin/chromium")
SIZES = [(390, 844), (820, 1180), (1280, 900)]

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium with a microphone that hears a beep."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=str(CHROMIUM),
            args=["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> seeding.Keeping:
    """A patient with versions to choose between, messages, and a tablet."""
    monkeypatch.setattr("clinic.queue._publish", lambda *_: None)
    clinician = seeding.people()
    with transaction() as session:
        return seeding.keep(session, clinician)


@pytest.fixture
def page(kept: seeding.Keeping, browser: Browser) -> Iterator[Page]:
    """The tablet's page, ready. Anything that the browser complains of fails the test."""
    from clinic.app import create_app

    server = make_server("127.0.0.1", 0, create_app(), threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    context = browser.new_context(viewport={"width": 820, "height": 1180}, has_touch=True)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if "Content Security" in line.text else None)
    page.goto(f"http://127.0.0.1:{server.server_port}/sign-in?next=/tablet")
    page.fill("[name=username]", "bedside-7")
    page.fill("[name=password]", seeding.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/tablet")
    page.click("#begin")
    expect(page.locator("main[data-state=ready]")).to_be_attached(timeout=25_000)
    expect(page.locator("#show-own")).to_be_visible(timeout=15_000)
    yield page
    context.close()
    server.shutdown()
    assert complaints == []


def fits(page: Page, size: tuple[int, int], *, height: bool = False) -> None:
    """Everything that can be touched is large, and on the screen."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    touchable = "button:visible, a.side:visible, a.button:visible, #modes label:visible"
    for thing in page.locator(touchable).all():
        box = thing.bounding_box()
        assert box and box["height"] >= 64 and box["width"] >= 64, (size, thing.inner_text())
        assert box["x"] >= 0 and box["x"] + box["width"] <= size[0], (size, thing.inner_text())
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    if height:
        assert page.evaluate("document.documentElement.scrollHeight") <= size[1], size


def test_a_voice_is_compared_blind_and_the_winner_speaks_once_the_patient_says_so(
    page: Page, kept: seeding.Keeping
) -> None:
    page.tap("#compare")
    expect(page.locator("h1")).to_have_text("Which is more like you?")
    for size in SIZES:
        fits(page, size)
    page.get_by_role("button", name="I am. It is my voice.").click()
    page.wait_for_url("**/sittings/*")
    with transaction() as session:
        sitting_id = page.url.rsplit("/", 1)[1]
        lots = [trial.first_is_left for trial in comparing.trials_of(session, sitting_id)]
    for number, first_is_left in enumerate(lots, start=1):
        expect(page.locator(".count")).to_have_text(f"Sentence {number} of {len(SENTENCES)}")
        assert "ersion" not in page.inner_text("main")
        expect(page.locator("[data-letter=A][aria-pressed=false]")).to_be_attached()  # the page's script is there
        pick = page.get_by_role("button", name="A is more" if first_is_left else "B is more")
        if number == 1:
            for size in SIZES:
                fits(page, size)
            page.set_viewport_size({"width": 820, "height": 1180})
            pick.click(force=True)  # neither was heard yet
            expect(page.locator("#said")).to_have_text("Hear A and B first, please.")
            expect(page.locator(".count")).to_have_text(f"Sentence 1 of {len(SENTENCES)}")
        if number == 2:  # by keyboard alone
            page.keyboard.press("a")
            expect(page.locator("[data-letter=A]")).to_have_attribute("aria-pressed", "true")
            expect(page.locator("[data-letter=A]")).to_have_attribute("aria-pressed", "false", timeout=10_000)
            page.keyboard.press("b")
            pick.focus()
            page.keyboard.press("Enter")
            continue
        page.tap("[data-letter=A]")
        page.tap("[data-letter=B]")
        pick.tap()
    expect(page.locator("main")).to_contain_text("6 of 6")
    expect(page.locator("main")).to_contain_text("about 3 times in 100")
    for size in SIZES:
        fits(page, size)
    with transaction() as session:
        assert speaking(session, kept.patient_id).id == kept.voice_ids[2]  # type: ignore[union-attr]
    page.get_by_role("button", name="Let version 2 speak for me").click()
    expect(page.locator(".now")).to_contain_text("Version 2 speaks now, the one picked more often")
    with transaction() as session:
        assert speaking(session, kept.patient_id).id == kept.voice_ids[1]  # type: ignore[union-attr]
    page.get_by_role("link", name="Back to speaking").click()
    expect(page.locator("main[data-state=ready]")).to_be_attached(timeout=15_000)
    expect(page.locator("#show-own")).to_be_visible(timeout=15_000)
    expect(page.locator("#compare")).to_be_hidden()  # it was heard to its end


def test_own_recordings_sound_as_they_are_and_never_while_listening(page: Page, kept: seeding.Keeping) -> None:
    for size in SIZES:
        fits(page, size, height=True)
    page.set_viewport_size({"width": 820, "height": 1180})
    page.tap("#show-own")
    expect(page.locator(".own-recording")).to_have_count(2)  # what is not cut yet, or failed, is not offered
    for size in SIZES:
        fits(page, size)
    page.set_viewport_size({"width": 820, "height": 1180})
    page.tap(".own-recording >> nth=0")
    expect(page.locator("main[data-state=speaking]")).to_be_attached(timeout=10_000)
    expect(page.locator("#words")).to_have_text("Goodnight, sleep tight")
    expect(page.locator("#voice-label")).to_have_text("Your own recording")
    expect(page.locator("#own")).to_be_hidden()
    expect(page.locator("main[data-state=ready]")).to_be_attached(timeout=15_000)
    expect(page.locator("#voice-label")).to_have_text("Your own voice")
    assert page.evaluate("window.sameVoice.lastSpeech.length") == 0  # "hear it again" is for what was spoken
    page.tap("#show-own")
    page.tap(".own-recording >> nth=1")
    expect(page.locator("main[data-state=speaking]")).to_be_attached(timeout=10_000)
    page.tap("#stop")
    expect(page.locator("main[data-state=ready]")).to_be_attached(timeout=10_000)
    page.tap("#button")
    expect(page.locator("main[data-state=listening]")).to_be_attached(timeout=15_000)
    expect(page.locator("#own")).to_be_hidden()
    page.tap("#stop")
    with transaction() as session:
        assert session.scalars(select(Utterance).where(Utterance.patient_id == kept.patient_id)).all() == []
