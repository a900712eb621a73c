"""Carrying out a plan: sessions, batches, outcomes, the journal, the lease, recovery and proof."""
