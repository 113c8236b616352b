"""What the heart needs of the world, as small protocols by theme. Implementations live in `sandbox` and `storage`; every
implementation of a port passes the same class of tests in tests/contracts."""
