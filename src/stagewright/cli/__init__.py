"""The command line: parse, call one verb of `services`, present what it returns.

main          the command, its sub-commands, how it ends
exit_codes    one table from Problem to exit code
options       what flags mean as values
show          events and results for a person, for a pipe, for a program
"""
