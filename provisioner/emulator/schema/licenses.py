"""The user licences of a Developer org and the standard profiles that come with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

STAFF: Final = frozenset({"Standard", "CsnOnly"})
"""The types of users who are people of the company."""


@dataclass(frozen=True, slots=True)
class License:
    """One row of UserLicense and what follows from it.

    `portal` is `Customer`, `Partner` or empty for people of the company; `roles` says whether its
    portal users get a role in their account.
    """

    key: str
    name: str
    status: str
    seats: int
    user_type: str
    portal: str = ""
    roles: bool = False


@dataclass(frozen=True, slots=True)
class StandardProfile:
    """One profile that Salesforce makes; `full_name` is its name in the Metadata API."""

    name: str
    full_name: str
    license_key: str


# Names, seats and states as listed from a real Developer org; user types and roles as in
# fact 423. The keys marked `guess` were found in no source.
LICENSES: Final = (
    License("SFDC", "Salesforce", "Active", 20, "Standard"),
    License("AUL", "Salesforce Platform", "Active", 30, "Standard"),
    License("PID_FDC_FREE", "Force.com - Free", "Active", 20, "Standard"),  # key: OBJ [V]
    License("PID_CHATTER", "Chatter Free", "Active", 5000, "CsnOnly"),  # key: guess
    License("PID_CHATTER_EXTERNAL", "Chatter External", "Active", 500, "CsnOnly"),  # key: guess
    License("PID_Customer_Portal_Standard", "Customer Portal Manager Custom", "Active", 50,
            "PowerCustomerSuccess", "Customer", roles=True),
    License("PID_Customer_Portal_Basic", "Customer Portal Manager Standard", "Active", 50,
            "CustomerSuccess", "Customer", roles=True),
    # Two rows of one name: the overage one is disabled [V]; the key of the active one is a guess.
    License("PID_Overage_High Volume Customer Portal", "High Volume Customer Portal", "Disabled",
            0, "CspLitePortal", "Customer"),
    License("PID_High_Volume_Customer_Portal", "High Volume Customer Portal", "Active", 100,
            "CspLitePortal", "Customer"),
    License("Platform_Portal_User", "Authenticated Website", "Active", 10,
            "CspLitePortal", "Customer"),  # seats: guess
    License("Overage_Platform_Portal_User", "Overage Authenticated Website", "Disabled", 0,
            "CspLitePortal", "Customer"),
    License("PID_STRATEGIC_PRM", "Gold Partner", "Active", 30, "PowerPartner", "Partner",
            roles=True),
    License("PID_TACTICAL_PRM", "Silver Partner", "Active", 20, "PowerPartner", "Partner",
            roles=True),  # key: guess
    License("PID_Customer_Community", "Customer Community", "Disabled", 0,
            "CspLitePortal", "Customer"),
    License("PID_Customer_Community_Login", "Customer Community Login", "Disabled", 0,
            "CspLitePortal", "Customer"),
    License("PID_Customer_Community_Plus", "Customer Community Plus", "Disabled", 0,
            "PowerCustomerSuccess", "Customer", roles=True),
    License("PID_Customer_Community_Plus_Login", "Customer Community Plus Login", "Disabled", 0,
            "PowerCustomerSuccess", "Customer", roles=True),
    License("PID_Partner_Community", "Partner Community", "Disabled", 0, "PowerPartner",
            "Partner", roles=True),
    License("PID_Partner_Community_Login", "Partner Community Login", "Disabled", 0,
            "PowerPartner", "Partner", roles=True),
    # 25 seats: a licence list of a real org [Q]; the key is that of another stand-in: guess.
    License("PID_Guest_User", "Guest User License", "Active", 25, "Guest"),
    # Older ones, which that Developer org has none of: a row without seats is a guess, there to be
    # bought before the portal is enabled (fact 105). POWER_SSP and its type: fact 415; SSP: guess.
    License("POWER_SSP", "Customer Portal Manager", "Disabled", 0, "PowerCustomerSuccess",
            "Customer", roles=True),
    License("SSP", "Customer Portal User", "Disabled", 0, "CustomerSuccess", "Customer",
            roles=True),
)  # fmt: skip

# Names in both APIs: fact 510.
INTERNAL_PROFILES: Final = (
    StandardProfile("System Administrator", "Admin", "SFDC"),
    StandardProfile("Standard User", "Standard", "SFDC"),
    StandardProfile("Read Only", "ReadOnly", "SFDC"),
    StandardProfile("Marketing User", "MarketingProfile", "SFDC"),
    StandardProfile("Contract Manager", "ContractManager", "SFDC"),
    StandardProfile("Solution Manager", "SolutionManager", "SFDC"),
    StandardProfile("Standard Platform User", "StandardAul", "AUL"),
    StandardProfile("Force.com - Free User", "Force%2Ecom - Free User", "PID_FDC_FREE"),
    StandardProfile("Chatter Free User", "Chatter Free User", "PID_CHATTER"),
    StandardProfile("Chatter External User", "Chatter External User", "PID_CHATTER_EXTERNAL"),
    # The names [V]; that it is there before the first site is a guess.
    StandardProfile("Standard Guest", "Guest", "PID_Guest_User"),
)
# Appear when the Customer Portal is enabled, if the licence was bought (fact 105, fact 423).
CUSTOMER_PORTAL_PROFILES: Final = (
    StandardProfile("Customer Portal Manager Custom", "Customer Portal Manager Custom",
                    "PID_Customer_Portal_Standard"),
    StandardProfile("Customer Portal Manager Standard", "Customer Portal Manager Standard",
                    "PID_Customer_Portal_Basic"),
    StandardProfile("High Volume Customer Portal", "HighVolumePortal",
                    "PID_High_Volume_Customer_Portal"),
    StandardProfile("Authenticated Website", "PlatformPortal", "Platform_Portal_User"),
    # One Name, two profiles (fact 510, from a comment of Salto's). Four public retrievals spell the
    # second one's full name `Authenticated Website`; the reference's spelling is kept.
    StandardProfile("Authenticated Website", "AuthenticatedWebsite", "Platform_Portal_User"),
    # Licence: a public list of a real org's profiles, which has both of High Volume [V].
    StandardProfile("High Volume Customer Portal User", "High Volume Customer Portal User",
                    "PID_High_Volume_Customer_Portal"),
    StandardProfile("Customer Portal Manager", "Customer Portal Manager", "POWER_SSP"),
    StandardProfile("Customer Portal User", "Customer Portal User", "SSP"),
)  # fmt: skip

# Become active with Digital Experiences (`first_day`); names and seats: fact 416.
SITE_PROFILES: Final = (
    StandardProfile("Customer Community User", "Customer Community User",
                    "PID_Customer_Community"),
    StandardProfile("Customer Community Plus User", "Customer Community Plus User",
                    "PID_Customer_Community_Plus"),
    StandardProfile("Partner Community User", "Partner Community User", "PID_Partner_Community"),
    # Of licences that the org has from its first day; the names: fact 423, that
    # their profiles are there with Digital Experiences and not before: guess.
    StandardProfile("Gold Partner User", "Gold Partner User", "PID_STRATEGIC_PRM"),
    StandardProfile("Silver Partner User", "Silver Partner User", "PID_TACTICAL_PRM"),
)  # fmt: skip
SITE_SEATS: Final = 5

BY_KEY: Final = {license_.key: license_ for license_ in LICENSES}
