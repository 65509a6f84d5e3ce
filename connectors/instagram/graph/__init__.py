"""Instagram through Meta's own API, the official way."""
