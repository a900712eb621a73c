"""The Bulk APIs 2.0 and 1.0: jobs, batches, their CSV, XML and JSON, and their results."""
