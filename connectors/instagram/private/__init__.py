"""Instagram through the private API of its app: opt-in, and against Instagram's terms of use."""
