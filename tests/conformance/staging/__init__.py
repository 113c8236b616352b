"""Cloud Foundry's staging contract as tests: the same clauses against every builder that there is.

Each test says by its marker ``clause`` which clauses of docs/reference/conformance.md it asserts. What a test expects is taken
from the contract, never from what a builder of ours gave back.
"""
