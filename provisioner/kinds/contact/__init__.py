"""A contact: a person of an account, who may have a portal user."""
