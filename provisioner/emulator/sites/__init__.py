"""Experience Cloud sites: their rows, members, guests, pages and background jobs."""
