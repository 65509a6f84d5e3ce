"""Settings and the data a city edits: what this installation is, read once at the start."""
