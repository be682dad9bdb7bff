"""How a patient is heard, on the page itself: chosen with one touch, and both languages shown where English sounds."""

# pytest finds a fixture by the name of a parameter.
# ruff: noqa: F811

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from clinic.database import transaction
from clinic.live.tables import LiveSession
from clinic.patients.tables import INTERPRET, Patient
from clinic.vault import get_vault
from tests.browser.test_tablet import CHROMIUM, browser, clinic, page, state  # noqa: F401
from tests.clinic.live.conftest import Place
from tests.clinic.live.test_modes import ENGLISH, SAID, interprets

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Chromium")


def photograph(page: Page, name: str) -> None:
    """Where somebody wants to look at it (SAMEVOICE_PICTURES)."""
    if folder := os.environ.get("SAMEVOICE_PICTURES"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_one_touch_chooses_and_it_stays_when_the_page_is_loaded_again(clinic: Place, page: Page) -> None:
    state(page, "ready")
    expect(page.get_by_label("Clear and fluent")).to_be_checked()
    photograph(page, "ready")
    page.locator("#speaks-as label").nth(1).click()
    expect(page.get_by_label("Just as I say it")).to_be_checked()
    box = page.locator("#speaks-as label").first.bounding_box()
    assert box is not None and box["height"] >= 64
    page.reload()
    state(page, "ready")
    expect(page.get_by_label("Just as I say it")).to_be_checked()
    with transaction() as session:
        assert [row.speech_mode for row in session.query(LiveSession)] == ["as_said"]


def test_everything_that_can_be_chosen_fits_a_telephone(clinic: Place, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    state(page, "ready")
    photograph(page, "telephone")
    for label in page.locator("#speaks-as label, #modes label").all():
        box = label.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_was_said_and_its_english_are_shown_before_anything_sounds(clinic: Place, page: Page) -> None:
    with transaction() as session:
        patient = session.get_one(Patient, clinic.patient_id)
        patient.language, patient.speech_mode = "es", INTERPRET
    clinic.worker.script = interprets
    page.reload()
    state(page, "ready")
    expect(page.locator("#speaks-as")).to_be_hidden()
    expect(page.locator("#interpreted")).to_be_visible()
    page.click("#button")
    state(page, "listening")
    page.wait_for_timeout(6000)
    page.click("#button") if page.locator("main[data-state='listening']").count() else None
    state(page, "unsure")
    reading = page.locator(".reading")
    expect(reading).to_have_count(1)
    expect(reading).to_contain_text(SAID)
    expect(reading.locator(".english")).to_have_text(f"In English: {ENGLISH}")
    photograph(page, "interpreted")
    assert page.evaluate("window.sameVoice.lastSpeech.length") == 0
    page.wait_for_timeout(600)
    reading.click()
    state(page, "speaking")
    expect(page.locator("#words")).to_have_text(SAID)
    expect(page.locator("#english")).to_have_text(f"In English: {ENGLISH}")
    photograph(page, "speaking")
    (row,) = clinic.utterances()
    assert get_vault().get_text(row, "spoken_text_sealed") == ENGLISH
