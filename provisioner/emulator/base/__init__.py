"""What every other package uses: errors, ids, time and text."""
