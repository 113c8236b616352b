"""How events and results are shown.

wording     an event becomes lines of words, each with a role; no colour, no terminal
safety      what a buildpack wrote cannot take over a terminal
log         lines for a pipe, and for a terminal with colour and a bar that moves
jsonlines   one JSON object an event
tables      lists and summaries
"""
