"""What users write: YAML files, templates, rosters, environments and the schemas for them.

A change belongs here if it concerns how the files of a spec are read and checked, without an org.
"""
