"""What Stagewright is measured by: ratios against a peer on the same work, by the installed command, with the sandbox on.

    python -m benchmarks            all of them
    python -m benchmarks NAME…      packing, overhead, second
    python -m benchmarks --json     the same as data

A benchmark never fails because of time: machines are shared and noisy. It prints what was measured, the target beside it, and
how busy the machine was. README.md tells how to read it.
"""
