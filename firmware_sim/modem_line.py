"""The cable of a modem: a pty with one modem at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware_sim.line import Line
from firmware_sim.modem import Modem
from firmware_sim.pty import Pty

if TYPE_CHECKING:
    from pathlib import Path

    from firmware_sim.clock import Clock
    from firmware_sim.plant import ModemSpec


class ModemLine(Line):
    """A line that carries AT commands instead of Modbus; it has the modem's id."""

    def __init__(self, spec: ModemSpec, folder: Path, clock: Clock, *, seed: int = 0) -> None:
        path = folder / spec.path
        super().__init__(spec.id, path=path)
        self._pty = Pty(path, self._on_bytes)
        self.modem = Modem(spec, clock, self._pty.say, seed=seed)

    async def replug(self) -> None:
        """See `Line`: a fresh pty under the same path; the modem never lost its power."""
        self._pty.plug()
        self.plugged = True

    async def unplug(self) -> None:
        """See `Line`."""
        self._pty.unplug()
        self.plugged = False

    def endpoint(self) -> dict[str, object]:
        """See `Line`."""
        return {"id": self.id, "pty": str(self.path)}

    def _on_bytes(self, data: bytes) -> None:
        self.modem.hear(data)
