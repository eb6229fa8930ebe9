"""The meters that can be simulated, by the name a scenario uses; register maps from public sources, 2026-11."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firmware_sim.models.acrel import DDSY1352
from firmware_sim.models.eastron import SDM630
from firmware_sim.models.hiking import DDS238
from firmware_sim.models.schneider import IEM3155

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firmware_sim.models.model import Model

METER_MODELS: Mapping[str, Model] = {model.name: model for model in (SDM630, DDS238, DDSY1352, IEM3155)}
RELAY_MODELS = ("relay-board",)
