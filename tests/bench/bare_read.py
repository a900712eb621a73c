"""Read the columns of a plan's people with bare simple-salesforce: what `reading.py` compares with."""

import os

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce

CONTACT = (
    "Id, Account.Owner.UserRoleId, Account.OwnerId, AccountId, Email, FirstName, LastModifiedBy.Name, "
    "LastModifiedDate, LastName, Name, Phone, Title"
)
USER = (
    "Id, Contact.Email, ContactId, IsActive, LastLoginDate, LastModifiedBy.Name, LastModifiedDate, "
    "LastPasswordChangeDate, Name, ProfileId, UserType, Username"
)
ACCOUNT = (
    "Id, AccountNumber, LastModifiedBy.Name, LastModifiedDate, Name, Owner.UserRoleId, "
    "Owner.Username, OwnerId"
)


class Plain(HTTPAdapter):
    """simple-salesforce writes https into every URL, and the local org speaks plain http."""

    def send(self, request, *args, **kwargs):
        request.url = request.url.replace("https:", "http:", 1)
        return super().send(request, *args, **kwargs)


def main():
    url = os.environ["ORG_URL"]
    session = requests.Session()
    session.mount(url.replace("http:", "https:"), Plain())
    sf = Salesforce(
        instance_url=url, session_id=os.environ["ORG_TOKEN"], version="62.0", session=session
    )
    found = [
        sf.query_all(f"SELECT {names} FROM {sobject}")["records"]
        for sobject, names in (("Account", ACCOUNT), ("Contact", CONTACT), ("User", USER))
    ]
    print(*map(len, found))


if __name__ == "__main__":
    main()
