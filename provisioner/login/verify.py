"""Log in as a portal user for real, stage by stage, and close the session."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from provisioner.model.resource import Secret
from provisioner.org.errors import OrgError
from provisioner.org.portal_pages import PortalPages, UnexpectedPage


class Stage(Enum):
    """A stage of a login; the value is its name in a report."""

    PORTAL = "portal found"
    PAGE = "page reached"
    CREDENTIALS = "credentials taken"
    PASSWORD = "password changed"  # noqa: S105 - the name of a stage
    LANDING = "landing reached"
    OBJECT = "object reachable"


@dataclass(frozen=True, slots=True)
class StageResult:
    """One stage: whether it passed, how long it took, and what was seen."""

    stage: Stage
    ok: bool
    milliseconds: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A username and password. If the org asks for a new password, `new` is chosen.

    `new` is tried first, because it is the password after the first run.
    """

    username: str
    password: Secret
    new: Secret | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """The login of one user: every stage that was reached, the failed one last."""

    username: str
    portal: str
    url: str
    stages: tuple[StageResult, ...]

    @property
    def ok(self) -> bool:
        return all(s.ok for s in self.stages)

    @property
    def failed(self) -> StageResult | None:
        return next((s for s in self.stages if not s.ok), None)


def verify(
    visit: Callable[[], PortalPages],
    who: Credentials,
    objects: tuple[tuple[str, str], ...] = (),
) -> tuple[StageResult, ...]:
    """Log in with the pages of `visit`, and reach the tab of each (object, key prefix).

    The first stage that fails ends the login, except that all objects are tried. The session is
    always closed.
    """
    if who.new is not None and who.new != who.password:
        stages = _once(visit, Credentials(who.username, who.new), objects)
        if all(s.ok for s in stages) or stages[-1].stage is not Stage.CREDENTIALS:
            return stages
    return _once(visit, who, objects)


def _once(
    visit: Callable[[], PortalPages], who: Credentials, objects: tuple[tuple[str, str], ...]
) -> tuple[StageResult, ...]:
    pages = visit()
    try:
        return tuple(_stages(pages, who, objects))
    finally:
        pages.close()


def _stages(
    pages: PortalPages, who: Credentials, objects: tuple[tuple[str, str], ...]
) -> Iterator[StageResult]:
    asked = False

    def enter() -> None:
        nonlocal asked
        asked = pages.log_in(who.username, who.password)

    for stage, work in ((Stage.PAGE, pages.open), (Stage.CREDENTIALS, enter)):
        result = _timed(stage, work)
        yield result
        if not result.ok:
            return
    if asked:
        result = _change(pages, who)
        yield result
        if not result.ok:
            return
    result = _timed(Stage.LANDING, lambda: pages.landed(who.username))
    yield result
    if not result.ok:
        return
    for name, prefix in objects:
        yield _timed(Stage.OBJECT, lambda prefix=prefix: pages.reach(prefix), name)  # type: ignore[misc]


def _change(pages: PortalPages, who: Credentials) -> StageResult:
    if who.new is None:
        message = "the org asks for a new password: set `new_password`"
        return StageResult(Stage.PASSWORD, ok=False, milliseconds=0, message=message)
    new = who.new
    return _timed(Stage.PASSWORD, lambda: pages.change_password(new))


def _timed(stage: Stage, work: Callable[[], None], what: str = "") -> StageResult:
    begun = time.perf_counter()
    try:
        work()
    except UnexpectedPage as error:
        ok, message = False, f"{what}: {error.message}" if what else error.message
    except OrgError as error:
        ok, message = False, str(error)
    else:
        ok, message = True, what
    return StageResult(stage, ok, round((time.perf_counter() - begun) * 1000), message)
