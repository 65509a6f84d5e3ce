"""Search over all appeals of all years, in the database itself: the same answers on both kinds.

A document of normalized words stands for each appeal (`documents`, `words`); what is asked goes
through the same folding (`query`), and is found newest first (`finding`, `lists`). A worker keeps
the documents up to date (`following`, `storing`).
"""
