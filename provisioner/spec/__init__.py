"""What users write: YAML, templates, environments and schemas, up to declarations and problems."""
