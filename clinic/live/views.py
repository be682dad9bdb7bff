"""The tablet's page."""

from __future__ import annotations

from flask import Blueprint, render_template

from clinic.accounts.guard import role_required
from clinic.accounts.tables import TABLET
from clinic.settings import get_settings

blueprint = Blueprint("live", __name__)


@blueprint.get("/tablet")
@role_required(TABLET)
def tablet() -> str:
    """One calm page. Nothing of the patient is in it: what they see comes over the socket, or from `/tablet/own`."""
    return render_template("live/tablet.html", cue=get_settings().synthetic_cue)
