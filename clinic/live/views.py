"""The tablet's page."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("live", __name__)
