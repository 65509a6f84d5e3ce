"""The telephone exchange: who is on the line, who waits, who is offered which call.

It knows no provider: connectors bring what happened, and carry out what is decided.
"""
