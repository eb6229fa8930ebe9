"""A prepaid smart-meter gateway: reads meters, keeps credit, enforces the supply ladder, talks to a head-end."""

__version__ = "0.1.0"
