"""What the gateway costs, measured: `python -m bench` (see docs/bench.md)."""
