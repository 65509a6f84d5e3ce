"""The pages of the desk: each module reads, renders, and says in `PAGES` where it stands."""
