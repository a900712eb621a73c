"""A legacy Customer Portal and the profiles that can use it."""
