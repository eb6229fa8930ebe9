"""Planted bugs: would the proofs notice? Each is one entry of bugs.toml (docs/proof.md says how to add one)."""
