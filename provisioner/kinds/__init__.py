"""Everything about one kind of resource: its fields, references, reads, writes, checks and notes.

`KINDS` has the kinds in the order in which a plan lists them.
"""

from collections.abc import Mapping

from provisioner.kinds.account import AccountKind
from provisioner.kinds.base import Kind
from provisioner.kinds.contact.kind import ContactKind
from provisioner.kinds.layout.kind import LayoutKind
from provisioner.kinds.metadata import MetadataKind
from provisioner.kinds.portal.kind import PortalKind
from provisioner.kinds.profile.kind import ProfileKind
from provisioner.kinds.record import RecordKind
from provisioner.kinds.settings import SettingsKind
from provisioner.kinds.user.kind import UserKind

KINDS: tuple[Kind, ...] = (
    SettingsKind(),
    ProfileKind(),
    PortalKind(),
    LayoutKind(),
    AccountKind(),
    ContactKind(),
    UserKind(),
)
BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
BY_SECTION: Mapping[str, Kind] = {kind.section: kind for kind in KINDS}
BY_SOBJECT: Mapping[str, Kind] = {kind.sobject: kind for kind in KINDS if kind.sobject}
BY_TYPE: Mapping[str, MetadataKind] = {k.type: k for k in KINDS if isinstance(k, MetadataKind)}
RECORD_KINDS: tuple[RecordKind, ...] = tuple(k for k in KINDS if isinstance(k, RecordKind))

ROSTER_KINDS: tuple[RecordKind, ...] = tuple(k for k in RECORD_KINDS if k.in_rosters)

# A contact can be matched by its user, so users are matched before contacts.
IN_MATCHING_ORDER: tuple[Kind, ...] = tuple(sorted(KINDS, key=lambda kind: kind.matched_last))


def reads_one_at_a_time(type_: str) -> bool:
    """Whether several components of a Metadata type are too much for one answer."""
    return type_ in BY_TYPE and BY_TYPE[type_].read_one_at_a_time
