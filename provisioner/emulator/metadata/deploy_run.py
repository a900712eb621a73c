"""Carry out a deployment: delete and save the components of its packages, and tell of each.

The caller holds a transaction. A component that fails leaves nothing behind; whether the others
stay is for `rollbackOnError` and `checkOnly` to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base.errors import SalesforceError
from provisioner.emulator.metadata import deploy_parts
from provisioner.emulator.metadata import package as deploy_package
from provisioner.emulator.metadata.deploy_parts import ORDER
from provisioner.emulator.metadata.package import MANIFEST, Problem
from provisioner.emulator.metadata.types import bundle_files, registry
from provisioner.emulator.metadata.types.profile import find
from provisioner.emulator.schema.wsdl import wsdl
from provisioner.emulator.store import components
from provisioner.emulator.store.database import Rollback

if TYPE_CHECKING:
    from provisioner.emulator.metadata.deploy_parts import Part
    from provisioner.emulator.metadata.package import Package
    from provisioner.emulator.schema.wsdl import Value
    from provisioner.emulator.store.org import Org


@dataclass(frozen=True, slots=True)
class Options:
    """The `DeployOptions` that change what happens; `tests` are those of RunSpecifiedTests."""

    allow_missing_files: bool = False
    check_only: bool = False
    ignore_warnings: bool = False
    rollback_on_error: bool = False
    tests: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a deployment ended; the messages are `DeployMessage`s."""

    status: str
    successes: tuple[Value, ...]
    failures: tuple[Value, ...]
    total: int
    errors: int


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of one component."""

    file: str
    type: str
    full_name: str
    id: str = ""
    created: bool = False
    changed: bool = False
    deleted: bool = False


_FIRST_OF_SITES: Final = ORDER.index("CustomSite")


def run(org: Org, packages: list[Package], options: Options, by: str) -> Outcome:
    """Deploys the packages for the user `by`; see the module."""
    outcome: Outcome | None = None
    try:
        with org.attempt():
            done, problems = _steps(org, packages, options, by)
            outcome = _outcome(org, packages, options, done, problems)
            # fact 524, Metadata guide: a failed transaction leaves nothing
            if options.check_only or outcome.status == "Failed":
                raise Rollback
    except Rollback:
        pass
    assert outcome is not None, "set before anything is undone"
    return outcome


def _steps(
    org: Org, packages: list[Package], options: Options, by: str
) -> tuple[list[_Done], list[Problem]]:
    done: list[_Done] = []
    problems = [problem for package in packages for problem in package.problems]
    parts: list[Part] = []
    for package in packages:
        held, wrong = deploy_parts.parts(package, allow_missing=options.allow_missing_files)
        parts += [part for part in held if _is_known(package, part)]
        problems += wrong
        problems += [
            # words of many public logs of deployments [V]
            Problem(part.file, "Not available for deploy for this API version", part.full_name,
                    part.type)
            for part in held
            if not _is_known(package, part)
        ]  # fmt: skip
    for name in deploy_package.DESTRUCTIVE[:2]:
        _delete_all(org, packages, name, by, done, problems)
    ordered = sorted(parts, key=lambda part: part.rank)
    of_sites = [part for part in ordered if part.rank >= _FIRST_OF_SITES]
    for saved, wrong in (
        _save_all(org, ordered[: len(ordered) - len(of_sites)], by),
        _save_sites(org, of_sites, by),
    ):
        done += saved
        problems += wrong
    _delete_all(org, packages, deploy_package.DESTRUCTIVE[2], by, done, problems)
    # this org has no Apex; text: guess
    problems += [
        Problem("", f"No ApexClass named {test} found", test, "ApexClass") for test in options.tests
    ]
    return done, problems


def _is_known(package: Package, part: Part) -> bool:
    """Whether the version that the manifest is of has the type (Metadata guide, "version")."""
    return registry.knows(package.manifest.version, part.type)


def _save_all(org: Org, parts: list[Part], by: str) -> tuple[list[_Done], list[Problem]]:
    """Saves each part that can be saved; one that can not leaves nothing behind."""
    done: list[_Done] = []
    problems: list[Problem] = []
    for part in parts:
        try:
            with org.attempt():
                done.append(_save(org, part, by))
        except SalesforceError as error:
            problems.append(_problem(part, error))
    return done, problems


def _save_sites(org: Org, parts: list[Part], by: str) -> tuple[list[_Done], list[Problem]]:
    """Saves the parts of sites, which need one another: none stays without those it needs.

    A site whose CustomSite is refused loses its pages and its Network too, each with the message
    of what it lacks (coral-cloud issue 80, devops-center-feedback issue 253 [V]).
    """
    refused: dict[tuple[str, str], Problem] = {}
    while True:
        chosen = [part for part in parts if part.key not in refused]
        try:
            with org.attempt():
                done, problems = _save_all(org, chosen, by)
                saved = {(one.type, one.full_name.lower()) for one in done}
                found = _halves(org, [part for part in chosen if part.key in saved])
                if not found:
                    return done, problems + list(refused.values())
                raise Rollback
        except Rollback:
            # a cause of its own is told, and not what is missing without the others
            causes = {(one.type, one.full_name.lower()): one for one in problems}
            lacks = "In field: "
            own = {key: one for key, one in causes.items() if not one.message.startswith(lacks)}
            refused |= found | own


def _halves(org: Org, parts: list[Part]) -> dict[tuple[str, str], Problem]:
    """The parts that were saved and lack what they need, by their keys."""
    found = {}
    for part in parts:
        kind = registry.kind(org, part.type)
        assert kind is not None, "just saved"
        try:
            registry.settle(org, kind, part.full_name)
        except SalesforceError as error:
            found[part.key] = _problem(part, error)
    return found


def _problem(part: Part, error: SalesforceError) -> Problem:
    return Problem(part.file, error.message, part.full_name, part.type, part.line, part.column)


def _outcome(
    org: Org,
    packages: list[Package],
    options: Options,
    done: list[_Done],
    problems: list[Problem],
) -> Outcome:
    now = components.stamp_date(org)
    accepted = [one for one in problems if one.warning and options.ignore_warnings]
    refused = [one for one in problems if one not in accepted]
    successes = [_success(one, now) for one in done]
    successes += [_failure(one, now, success=True) for one in accepted]
    for package in packages:
        if not any(one.file == f"{package.root}{MANIFEST}" for one in refused):
            # every deployment tells of its package.xml too, as a success without a type [V]
            manifest = _Done(f"{package.root}{MANIFEST}", "", MANIFEST, changed=True)
            successes.append(_success(manifest, now))
    if not refused:
        status = "Succeeded"
    elif done and not options.rollback_on_error:
        status = "SucceededPartial"
    else:
        status = "Failed"
    return Outcome(
        status,
        tuple(successes),
        tuple(_failure(one, now, success=False) for one in refused),
        len(done) + len(problems),
        len(refused),
    )


def _success(done: _Done, now: str) -> Value:
    message: Value = {
        "changed": done.changed,
        "componentType": done.type,
        "created": done.created,
        "createdDate": now,
        "deleted": done.deleted,
        "fileName": done.file,
        "fullName": done.full_name,
        "success": True,
    }
    return message | ({"id": done.id} if done.id else {})


def _failure(problem: Problem, now: str, *, success: bool) -> Value:
    message: Value = {
        "changed": False,
        "componentType": problem.type,
        "created": False,
        "createdDate": now,
        "deleted": False,
        "fileName": problem.file,
        "fullName": problem.full_name,
        "problem": problem.message,
        "problemType": "Warning" if problem.warning else "Error",
        "success": success,
    }
    if problem.line is not None:
        message |= {"lineNumber": problem.line, "columnNumber": problem.column}
    return message


# -- components ----------------------------------------------------------------------------------


def _save(org: Org, part: Part, by: str) -> _Done:
    kind = registry.kind(org, part.type)
    if kind is None and part.type == "Network":
        # ebikes-lwc issue 105 [V]; code: guess
        raise SalesforceError("INVALID_TYPE", "Not available for deploy for this organization", ())
    if kind is None:
        # fact 509
        raise SalesforceError("INVALID_TYPE", f"Cannot use: {part.type} in this organization", ())
    name = part.full_name
    if part.type == "CustomField" and not name.endswith("__c") and _is_standard(org, name):
        # what metadata can change of a standard field is not modelled
        return _Done(part.file, part.type, name)
    for lacking in wsdl().missing(part.values, kind.name):
        # the wording of certinia/apex-mdapi issue 41 [V]
        raise SalesforceError(
            "REQUIRED_FIELD_MISSING", f"Required field is missing: {lacking}", (lacking,)
        )
    before = kind.read(org, name)
    created = before is None
    (kind.create if created else kind.update)(org, part.values, by)
    changed = created or kind.read(org, name) != before
    return _Done(part.file, part.type, name, _id(org, part.type, name), created, changed)


def _is_standard(org: Org, full_name: str) -> bool:
    """Whether a name is that of a standard field."""
    sobject_name, _, name = full_name.partition(".")
    sobject = org.catalog().get(sobject_name)
    if sobject is not None and "__" not in name and sobject.field(name) is None:
        # lightning-fieldset issue 17 [V]
        raise SalesforceError(
            "FIELD_INTEGRITY_EXCEPTION", "Could not resolve standard field's name.", ()
        )
    return sobject is not None and sobject.field(name) is not None


def _delete_all(
    org: Org,
    packages: list[Package],
    manifest: str,
    by: str,
    done: list[_Done],
    problems: list[Problem],
) -> None:
    """Deletes what one kind of destructive manifest names; fields before their objects."""
    for package in packages:
        listed = package.destructive.get(manifest)
        file = f"{package.root}{manifest}"
        for type_name in reversed(ORDER if listed is not None else ()):
            assert listed is not None, "checked above"
            for name in listed.names(type_name):
                if name == "*":
                    continue
                try:
                    with org.attempt():
                        done.append(_delete(org, type_name, name, file, by))
                except SalesforceError as error:
                    # a component that is not there is only a warning; SDR knows it by this
                    # beginning (source-deploy-retrieve, deployMessages.ts [V])
                    gone = error.code == "INVALID_CROSS_REFERENCE_KEY"
                    message = f"No {type_name} named: {name} found" if gone else error.message
                    problems.append(Problem(file, message, name, type_name, warning=gone))
        for type_name in sorted(set(listed.types) - set(ORDER)) if listed is not None else ():
            message = f"Cannot use: {type_name} in this organization"
            problems.append(Problem(file, message, type_name))


def _delete(org: Org, type_name: str, name: str, file: str, by: str) -> _Done:
    kind = registry.kind(org, f"{name}Settings" if type_name == "Settings" else type_name)
    if kind is None:  # fact 509
        raise SalesforceError("INVALID_TYPE", f"Cannot use: {type_name} in this organization", ())
    id_ = _id(org, type_name, name)
    kind.delete(org, name, by)
    return _Done(file, type_name, name, id_, changed=True, deleted=True)


def _id(org: Org, type_name: str, full_name: str) -> str:
    """The id of a component; settings and standard objects have none."""
    if type_name == "Profile":
        found: dict[str, Any] | None = find(org, full_name)
        return "" if found is None else str(found["Id"])
    if type_name == bundle_files.EXPERIENCE:
        type_name = bundle_files.SITE_DOT_COM  # one component, looked at in two ways
    row = components.by_name(org, type_name, full_name)
    return "" if row is None or row.id == row.full_name else row.id
