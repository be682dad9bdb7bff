"""The speaker check: a part of the patient's page."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, request, url_for
from flask_login import current_user
from werkzeug.wrappers import Response

from clinic.accounts.guard import role_required
from clinic.accounts.tables import CLINICIAN
from clinic.database import transaction
from clinic.speaker import service
from clinic.speaker.tables import OFF, WATCH

blueprint = Blueprint("speaker", __name__)

_OFF = "The check is off. What was kept of how the patient sounds is deleted."
_WATCHES = "The check watches: it counts what it would ask about, and changes nothing at the tablet."
_ON = "The check is on, from the next sentence on, once there is enough to judge by."


@blueprint.post("/patients/<patient_id>/speaker")
@role_required(CLINICIAN)
def change(patient_id: str) -> Response:
    """Off, watch or on."""
    setting = request.form.get("setting", "")
    with transaction() as session:
        service.change(session, current_user.id, patient_id, setting)
    flash(_OFF if setting == OFF else _WATCHES if setting == WATCH else _ON, "good")
    return redirect(url_for("patients.view", patient_id=patient_id, _anchor="speaker"))


@blueprint.post("/patients/<patient_id>/speaker/again")
@role_required(CLINICIAN)
def learn_again(patient_id: str) -> Response:
    """Make the reference anew: the patient sounds otherwise than they did."""
    with transaction() as session:
        service.learn_again(session, current_user.id, patient_id)
    flash("The reference is being made anew, of the newest that the patient read aloud and confirmed.", "good")
    return redirect(url_for("patients.view", patient_id=patient_id, _anchor="speaker"))
