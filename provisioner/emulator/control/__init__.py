"""The interface for tests below `/emulator/`: clock, faults, snapshots, options and coverage."""
