"""Records of one call, or of one chunk of a job, that name the same record.

Every one of them is refused: "First exception on row 0 ... Duplicate external id specified" of two
rows with one key, while rows of different chunks do not mind (salesforce.stackexchange 104048 and
296121 [V]); ids: "the operation will fail with 'Duplicate Id Specified'" (KB 000384876 [V]).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator.base import ids
from provisioner.emulator.base.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

NONE: Final[frozenset[str]] = frozenset()


def of(values: Iterable[Any], key: str) -> frozenset[str]:
    """Those values of the key that several records have, as `check` compares them."""
    times = Counter(_plain(one, key) for one in values if one is not None and one != "")
    return frozenset(one for one, n in times.items() if n > 1)


def check(given: Any, key: str, repeated: frozenset[str]) -> None:
    """Raises DUPLICATE_VALUE for a value that several records have."""
    if repeated and _plain(given, key) in repeated:
        # texts: as above; the code of an id: that of the other key [I]
        what = "id" if key == "Id" else "external id"
        raise SalesforceError("DUPLICATE_VALUE", f"Duplicate {what} specified: {given}", (key,))


def value(record: Mapping[str, Any], wanted: str) -> Any:
    """What a record has for a field, whose name is given in lower case; None for nothing."""
    return next((one for name, one in record.items() if name.lower() == wanted), None)


def _plain(given: Any, key: str) -> str:
    if key == "Id":
        return ids.normal(given) or str(given)
    return str(given).lower()
