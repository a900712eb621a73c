"""The core types that every package shares: addresses, resources, operations, changes, outcomes."""
