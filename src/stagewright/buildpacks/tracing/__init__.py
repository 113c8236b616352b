"""What makes buildpacks tell what they do, the same way for every dialect.

preamble.bash   read by every bash of a traced build: xtrace on a descriptor of its own
preamble        its content, and the environment that leads to it
shebangs        which scripts are bash's, and what is said of the others
xtrace          the file that the shells wrote becomes commands with times
switches        the variables that families of buildpacks know for telling more
"""

from stagewright.buildpacks.tracing.preamble import TRACING_VARIABLES, mark_of, preamble_script, tracing_environment
from stagewright.buildpacks.tracing.shebangs import Interpreter, coverage, interpreter_of
from stagewright.buildpacks.tracing.switches import DEBUG_SWITCHES, debug_environment
from stagewright.buildpacks.tracing.xtrace import read_xtrace

__all__ = [
    "DEBUG_SWITCHES",
    "TRACING_VARIABLES",
    "Interpreter",
    "coverage",
    "debug_environment",
    "interpreter_of",
    "mark_of",
    "preamble_script",
    "read_xtrace",
    "tracing_environment",
]
