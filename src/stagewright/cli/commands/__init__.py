"""The sub-commands, a module a theme. Each parses, calls one verb of `services` and presents what it returns."""
