"""What all surfaces share about a request and its response: bodies, envelopes, limits."""
