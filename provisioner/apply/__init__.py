"""Carrying out a plan: batches, outcomes, the journal, the lease and recovery."""
