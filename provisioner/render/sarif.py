"""Show a report as SARIF 2.1.0, which code scanning and editors read.

(OASIS, "Static Analysis Results Interchange Format Version 2.1.0"; GitHub Docs, "SARIF support
for code scanning" for what GitHub wants of it)
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from urllib.parse import quote

from provisioner.model.json_value import Json
from provisioner.render.documents import Document
from provisioner.render.findings import RULES, Finding, findings

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
MOST = 25_000
"""A file with more results is refused. (GitHub Docs, "SARIF support", limits)"""
_LEVELS = ("error", "warning", "note")


def sarif(view: Document, *, version: str) -> str:
    """One run with one result per finding, errors first; at most `MOST` results.

    The same finding has the same fingerprint in every run.
    """
    most = sorted(findings(view), key=lambda f: _LEVELS.index(f.level))[:MOST]
    rules = sorted({f.rule for f in most})
    results = [_result(f, rules.index(f.rule), view) for f in most]
    driver = {"name": "provisioner", "version": version, "rules": [_rule(r) for r in rules]}
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"provisioner/{view['report']}/{view['environment']}/"},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: str) -> dict[str, Json]:
    text = RULES.get(rule, f"{rule.replace('-', ' ').capitalize()}.")
    return {"id": rule, "shortDescription": {"text": text}}


def _result(finding: Finding, rule: int, view: Document) -> dict[str, Json]:
    result: dict[str, Json] = {
        "ruleId": finding.rule,
        "ruleIndex": rule,
        "level": finding.level,
        "message": {"text": finding.message},
        "locations": [_location(finding, view)],
        "partialFingerprints": {"provisioner/v1": _fingerprint(finding)},
    }
    if finding.also:
        also = (replace(finding, also=(), address=None, place=place) for place in finding.also)
        result["relatedLocations"] = [
            {"id": number, **_location(place, view)} for number, place in enumerate(also, 1)
        ]
    return result


def _location(finding: Finding, view: Document) -> dict[str, Json]:
    # GitHub does not show a result without a file: one without a spec line is about the spec.
    file = finding.file or view["spec"]
    physical: dict[str, Json] = {"artifactLocation": {"uri": quote(file.replace("\\", "/"))}}
    if finding.line:
        places = {
            "startLine": finding.line,
            "startColumn": finding.place["column"],
            "endLine": finding.place["end_line"],
            "endColumn": finding.place["end_column"],
        }
        physical["region"] = {name: at for name, at in places.items() if at is not None}
    location: dict[str, Json] = {"physicalLocation": physical}
    if finding.address:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.address, "kind": "resource"}]
    return location


def _fingerprint(finding: Finding) -> str:
    return hashlib.sha256(f"{finding.rule} {finding.key}".encode()).hexdigest()[:32]
