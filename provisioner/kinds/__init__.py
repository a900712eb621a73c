"""The kinds the tool knows, in the order they are read from an org and listed in a plan."""

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
