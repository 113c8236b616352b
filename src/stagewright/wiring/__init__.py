"""The one place that chooses implementations, a module a door, so that each door loads only what it needs."""
