"""The door for tests and people, `/emulator/`; open only where the app was made with it.

Answers requests from this machine only, and none that a page of another site makes a browser send;
to all others it is not there (404). Every request needs the door's token in the header
`X-Control-Token` (otherwise 403): the outbox holds temporary passwords, and every user of a machine
can reach its loopback ports. What it can do:

| call | effect |
| --- | --- |
| `POST reset` | the org is as on its first day; log, faults and latencies are cleared |
| `GET snapshots`, `POST snapshots/<name>` | lists; keeps the whole org as it is now, in memory |
| `POST snapshots/<name>/restore`, `DELETE snapshots/<name>` | puts it back; forgets it |
| `GET clock`, `POST clock` | the org's time; moves it: `{"now": "<ISO 8601>"}`, `{"advance": s}` |
| `GET latency`, `PUT latency` | milliseconds each call takes longer, by surface: `{"rest": 50}`; |
| | `all` stands for every surface that is not named; `{}` clears |
| `GET faults`, `POST faults` | lists; arms one, as the module `faults` describes them |
| `DELETE faults`, `DELETE faults/<id>` | disarms all, or one |
| `GET licenses`, `PUT licenses` | the seats by `LicenseDefinitionKey`; buys others, which makes |
| | the license active, and brings its standard profile where the Customer Portal is on: |
| | `{"PID_Customer_Community": 50000}` (0 disables it) |
| `GET duplicates`, `PUT duplicates` | the duplicate rules; sets others, of records whose fields |
| | are all equal: `{"Contact": {"fields": ["Email"], "allowSave": true}}` |
| `GET email-domains`, `PUT email-domains` | the domains that users' addresses must be of: |
| | `["acme.example"]`; an empty list allows every one |
| `GET options`, `PATCH options` | what only Salesforce's support, or a page of Setup, sets: |
| | `{"PersonAccounts": true}` (for good), `{"CustomerRoles": 1}` (1 to 3 for each account); |
| | `{"UsernamesElsewhere": ["jane@acme.example"]}`: what users of other orgs are called; |
| | `{"SoapLogin": false}`: no SOAP `login`, as in orgs made in Winter '26 and later; |
| | `{"LoopbackTrusted": false}`: an API login from this machine needs a security token; |
| | `{"Edition": "Enterprise Edition"}`, or `Unlimited Edition`: how many API calls it has |
| | `{"Deliverability": "System email only"}`, or `No access`, `All email`: what it mails |
| `GET outbox`, `DELETE outbox` | the e-mails the org would have sent; forgets them |
| `GET requests`, `DELETE requests` | the request log, `?after=<seq>`; empties it |
| `GET coverage` | what this org covers, as `provisioner org coverage` prints it |

Snapshots, faults, latencies and the log belong to this server; everything else is kept in the file
of the org, which several servers may share.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from flask import Blueprint, Response, abort, current_app, jsonify, request

from provisioner.emulator.base import faults
from provisioner.emulator.base.timestamps import timestamp
from provisioner.emulator.control import middleware
from provisioner.emulator.control import options as control_options
from provisioner.emulator.http import context, refusals
from provisioner.emulator.lifecycle import first_day
from provisioner.emulator.rules import duplicates
from provisioner.emulator.rules.users import EMAIL_DOMAINS

if TYPE_CHECKING:
    from collections.abc import Callable
    from wsgiref.types import WSGIApplication

    from flask import Flask


LOG: Final = "request log"
STATE: Final = "control"
HEADER: Final = "X-Control-Token"
_YEARS: Final = range(2000, 4001)  # the last year of a Salesforce date


def install(app: Flask, token: str | None = None) -> Callable[[WSGIApplication], WSGIApplication]:
    """Opens the interface, and gives what puts faults and log before the app.

    Without a token, the door gets a random one: see `token`. The log is
    `app.extensions["request log"]`, oldest first; the rest is `state(app)`.
    """
    known = middleware.State(token or new_token())
    app.extensions[STATE] = known
    app.extensions[LOG] = known.log
    app.register_blueprint(blueprint)
    return partial(middleware.Watched, app, known)


def state(app: Flask) -> middleware.State:
    """What `install` made."""
    found: middleware.State = app.extensions[STATE]
    return found


def token(app: Flask) -> str:
    """The token that every request to the door of this app needs."""
    return state(app).token


def new_token() -> str:
    """A random token of 256 bits."""
    return secrets.token_urlsafe(32)


# -- the door ----------------------------------------------------------------------------------

blueprint = Blueprint("control", __name__, url_prefix="/emulator")


@blueprint.before_request
def keep_out() -> tuple[dict[str, str], int] | None:
    """Not there for another host, nor for a page of another site in a browser of this one.

    A request without the token is refused.
    """
    sites = [f"//{request.host}", request.headers.get("Origin", f"//{request.host}")]
    if not _is_loopback(request.remote_addr) or not all(map(_is_loopback, map(_host, sites))):
        abort(404)
    given = request.headers.get(HEADER, "")
    if secrets.compare_digest(given.encode(), token(current_app).encode()):
        return None
    wrong = "is not the token" if given else "is missing"
    return {"error": f"the header `{HEADER}` {wrong} of this server's `/emulator/`"}, 403


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # such as one with half of its brackets
        return None


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


@blueprint.post("/reset")
def reset() -> Response:
    """Puts the org back to its first day; clears log, faults and latencies."""
    known = state(current_app)
    context.org().reset()
    known.faults.clear()
    known.latency = {}
    known.clear_log()
    return Response(status=204)


@blueprint.get("/snapshots")
def snapshots() -> Response:
    """The snapshots, with the org's time when they were taken."""
    kept = state(current_app).snapshots
    return jsonify([{"name": name, "taken": kept[name][0]} for name in sorted(kept)])


@blueprint.post("/snapshots/<name>")
def take(name: str) -> tuple[dict[str, str], int]:
    """Keeps the org as it is now under a name, in place of what had it."""
    org = context.org()
    taken = timestamp(org.now())
    state(current_app).snapshots[name] = (taken, org.copied())
    return {"name": name, "taken": taken}, 201


@blueprint.post("/snapshots/<name>/restore")
def restore(name: str) -> tuple[dict[str, str], int]:
    """Puts the org back as it was: rows, sessions, settings, clock and outbox."""
    found = state(current_app).snapshots.get(name)
    if found is None:
        return {"error": f"there is no snapshot `{name}`"}, 404
    context.org().replace(found[1])
    return {"name": name, "taken": found[0]}, 200


@blueprint.delete("/snapshots/<name>")
def forget(name: str) -> Response:
    """Forgets a snapshot; no harm when there is none."""
    found = state(current_app).snapshots.pop(name, None)
    if found is not None:
        found[1].close()
    return Response(status=204)


@blueprint.get("/clock")
def clock() -> dict[str, str]:
    """The org's time."""
    return {"now": timestamp(context.org().now())}


@blueprint.post("/clock")
def set_clock() -> tuple[dict[str, str], int]:
    """Moves the clock; a time without an offset is UTC."""
    org = context.org()
    try:
        match request.get_json(silent=True):
            case {"now": str() as text}:
                moment = datetime.fromisoformat(text)
                moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            case {"advance": int() | float() as seconds}:
                moment = org.now() + timedelta(seconds=seconds)
            case _:
                return {"error": "give `now` or `advance`"}, 400
    except (ValueError, OverflowError) as error:
        return {"error": str(error)}, 400
    if moment.year not in _YEARS:
        return {"error": f"the year must be {_YEARS[0]} to {_YEARS[-1]}"}, 400
    org.set_clock(moment)
    return clock(), 200


@blueprint.get("/latency")
def latency() -> dict[str, float]:
    """The latencies, in milliseconds."""
    return state(current_app).latency


@blueprint.put("/latency")
def set_latency() -> tuple[dict[str, Any], int]:
    """Sets all latencies; a surface that is left out has none."""
    given = request.get_json(silent=True)
    names = ("all", *refusals.SURFACES)
    if not isinstance(given, dict) or not all(
        name in names and isinstance(value, int | float) and value >= 0
        for name, value in given.items()
    ):
        return {"error": f"give milliseconds by surface: {', '.join(names)}"}, 400
    state(current_app).latency = dict(given)
    return latency(), 200


@blueprint.get("/faults")
def list_faults() -> Response:
    """The armed faults, the first armed first."""
    return jsonify([_shown(armed) for armed in state(current_app).faults.all()])


@blueprint.post("/faults")
def arm() -> tuple[dict[str, Any], int]:
    """Arms a fault."""
    try:
        fault = faults.parse(request.get_json(silent=True))
    except ValueError as error:
        return {"error": str(error)}, 400
    return _shown(state(current_app).faults.arm(fault)), 201


@blueprint.delete("/faults", defaults={"id_": None})
@blueprint.delete("/faults/<int:id_>")
def disarm(id_: int | None) -> Response:
    """Disarms one fault, or all."""
    state(current_app).faults.clear(id_)
    return Response(status=204)


@blueprint.get("/licenses")
def seats() -> dict[str, int]:
    """The seats of every license."""
    rows = context.org().select("UserLicense")
    return {row["LicenseDefinitionKey"]: row["TotalLicenses"] for row in rows}


@blueprint.put("/licenses")
def buy() -> tuple[dict[str, Any], int]:
    """Changes the seats of the licenses that are named."""
    org = context.org()
    found = {row["LicenseDefinitionKey"]: row["Id"] for row in org.select("UserLicense")}
    given = request.get_json(silent=True)
    if not isinstance(given, dict) or not all(
        key in found and isinstance(count, int) and not isinstance(count, bool) and count >= 0
        for key, count in given.items()
    ):
        return {"error": f"give seats by license: {', '.join(sorted(found))}"}, 400
    by = org.execute('SELECT "Id" FROM "User" ORDER BY "Id" LIMIT 1')[0][0]
    first_day.set_seats(org, given, by)
    return seats(), 200


@blueprint.get("/duplicates")
def duplicate_rules() -> dict[str, Any]:
    """The duplicate rules by object."""
    return duplicates.rules(context.org())


@blueprint.put("/duplicates")
def set_duplicate_rules() -> tuple[dict[str, Any], int]:
    """Puts these rules in place of those that were."""
    org = context.org()
    known = org.catalog()
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        return {"error": "give rules by object"}, 400
    for name, rule in given.items():
        sobject = known.get(str(name))
        match rule:
            case {"fields": [*names], "allowSave": bool()} if sobject and names and len(rule) == 2:
                if any(sobject.field(str(one)) is None for one in names):
                    return {"error": f"{name} has not all of the fields {names}"}, 400
            case _:
                return {"error": f"{name}: a rule has `fields` of an object, and `allowSave`"}, 400
    duplicates.set_rules(org, given)
    return duplicate_rules(), 200


@blueprint.get("/email-domains")
def email_domains() -> Response:
    """The domains that users' e-mail addresses must be of."""
    return jsonify(json.loads(context.org().setting(EMAIL_DOMAINS) or "[]"))


@blueprint.put("/email-domains")
def set_email_domains() -> tuple[Response, int]:
    """Allows these domains only, or every one."""
    given = request.get_json(silent=True)
    if not isinstance(given, list) or not all(isinstance(one, str) and one for one in given):
        return jsonify({"error": "give a list of domains"}), 400
    context.org().put_setting(EMAIL_DOMAINS, json.dumps([one.lower() for one in given]))
    return email_domains(), 200


@blueprint.get("/options")
def options() -> dict[str, Any]:
    """What the org is set to."""
    return control_options.read(context.org())


@blueprint.patch("/options")
def set_options() -> tuple[dict[str, Any], int]:
    """Changes the options that are given."""
    given = request.get_json(silent=True)
    error = control_options.change(context.org(), given)
    return ({"error": error}, 400) if error else (options(), 200)


@blueprint.get("/outbox")
def outbox() -> Response:
    """The e-mails the org would have sent, oldest first."""
    return jsonify([asdict(mail) for mail in context.org().outbox()])


@blueprint.delete("/outbox")
def clear_outbox() -> Response:
    """Forgets the e-mails."""
    context.org().execute("DELETE FROM outbox")
    return Response(status=204)


@blueprint.get("/requests")
def requests() -> Response:
    """The requests since the log was emptied; `?after=n` leaves out the first n."""
    after = request.args.get("after", 0, type=int)
    return jsonify([asdict(entry) for entry in list(current_app.extensions[LOG])
                    if entry.seq > after])  # fmt: skip


@blueprint.delete("/requests")
def clear_requests() -> Response:
    """Empties the log."""
    state(current_app).clear_log()
    return Response(status=204)


@blueprint.get("/coverage")
def covered() -> Response:
    """What this org covers."""
    from provisioner.emulator.control import coverage

    text = coverage.as_json(coverage.report(current_app))
    return Response(text, content_type="application/json;charset=UTF-8")


def _shown(armed: faults.Armed) -> dict[str, Any]:
    counts = {"id": armed.id, "matched": armed.matched, "fired": armed.fired}
    return counts | asdict(armed.fault)
