"""The reference head-end: what an operator or a test needs to speak with a gateway, and nothing a utility would run."""
