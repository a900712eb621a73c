"""A user: the login of a contact to a portal, or an internal user."""
