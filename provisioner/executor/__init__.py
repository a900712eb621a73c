"""Carrying out a plan: requests in batches, the outcome of every step, recovery and the lease."""
