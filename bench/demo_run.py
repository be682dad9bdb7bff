"""What the demo does, step by step, as a client of the service running in this process."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import soundfile

from bench import impair, measure, steps, two_cities
from clinic.accounts.service import create_account
from clinic.database import transaction
from clinic.live.tables import Utterance
from clinic.vault import get_vault
from samevoice import onebox
from samevoice.people import pass_phrase
from workers import models
from workers.contracts import Audio
from workers.speak.provenance import verify_file
from workers.speak.similarity import Similarity, compare
from workers.tasks import rooms, sealed
from workers.tasks.sound import wav_bytes

Say = Callable[[str], None]
SEVERITIES = ("mild", "moderate", "severe")


@dataclass
class Line:
    """One impaired utterance and what became of it."""

    utterance_id: str
    severity: str
    number: int
    text: str
    impaired: Audio
    impaired_file: str
    heard: str
    confidence: float
    gate: str | None
    readings: list[dict[str, Any]]
    spoken: str | None
    restored: Audio | None
    restored_file: str | None
    restored_heard: str | None
    first_sound_s: float | None
    watermark: bool | None
    provenance: str | None
    distress: float | None
    urgency: float | None
    cues: list[str]


@dataclass
class Result:
    """Everything that the table, the report and the JSON are made of."""

    historic: Audio
    quality: dict[str, Any]
    enrolled_text: str
    fit_s: float
    voice_measures: dict[str, float]
    similarity: Similarity
    voice_wer: float = float("nan")
    lines: list[Line] = field(default_factory=list)
    note: list[dict[str, Any]] = field(default_factory=list)
    total_s: float = 0.0
    files: dict[str, Any] = field(default_factory=dict)

    def of(self, severity: str) -> list[Line]:
        """The lines of one severity."""
        return [line for line in self.lines if line.severity == severity]

    def heard_wer(self, severity: str) -> float:
        """Word error rate of what was understood at one severity."""
        lines = self.of(severity)
        return measure.word_error_rate([line.text for line in lines], [line.heard for line in lines])

    def restored_lines(self) -> list[Line]:
        """The lines that were said again."""
        return [line for line in self.lines if line.restored is not None]

    def restored_wer(self) -> float:
        """Whisper base on the restored audio against the text that was to be spoken."""
        lines = self.restored_lines()
        return measure.word_error_rate([str(l.spoken) for l in lines], [str(l.restored_heard) for l in lines])  # noqa: E741

    def figures(self) -> dict[str, Any]:
        """The result as plain JSON."""
        restored = self.restored_lines()
        sounds = [line.restored for line in restored if line.restored is not None]
        return {
            "simulated_impairment": True,
            "enrolled": {
                "speech_s": round(float(self.quality["speech_s"]), 2),
                "snr_db": round(float(self.quality["snr_db"]), 1),
                "verdict": self.quality["verdict"],
                "fit_s": round(self.fit_s, 1),
            },
            "voice": {
                "similarity_normalised": round(self.similarity.normalised, 3),
                "similarity_raw": round(self.similarity.raw, 3),
                "nearest_public": round(self.similarity.nearest_public, 3),
                "second_real": round(self.similarity.second_real, 3),
                "wer": round(self.voice_wer, 4),
            },
            "impaired": {
                "wer": round(self.heard_wer("mild"), 4),
                **{f"wer_{severity}": round(self.heard_wer(severity), 4) for severity in SEVERITIES},
                "spoken_unasked": {
                    severity: sum(line.restored is not None for line in self.of(severity)) for severity in SEVERITIES
                },
                "utterances": len(self.of("mild")),
            },
            "restored": {
                "wer": _rounded(self.restored_wer() if restored else None, 4),
                "utterances": len(restored),
                "length_s": [round(sound.duration_s, 2) for sound in sounds],
                "dnsmos": _median([measure.opinion_score(sound) for sound in sounds]),
            },
            "watermark": {
                "detected": bool(restored) and all(line.watermark for line in restored),
                "files": len(restored),
            },
            "first_sound_s": _median([line.first_sound_s for line in restored]),
            "distress": _median([line.distress for line in self.lines]),
            "urgency": _median([line.urgency for line in self.lines]),
            "lines": [
                {
                    "severity": line.severity,
                    "said": line.text,
                    "understood": line.heard,
                    "confidence": round(line.confidence, 3),
                    "gate": line.gate,
                    "spoken": line.spoken,
                    "distress": line.distress,
                    "urgency": line.urgency,
                }
                for line in self.lines
            ],
            "total_s": round(self.total_s, 1),
            "files": self.files,
        }


def run(out: Path, say: Say) -> Result:
    """The whole main job. Leaves WAV files in `out`; needs no network."""
    started = time.monotonic()
    for status in models.status():
        if status.state in ("missing", "damaged"):
            raise steps.StepFailed(status.problem)
    onebox.prepare()
    with onebox.workers():
        with transaction() as session:
            clinician = create_account(session, "demo-clinician", pass_phrase(), "clinician").id
        patient_id = steps.enrol_patient("Sam Example", clinician)
        with transaction() as session:
            # So that `SAMEVOICE_HOME=demo/home make up` opens this very patient's tablet.
            create_account(session, "demo-tablet", pass_phrase(), "tablet", patient_id=patient_id)

        historic = two_cities.historic()
        (out / "historic.wav").write_bytes(wav_bytes(historic))
        say(f"Enrolling {historic.duration_s:.0f} s of a human reading …")
        recording = steps.wait_checked(steps.upload(patient_id, wav_bytes(historic), "historic.wav"))
        quality = dict(recording.quality or {})
        with transaction() as session:
            enrolled_text = get_vault().get_json(session.merge(recording, load=False), "transcript_sealed")["text"]

        say("Building the voice (a few minutes on two cores) …")
        building = time.monotonic()
        shown = [""]

        def told(share: float, sentence: str) -> None:
            line = f"  {share:4.0%}  {sentence}"
            if line != shown[0]:
                shown[0] = line
                say(line)

        voice_row = steps.wait_built(steps.build(patient_id, [recording.id]), told)
        fit_s = time.monotonic() - building
        with transaction() as session:
            _, voice = sealed.open_voice(session, patient_id)

        result = Result(historic, quality, enrolled_text, fit_s, dict(voice_row.measures or {}), _no_similarity())
        _restore_all(result, patient_id, out, say)

        say("Judging the voice with an encoder that the fit never heard …")
        held_out = two_cities.held_out()
        result.similarity = compare(
            rooms.engine(), voice, enrolled=historic, second_real=held_out, texts=[clip.text for clip in held_out]
        )
        texts = [clip.text for clip in held_out]
        spoken = [measure.joined([piece.audio for piece in rooms.engine().say(text, voice)]) for text in texts]
        result.voice_wer = measure.word_error_rate(
            texts, [rooms.recogniser().transcribe(measure.resample(sound, 16_000)).text for sound in spoken]
        )
    result.total_s = time.monotonic() - started
    result.files = {
        "report": str(out / "report.html"),
        "historic": str(out / "historic.wav"),
        "impaired": [str(out / line.impaired_file) for line in result.lines],
        "restored": [str(out / line.restored_file) for line in result.lines if line.restored_file],
    }
    return result


def _restore_all(result: Result, patient_id: str, out: Path, say: Say) -> None:
    session_id = steps.open_session(patient_id)
    number = 0
    for severity in SEVERITIES:
        say(f"Speaking with {severity} simulated impairment …")
        for place, clip in enumerate(two_cities.held_out(), start=1):
            number += 1
            impaired = measure.resample(impair.impair(clip.audio, severity, seed=place), 16_000)
            said = steps.speak(patient_id, session_id, number, impaired)
            result.lines.append(_line(severity, place, clip.text, impaired, said, out))
    say("Drafting the note …")
    result.note = steps.draft(session_id, patient_id)


def _line(severity: str, place: int, text: str, impaired: Audio, said: steps.Said, out: Path) -> Line:
    """Gather one utterance from the service's own records, and judge what was restored."""
    vault = get_vault()
    impaired_file = f"impaired-{severity}-{place}.wav"
    (out / impaired_file).write_bytes(wav_bytes(impaired))
    with transaction() as session:
        row = session.get(Utterance, said.utterance_id)
        assert row is not None
        if row.state == "failed":
            raise steps.StepFailed(row.error_message or "The utterance failed.")
        transcript = vault.get_json(row, "transcript_sealed")
        feeling = _feeling(row)
        restored_file = restored = restored_heard = spoken = verdict = None
        watermark: bool | None = None
        if row.restored_blob_id:
            spoken = vault.get_text(row, "spoken_text_sealed")
            restored_file = f"restored-{severity}-{place}.wav"
            path = out / restored_file
            path.write_bytes(vault.get_blob(row.patient_id, row.restored_blob_id))
            samples, rate_hz = soundfile.read(path, dtype="float32")
            restored = Audio(samples, rate_hz)
            restored_heard = rooms.recogniser().transcribe(measure.resample(restored, 16_000)).text
            watermark = rooms.watermark().detect(restored).detected
            verdict = verify_file(path, [vault.verifying_key_pem()]).summary
        return Line(
            row.id, severity, place, text, impaired, impaired_file, transcript["text"] or _best(transcript),
            float(row.confidence or 0.0), row.gate, transcript["readings"], spoken, restored, restored_file,
            restored_heard, row.first_sound_s, watermark, verdict, row.distress, row.urgency,
            [*feeling.get("distress", {}).get("cues", ()), *feeling.get("urgency", {}).get("cues", ())],
        )  # fmt: skip


def _feeling(row: Utterance, timeout_s: float = 10.0) -> dict[str, Any]:
    """How it sounded: measured beside the live path, so it may come a moment later."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with transaction() as session:
            fresh = session.get(Utterance, row.id)
            if fresh is not None and fresh.distress is not None:
                row.distress, row.urgency = fresh.distress, fresh.urgency
                return dict(get_vault().get_json(fresh, "feeling_sealed"))
        time.sleep(0.1)
    return {}


def _best(transcript: dict[str, Any]) -> str:
    readings = transcript["readings"]
    return str(readings[0]["text"]) if readings else ""


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 3) if known else None


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _no_similarity() -> Similarity:
    return Similarity(raw=float("nan"), nearest_public=float("nan"), second_real=float("nan"), nearest_public_name="")


def clear(out: Path) -> None:
    """Remove what a former demo left."""
    for path in out.glob("*.wav"):
        path.unlink()
    shutil.rmtree(out / "home", ignore_errors=True)
