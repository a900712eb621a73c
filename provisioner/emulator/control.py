"""The door for tests and people, `/emulator/`: reset, clock, outbox, request log."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, current_app, jsonify, request

from provisioner.emulator import context
from provisioner.emulator.store import timestamp

if TYPE_CHECKING:
    from flask import Flask

LOG = "request log"


@dataclass(frozen=True, slots=True)
class Logged:
    """One request the org answered; `query` is the part of the URL after `?`."""

    seq: int
    method: str
    path: str
    query: str
    status: int


def install(app: Flask) -> None:
    """Opens the door and starts the log, `app.extensions["request log"]`, oldest first."""
    log: list[Logged] = []
    app.extensions[LOG] = log
    app.register_blueprint(blueprint)

    @app.after_request
    def note(response: Response) -> Response:
        if not request.path.startswith("/emulator/"):
            query = request.query_string.decode()
            entry = Logged(len(log) + 1, request.method, request.path, query, response.status_code)
            log.append(entry)
        return response


blueprint = Blueprint("control", __name__, url_prefix="/emulator")


@blueprint.post("/reset")
def reset() -> Response:
    """Puts the org back to its first day and empties the log."""
    context.org().reset()
    current_app.extensions[LOG].clear()
    return Response(status=204)


@blueprint.get("/outbox")
def outbox() -> Response:
    """The e-mails the org would have sent, oldest first."""
    return jsonify([asdict(mail) for mail in context.org().outbox()])


@blueprint.get("/requests")
def requests() -> Response:
    """The requests since the app was made or reset; `?after=n` leaves out the first n."""
    after = request.args.get("after", 0, type=int)
    return jsonify([asdict(entry) for entry in current_app.extensions[LOG] if entry.seq > after])


@blueprint.post("/clock")
def clock() -> tuple[dict[str, Any], int]:
    """Moves the clock: `{"now": "2026-05-01T10:00:00+00:00"}` or `{"advance": seconds}`."""
    org = context.org()
    match request.get_json(silent=True):
        case {"now": str() as text}:
            org.set_clock(datetime.fromisoformat(text))
        case {"advance": int() | float() as seconds}:
            org.set_clock(org.now() + timedelta(seconds=seconds))
        case _:
            return {"error": "give `now` or `advance`"}, 400
    return {"now": timestamp(org.now())}, 200
