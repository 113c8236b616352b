"""Stacks: the root file systems that builds and apps stand on.

definition   what a stack is made of: a file that a person can edit (definitions/ holds the built-in ones)
store        where stacks lie: made once, immutable, shared by several processes; all that `stage` needs of this folder
making       a definition becomes a stack, by mmdebstrap (bootstrap, steps)
importing    roots that were made elsewhere become a stack
workshop     the namespaces in which roots are made, as root or as anybody (inside: what runs there)
machine      what is missing on this machine (`findings`)
"""

from stagewright.stacks.store import StackStore

__all__ = ["StackStore"]
