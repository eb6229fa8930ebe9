"""Deterministic simulation: the whole gateway in virtual time, with every fault on every port (docs/proof.md)."""
