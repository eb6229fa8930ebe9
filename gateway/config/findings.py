"""Everything wrong with a configuration in one go: mistakes that refuse the start, and warnings that do not.

A technician on site corrects a file once, not once per mistake. Each finding is a sentence that names file, key and
value, and what would be right.
"""

from __future__ import annotations

from gateway.errors import ConfigError


class Findings:
    """Collects while files are read and compared; `raise_if_any` ends a start that must not happen."""

    def __init__(self) -> None:
        self.errors: list[ConfigError] = []
        self.warnings: list[str] = []

    def refuse(self, message: str, *, file: str = "", key: str = "", hint: str = "") -> None:
        """One mistake; the start will be refused."""
        self.errors.append(ConfigError(message, file=file, key=key, hint=hint))

    def warn(self, message: str, *, key: str = "") -> None:
        """Something that works and that somebody should know."""
        self.warnings.append(f"{key}: {message}" if key else message)

    def raise_if_any(self) -> None:
        """Raise the one mistake, or one ConfigError that lists all of them, a line each."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            lines = "\n".join(f"  {number}. {error}" for number, error in enumerate(self.errors, 1))
            raise ConfigError(f"{len(self.errors)} mistakes in the configuration:\n{lines}")
