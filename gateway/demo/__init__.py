"""The demonstration: simulated meters, an embedded broker, the real daemon and a head-end, on one machine."""
