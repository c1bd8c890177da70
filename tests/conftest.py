"""Settings for every test."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# No deadline: the machine may be busy.  In CI the examples are the same in every run, so
# that a red run means a change; elsewhere hypothesis keeps looking for new ones.
settings.register_profile("dev", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture
def own_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models that are made in a test plan every record of a batch by itself."""
    monkeypatch.setattr("twitchnet.engine.host.shared_schedule.MOST_NODES", 0)
