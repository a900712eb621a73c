"""What a login to a portal needs, checked over facts: of the org as it is, or as planned."""
