"""Frozen values and pure rules. No I/O, no clock, no third-party library: everything here can be made in a test by
writing it down."""
