"""OAuth for connected apps: the token endpoint, its grants, keys and refresh tokens."""
