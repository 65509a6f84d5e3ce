"""X, formerly Twitter: direct messages and posts that mention the city."""
