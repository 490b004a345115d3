"""The live view of `cuddy top`: all containers at a terminal.

    view ── order ──▶ feed ── forks ──▶ log reader      one process each
         ◀─ look, event, details ─  ◀── lines ──

view         the way in and out: start here
feed         the process that looks at the engine
details      what it tells of one container
log_reader   the process that follows its log
sgr          what that may show: colours, and nothing else that a terminal obeys
app          the view itself: what is on the screen, what keys do
layout       where, and which key does what
columns      the columns of the table
table        the table of containers
pane         lines that grow: log, events, details
lines        what comes from the feed as such lines
bars         the single lines: sums, panes, keys
dialogs      a question, and the help
actions      what can be done to a container
shell        a shell in it
"""
