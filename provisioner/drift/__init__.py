"""Finding drift: what differs from the spec, who changed it, and writing it back to the spec."""
