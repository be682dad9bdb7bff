"""Pages that export and import a voice as a file, and the administrator's list of hospitals that voices come from."""

from __future__ import annotations

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_login import current_user
from flask_wtf.csrf import validate_csrf
from werkzeug.wrappers import Response as AnyResponse
from wtforms.validators import ValidationError

from clinic.accounts.guard import role_required
from clinic.accounts.tables import ADMINISTRATOR, CLINICIAN
from clinic.audit import record
from clinic.database import transaction
from clinic.errors import PlainError
from clinic.patients import consents
from clinic.patients.service import get_patient, named
from clinic.voices import carrying, voice_file
from clinic.voices.service import get_voice
from clinic.web.errors import wants_json

blueprint = Blueprint("carrying", __name__)


@blueprint.route("/voices/<voice_id>/export", methods=["GET", "POST"])
@role_required(CLINICIAN)
def export(voice_id: str) -> AnyResponse | str | tuple[str, int]:
    """Set a pass phrase, and get the file."""
    if request.method == "GET":
        return _export_page(voice_id)
    pass_phrase = request.form.get("pass_phrase", "")
    try:
        if pass_phrase != request.form.get("again", ""):
            raise PlainError("not_the_same", "The two pass phrases are not the same. Type both again.")
        with transaction() as session:
            sample = "sample" in request.form
            made = carrying.export(session, current_user.id, voice_id, pass_phrase, sample=sample)
    except PlainError as error:
        if wants_json() or error.code not in ("not_the_same", "weak_password", "no_consent"):
            raise
        return _export_page(voice_id, error.message), error.status
    answer = Response(made.data, mimetype="application/octet-stream")
    answer.headers.set("Content-Disposition", "attachment", filename=made.filename)
    return answer


def _export_page(voice_id: str, wrong: str = "") -> str:
    with transaction() as session:
        voice = get_voice(session, voice_id)
        who = named(get_patient(session, voice.patient_id))
        record(session, current_user.id, "patient.view", voice.patient_id, where="voice.export")
    ours = voice_file.in_groups(carrying.own_fingerprint())
    return render_template("voices/export.html", who=who, voice=voice, wrong=wrong, fingerprint=ours)


@blueprint.route("/patients/<patient_id>/voices/import", methods=["GET", "POST"])
@role_required(CLINICIAN)
def take_in(patient_id: str) -> AnyResponse | str | tuple[str, int]:
    """A file from another hospital, or from this one. Exempt from the app's own CSRF check, which would read the form
    under the limit for forms without files; the token is checked here."""
    if request.method == "GET":
        return _import_page(patient_id)
    request.max_content_length = voice_file.LARGEST_FILE + 65_536
    try:
        validate_csrf(request.form.get("csrf_token", ""))
    except ValidationError:
        raise PlainError("csrf", "This form is too old. Load the page again, then send the file again.") from None
    file = request.files.get("file")
    try:
        data = file.read() if file is not None else b""
        if not data:
            raise PlainError("no_file", "No file arrived. Choose the voice file, then send it.")
        with transaction() as session:
            voice = carrying.take_in(
                session, current_user.id, patient_id, data, request.form.get("pass_phrase", ""),
                same_person="same_person" in request.form,
            )  # fmt: skip
    except PlainError as error:
        if wants_json() or error.status in (404, 410):
            raise
        return _import_page(patient_id, error), error.status
    flash(f"The file is in order. It becomes version {voice.version} once it has spoken here.", "good")
    return redirect(url_for("voices.page", patient_id=patient_id, _anchor="voice"))


def _import_page(patient_id: str, wrong: PlainError | None = None) -> str:
    with transaction() as session:
        who = named(get_patient(session, patient_id))
        consent = consents.active(session, patient_id, "keep_voice") is not None
        record(session, current_user.id, "patient.view", patient_id, where="voice.import")
    return render_template("voices/import.html", who=who, patient_id=patient_id, consent=consent, wrong=wrong)


@blueprint.get("/signers")
@role_required(ADMINISTRATOR)
def signers() -> str:
    """Whose voice files are taken in, and our own fingerprint to read out."""
    return _signers_page()


def _signers_page(wrong: str = "", typed: dict[str, str] | None = None) -> str:
    with transaction() as session:
        known = carrying.signers(session)
    ours = voice_file.in_groups(carrying.own_fingerprint())
    shown = [(one, voice_file.in_groups(one.fingerprint)) for one in known]
    return render_template("voices/signers.html", known=shown, ours=ours, wrong=wrong, typed=typed or {})


@blueprint.post("/signers")
@role_required(ADMINISTRATOR)
def trust() -> AnyResponse | tuple[str, int]:
    """Confirm a fingerprint that was compared."""
    typed = {name: request.form.get(name, "")[:400] for name in ("fingerprint", "label")}
    try:
        with transaction() as session:
            carrying.trust(session, current_user.id, typed["fingerprint"], typed["label"])
    except PlainError as error:
        if wants_json():
            raise
        return _signers_page(error.message, typed), error.status
    flash("Voice files with that signature are taken in from now on.", "good")
    return redirect(url_for("carrying.signers"))


@blueprint.post("/signers/<signer_id>/remove")
@role_required(ADMINISTRATOR)
def distrust(signer_id: str) -> AnyResponse:
    """Take nothing from it any more."""
    with transaction() as session:
        carrying.distrust(session, current_user.id, signer_id)
    return redirect(url_for("carrying.signers"))
