"""The protocol of the Metadata API: calls, files, jobs, deployments and retrieves."""
