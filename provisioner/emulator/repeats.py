"""Records of one call, or of one chunk of a job, that name the same record.

Every one of them is refused: "First exception on row 0 ... Duplicate external id specified" of two
rows with one key, while rows of different chunks do not mind (salesforce.stackexchange 104048 and
296121 [V]); ids: "the operation will fail with 'Duplicate Id Specified'" (KB 000384876 [V]).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from provisioner.emulator import ids
from provisioner.emulator.errors import SalesforceError

if TYPE_CHECKING:
    from collections.abc import Iterable

NONE: Final[frozenset[str]] = frozenset()


def of(values: Iterable[Any], key: str) -> frozenset[str]:
    """Those values of the key that several records have, as `check` compares them."""
    times = Counter(_plain(value, key) for value in values if value is not None and value != "")
    return frozenset(value for value, n in times.items() if n > 1) if len(times) else NONE


def check(value: Any, key: str, repeated: frozenset[str]) -> None:
    """Raises DUPLICATE_VALUE for a value that several records have."""
    if repeated and _plain(value, key) in repeated:
        # texts: as above; the code of an id: that of the other key [I]
        what = "id" if key == "Id" else "external id"
        raise SalesforceError("DUPLICATE_VALUE", f"Duplicate {what} specified: {value}", (key,))


def _plain(value: Any, key: str) -> str:
    if key == "Id":
        return ids.normal(value) or str(value)
    return str(value).lower()
