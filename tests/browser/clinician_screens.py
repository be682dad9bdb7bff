"""Screenshots of every page of the clinician's, to be looked at: `python -m tests.browser.clinician_screens DIR`."""

from __future__ import annotations

import sys
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from tests.browser import seeding
from tests.homes import fresh_home

_MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
#: This signs in more often than anybody does.
_OFTEN = {"SAMEVOICE_LOGIN_LIMIT": "1000 per minute"}
SIZES = {"desktop": (1280, 900), "tablet": (820, 1180), "phone": (390, 844)}


def _sign_in(page: Page, origin: str, username: str) -> None:
    page.goto(f"{origin}/sign-in")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(seeding.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "sign-in" not in url)


def _tablet(browser: Browser, folder: Path, origin: str, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    _sign_in(page, origin, "bedside-7")
    page.click("#begin")
    page.wait_for_selector("#show-own:visible")
    page.screenshot(path=folder / f"tablet-{size}-{scheme}.png", full_page=True)
    page.click("#show-own")
    page.wait_for_selector(".own-recording:visible")
    page.screenshot(path=folder / f"tablet-own-{size}-{scheme}.png", full_page=True)
    context.close()


def _saying(browser: Browser, folder: Path, origin: str, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    _sign_in(page, origin, "bedside-9")
    page.goto(f"{origin}/tablet/phrases")
    page.screenshot(path=folder / f"saying-phrases-{size}-{scheme}.png", full_page=True)
    page.goto(f"{origin}/tablet/read")
    for state in ("ready", "listening", "heard"):
        page.wait_for_selector(f"main[data-state={state}]")
        page.wait_for_timeout(900)  # a hand does not touch twice
        page.screenshot(path=folder / f"saying-{state}-{size}-{scheme}.png", full_page=True)
        page.click("#button")
    page.wait_for_selector("main[data-state=ready]", timeout=30_000)  # no worker: the check is waited for
    page.screenshot(path=folder / f"saying-kept-{size}-{scheme}.png", full_page=True)
    context.close()


def main(folder: Path) -> None:
    """Serve a seeded home and take a picture of every page, at three sizes, light and dark."""
    from clinic.app import create_app

    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as temporary,
        fresh_home(Path(temporary), **_OFTEN),
        sync_playwright() as playwright,
    ):
        seeded = seeding.seed(seeding.people())
        server = make_server("127.0.0.1", 0, create_app(), threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        origin = f"http://127.0.0.1:{server.server_port}"
        paths = {
            "today": "/",
            "patients": "/patients",
            "new": "/patients/new",
            "patient": f"/patients/{seeded.patient_id}",
            "patient-empty": f"/patients/{seeded.empty_id}",
            "voice": f"/patients/{seeded.patient_id}/voice?words={seeded.recording_id}",
            "voice-building": f"/patients/{seeded.building_id}/voice",
            "voice-empty": f"/patients/{seeded.empty_id}/voice",
            "session": f"/sessions/{seeded.session_id}",
            "versions": f"/patients/{seeded.keeping.patient_id}/voice",
            "delete": f"/voices/{seeded.keeping.voice_ids[2]}/delete",
            "names": f"/patients/{seeded.keeping.patient_id}",
            "messages": f"/patients/{seeded.keeping.patient_id}/messages?recording={seeded.keeping.recording_id}",
            "messages-empty": f"/patients/{seeded.empty_id}/messages",
            "compare-start": f"/compare/{seeded.keeping.comparison_id}",
            "compare": f"/sittings/{seeded.keeping.begun_id}",
            "compare-result": f"/sittings/{seeded.keeping.finished_id}",
            "learning": f"/patients/{seeded.learning.patient_id}/learning",
            "learning-empty": f"/patients/{seeded.patient_id}/learning",
            "learning-no-consent": f"/patients/{seeded.empty_id}/learning",
            "phrases": f"/patients/{seeded.learning.patient_id}/phrases",
            "read-aloud": f"/patients/{seeded.learning.patient_id}/read-aloud",
            "export": f"/voices/{seeded.keeping.voice_ids[0]}/export",
            "import": f"/patients/{seeded.keeping.patient_id}/voices/import",
            "password": "/password",
            "not-found": "/nowhere",
            "forbidden": "/people",
        }
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu", *_MICROPHONE]
        )
        complaints: list[str] = []
        for scheme in ("light", "dark"):
            for size, (width, height) in SIZES.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
                )
                page = context.new_page()
                page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
                page.on("pageerror", lambda error: complaints.append(str(error)))
                page.goto(f"{origin}/sign-in")
                page.screenshot(path=folder / f"sign-in-{size}-{scheme}.png")
                _sign_in(page, origin, seeding.CLINICIAN)
                for name, path in paths.items():
                    page.goto(origin + path)
                    page.screenshot(path=folder / f"{name}-{size}-{scheme}.png", full_page=True)
                    wide = page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
                    if wide:
                        complaints.append(f"{name} is wider than the {size}")
                context.close()
                _tablet(browser, folder, origin, size, scheme)
                _saying(browser, folder, origin, size, scheme)
        page = browser.new_page()
        _sign_in(page, origin, seeding.ADMINISTRATOR)
        page.screenshot(path=folder / "people-desktop-light.png", full_page=True)
        page.goto(f"{origin}/signers")
        page.screenshot(path=folder / "signers-desktop-light.png", full_page=True)
        browser.close()
        server.shutdown()
    sys.stdout.write("\n".join(dict.fromkeys(complaints)) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
