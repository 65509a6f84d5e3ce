"""What the pages stand on: languages, assets, static files."""
