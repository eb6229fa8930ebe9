"""The figures that must hold, in one place; `make bench` and CI both compare with these."""

from __future__ import annotations

METERS = 20
CPU_RATIO_MAX = 1.25
"""CPU per 1,000 readings: the daemon with everything on, as a multiple of the floor in the same run."""
RSS_MAX_MIB = 50.0
TOP_UP_P99_MAX_MS = 250.0
"""From publishing a signed top-up to the relay being commanded, 20 meters polled each second on the same line."""
