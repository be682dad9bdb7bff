"""Who is signed in, and for how long."""

from __future__ import annotations

import time
from dataclasses import dataclass

from flask import Flask, Response, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user

from clinic.accounts.tables import TABLET, Account
from clinic.database import transaction
from clinic.settings import get_settings
from clinic.web.errors import answer, wants_json

_VERSION, _SEEN_AT = "version", "seen_at"
#: A page that asks by itself sends this header; it does not keep anybody signed in.
POLL_HEADER = "X-Samevoice-Poll"


@dataclass(frozen=True, eq=False)
class SignedIn(UserMixin):  # type: ignore[misc]
    """The account behind a request. `patient_id` is set for tablets only."""

    id: str
    username: str
    role: str
    patient_id: str | None


def sign_in(account: Account) -> None:
    """Begin a session for `account`. Whatever the browser held before is dropped, so that no session can be planted."""
    session.clear()
    login_user(SignedIn(account.id, account.username, account.role, account.patient_id))
    session[_VERSION] = account.session_version
    session[_SEEN_AT] = time.time()


def sign_out() -> None:
    """End this session in the browser. `service.end_sessions` ends it on the server."""
    logout_user()
    session.clear()


def keep_sessions(app: Flask) -> None:
    """Load who is signed in at each request, and sign clinicians out who have been away."""
    manager = LoginManager()
    manager.session_protection = None  # hospital proxies change addresses; the version below does the work
    manager.init_app(app)
    manager.user_loader(_load)
    manager.unauthorized_handler(_sign_in_first)

    @app.before_request
    def _log_off_idle() -> Response | None:
        if request.endpoint == "static" or not current_user.is_authenticated or current_user.role == TABLET:
            return None
        away_s = time.time() - float(session.get(_SEEN_AT, 0))
        if away_s > get_settings().session_idle_s:
            sign_out()
            return _sign_in_first(idle=True)
        if POLL_HEADER not in request.headers:
            session[_SEEN_AT] = time.time()
        return None


def _load(account_id: str) -> SignedIn | None:
    with transaction() as database:
        account = database.get(Account, account_id)
        if account is None or account.disabled_at is not None:
            return None
        if session.get(_VERSION) != account.session_version:
            return None
        return SignedIn(account.id, account.username, account.role, account.patient_id)


def _sign_in_first(idle: bool = False) -> Response:
    if wants_json():
        return answer("signed_out", "You are signed out. Sign in again, then go on.", 401)
    target = request.full_path.rstrip("?") if request.method == "GET" else None
    where = url_for("accounts.sign_in", next=target, idle="1" if idle else None)
    return redirect(where)  # type: ignore[return-value]
