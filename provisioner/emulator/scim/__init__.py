"""The SCIM API for users."""
