"""What a user may see and do: permissions, sharing and field-level security."""
