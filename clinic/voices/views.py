"""The enrolment page: recordings, what they are worth, and the voice that is built from them."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for
from flask_login import current_user
from flask_wtf.csrf import validate_csrf
from werkzeug.wrappers import Response as AnyResponse
from wtforms.validators import ValidationError

from clinic.accounts.guard import role_required
from clinic.accounts.tables import CLINICIAN
from clinic.audit import record
from clinic.database import transaction
from clinic.errors import PlainError
from clinic.patients import consents
from clinic.patients.service import get_patient, named
from clinic.settings import get_settings
from clinic.vault import VaultError, get_vault
from clinic.voices import comparing, progress, service, versions
from clinic.voices.speaking import speaking
from clinic.voices.tables import READY, Recording
from clinic.voices.upload import Form, Part
from clinic.web.errors import answer, wants_json
from clinic.web.playback import is_first_part, play, sound_type

blueprint = Blueprint("voices", __name__)


@dataclass(frozen=True)
class Shown:
    """A recording with its name unsealed; `words` is None unless they were asked for."""

    row: Recording
    filename: str
    usable: bool
    words: str | None


@blueprint.get("/patients/<patient_id>/voice")
@role_required(CLINICIAN)
def page(patient_id: str) -> str:
    """Everything about one patient's voice."""
    return _page(patient_id)


def _page(patient_id: str, refused: list[tuple[str, str]] | None = None) -> str:
    asked = request.args.get("words", "")
    with transaction() as session:
        who = named(get_patient(session, patient_id))
        rows, voices = service.recordings_of(session, patient_id), service.voices_of(session, patient_id)
        clips = [_shown(row, asked) for row in rows]
        if any(clip.words is not None for clip in clips):
            record(session, current_user.id, "recording.read", asked)
        record(session, current_user.id, "voice.view", patient_id)
        newest = voices[0] if voices else None
        speaks, pairs = speaking(session, patient_id), comparing.pairs_of(session, patient_id)
        return render_template(
            "voices/page.html",
            who=who,
            patient_id=patient_id,
            consent=consents.active(session, patient_id, "keep_voice") is not None,
            clips=clips,
            speech_s=service.usable_speech_s(rows),
            good_start_s=service.GOOD_START_S,
            better_s=service.BETTER_S,
            newest=newest,
            running=newest if newest is not None and progress.is_running(newest) else None,
            sentence=progress.sentence(newest) if newest is not None else "",
            speaks=speaks,
            chosen=speaks is not None and speaks.chosen_at is not None,
            others=[voice for voice in voices if voice is not speaks and not progress.is_running(voice)],
            to_compare=[voice for voice in voices if voice.state == READY],
            pairs=pairs,
            judges={"patient": "The patient", "family": "Family or a friend"},
            fingerprint=progress.fingerprint(rows, voices, pairs),
            most_bytes=get_settings().max_upload_bytes,
            refused=refused or [],
        )


def _shown(row: Recording, asked: str) -> Shown:
    vault = get_vault()
    words = None
    if row.id == asked and row.transcript_sealed is not None:
        words = str(vault.get_json(row, "transcript_sealed")["text"])
    try:
        filename = vault.get_text(row, "filename_sealed")
    except VaultError:
        filename = "Name not readable"  # one damaged row must not hide the others
    return Shown(row, filename, service.is_usable(row), words)


@blueprint.get("/patients/<patient_id>/voice/state")
@role_required(CLINICIAN)
def state(patient_id: str) -> Response:
    """For the page that waits: how far the build is, and whether anything else changed."""
    with transaction() as session:
        get_patient(session, patient_id)
        rows, voices = service.recordings_of(session, patient_id), service.voices_of(session, patient_id)
        pairs = comparing.pairs_of(session, patient_id)
    body: dict[str, object] = {"fingerprint": progress.fingerprint(rows, voices, pairs)}
    if voices and progress.is_running(voices[0]):
        body |= {"progress": voices[0].progress, "sentence": progress.sentence(voices[0])}
    return jsonify(body)


@blueprint.post("/patients/<patient_id>/recordings")
@role_required(CLINICIAN)
def upload(patient_id: str) -> AnyResponse | str | tuple[str, int]:
    """Several files at once. Each that arrives whole is kept, whatever becomes of the others.

    The app's own CSRF check is off here, since it would read the whole form first; the token is checked below, before
    the first file.
    """
    request.max_content_length = get_settings().max_upload_bytes
    with transaction() as session:
        service.require_consent(session, patient_id)
    kept, refused = _keep_all(patient_id)
    if not kept and not refused:
        raise PlainError("no_files", "No recording arrived. Choose one or more files, then send them.")
    if wants_json():
        body = {"kept": kept, "refused": [{"name": name, "message": message} for name, message in refused]}
        return jsonify(body)
    if refused:
        return _page(patient_id, refused), 400
    flash(_kept_words(kept), "good")
    return redirect(url_for("voices.page", patient_id=patient_id))


def _keep_all(patient_id: str) -> tuple[int, list[tuple[str, str]]]:
    """How many were kept, and (name, why) of those that were not."""
    form = Form(request)
    kept, refused = 0, []
    token = request.headers.get("X-CSRFToken", "")
    checked = False
    current = ""
    try:
        for part in form.files():
            if not checked:
                _check_token(token or form.fields.get("csrf_token", ""))
                checked = True
            if not part.filename:
                continue  # the field was left empty
            current = service.tidy_filename(part.filename)
            if not part.first_byte():
                refused.append((current, "This file is empty. Nothing was kept of it; look at the original."))
                continue
            _keep(patient_id, part)
            kept += 1
    except PlainError as error:
        if error.code == "csrf":
            raise
        refused.append((current or "The upload", error.message))
    return kept, refused


def _keep(patient_id: str, part: Part) -> None:
    vault = get_vault()
    blob_id = vault.put_blob(patient_id, part.buffered())
    try:
        with transaction() as session:
            service.require_consent(session, patient_id)  # it may have been withdrawn during a long upload
            service.keep_recording(session, current_user.id, patient_id, part.filename, blob_id, part.size_bytes)
    except BaseException:
        vault.delete_blob(blob_id)
        raise


def _check_token(token: str) -> None:
    try:
        validate_csrf(token)
    except ValidationError:
        raise PlainError("csrf", "This form is too old. Load the page again, then send the recordings again.") from None


def _kept_words(kept: int) -> str:
    return f"{kept} recording{'' if kept == 1 else 's'} kept. Each is being checked now."


@blueprint.get("/recordings/<recording_id>/sound")
@role_required(CLINICIAN)
def recording_sound(recording_id: str) -> Response:
    """The original, as it was uploaded."""
    with transaction() as session:
        row = service.get_recording(session, recording_id)
        if is_first_part():
            record(session, current_user.id, "recording.play", row.id, patient=row.patient_id)
    mimetype = sound_type(get_vault().get_text(row, "filename_sealed"))
    return play(row.patient_id, row.blob_id, mimetype)


@blueprint.post("/recordings/<recording_id>/delete")
@role_required(CLINICIAN)
def delete_recording(recording_id: str) -> AnyResponse:
    """Delete one recording. A voice that was built from it stays."""
    with transaction() as session:
        patient_id = service.delete_recording(session, current_user.id, recording_id)
    flash("The recording is deleted.", "good")
    return redirect(url_for("voices.page", patient_id=patient_id))


@blueprint.post("/patients/<patient_id>/voices")
@role_required(CLINICIAN)
def build(patient_id: str) -> AnyResponse:
    """Build the voice, or build it again."""
    try:
        with transaction() as session:
            service.build(session, current_user.id, patient_id)
    except PlainError as error:
        if wants_json() or error.status not in (403, 409):
            raise
        flash(error.message, "bad")
    return redirect(url_for("voices.page", patient_id=patient_id, _anchor="voice"))


@blueprint.post("/voices/<voice_id>/cancel")
@role_required(CLINICIAN)
def cancel(voice_id: str) -> AnyResponse:
    """Stop a build."""
    with transaction() as session:
        voice = service.cancel(session, current_user.id, voice_id)
    return redirect(url_for("voices.page", patient_id=voice.patient_id, _anchor="voice"))


@blueprint.get("/voices/<voice_id>/sample")
@role_required(CLINICIAN)
def sample(voice_id: str) -> Response:
    """The first sentence in the new voice."""
    with transaction() as session:
        voice = service.get_voice(session, voice_id)
        if voice.sample_blob_id is None:
            return answer("no_sample", "There is no sample of this voice yet.", 404)
        if is_first_part():
            record(session, current_user.id, "voice.play", voice.id, patient=voice.patient_id)
    return play(voice.patient_id, voice.sample_blob_id, "audio/wav")


@blueprint.post("/voices/<voice_id>/choose")
@role_required(CLINICIAN)
def choose(voice_id: str) -> AnyResponse:
    """Let this version speak for the patient."""
    with transaction() as session:
        voice = versions.choose(session, current_user.id, voice_id)
    flash(f"Version {voice.version} speaks for the patient from the next sentence on.", "good")
    return redirect(url_for("voices.page", patient_id=voice.patient_id, _anchor="voice"))


@blueprint.get("/voices/<voice_id>/delete")
@role_required(CLINICIAN)
def ask_to_delete(voice_id: str) -> str:
    """What would be lost, and which version would speak then: asked before the speaking one is deleted."""
    with transaction() as session:
        voice = service.get_voice(session, voice_id)
        who = named(get_patient(session, voice.patient_id))
        record(session, current_user.id, "patient.view", voice.patient_id, where="voice.delete")
        return render_template(
            "voices/delete.html",
            who=who,
            voice=voice,
            speaks=speaking(session, voice.patient_id) is voice,
            then=versions.after_deleting(session, voice),
        )


@blueprint.post("/voices/<voice_id>/delete")
@role_required(CLINICIAN)
def delete(voice_id: str) -> AnyResponse:
    """Destroy a version. The one that speaks is asked about first."""
    try:
        with transaction() as session:
            meant = "even_speaking" in request.form
            voice = versions.delete(session, current_user.id, voice_id, even_speaking=meant)
    except PlainError as error:
        if error.code != "speaks" or wants_json():
            raise
        return redirect(url_for("voices.ask_to_delete", voice_id=voice_id))
    flash(f"Version {voice.version} is deleted.", "good")
    return redirect(url_for("voices.page", patient_id=voice.patient_id, _anchor="versions"))
