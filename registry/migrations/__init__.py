"""The schema's history, one revision a file; `registry.migrate` carries a database along it.

After a change of `registry.models`, `python -m registry.migrations "what changes"` drafts the next
revision. It is a draft: read it, tidy it, and think of the data that is there.
"""
