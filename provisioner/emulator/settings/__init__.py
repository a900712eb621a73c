"""Settings of the whole org that other packages read."""
