"""Instagram: direct messages, comments and mentions of a professional account."""
