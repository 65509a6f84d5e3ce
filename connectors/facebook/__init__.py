"""Facebook: a page's Messenger and the comments under its posts."""
