"""The kinds that the tool knows, in the order in which a plan lists them."""

from provisioner.kinds.account import AccountKind
from provisioner.kinds.base import Kind
from provisioner.kinds.contact import ContactKind
from provisioner.kinds.layout import LayoutKind
from provisioner.kinds.portal import PortalKind
from provisioner.kinds.profile import ProfileKind
from provisioner.kinds.settings import SettingsKind
from provisioner.kinds.user import UserKind

KINDS: tuple[Kind, ...] = (
    SettingsKind(),
    ProfileKind(),
    PortalKind(),
    LayoutKind(),
    AccountKind(),
    ContactKind(),
    UserKind(),
)
BY_NAME = {kind.name: kind for kind in KINDS}

# A contact may be matched by its user, so users are matched before contacts.
IN_MATCHING_ORDER: tuple[Kind, ...] = tuple(sorted(KINDS, key=lambda kind: kind.name == "contact"))
