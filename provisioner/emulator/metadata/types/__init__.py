"""What each metadata type means: how its components are read, checked and written."""
