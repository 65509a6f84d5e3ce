"""The JSON API, `/api/v1`: for programs, and for the screens that are made of it."""
