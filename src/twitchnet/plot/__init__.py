"""Plots of what the library computes, drawn into matplotlib Axes (the extra ``plot``).

Each function takes and returns Axes, new ones when none are given.  Colours are those of Okabe and
Ito (2008, "Color universal design"), which colour-blind people can tell apart; and nothing is said
by colour alone.

>>> import twitchnet as tn
>>> ax = tn.plot.ranking(tn.load("demo").diagnose(leg_twitching=True))
>>> ax.get_xlabel()
'information gain of the answers (bits)'
"""

from twitchnet.plot.answers import next_questions, waterfall
from twitchnet.plot.batches import leaders, urgencies
from twitchnet.plot.causes import heat_map, prior_to_posterior, ranking
from twitchnet.plot.numbers import calibration, sensitivity_function, tornado

__all__ = [
    "calibration",
    "heat_map",
    "leaders",
    "next_questions",
    "prior_to_posterior",
    "ranking",
    "sensitivity_function",
    "tornado",
    "urgencies",
    "waterfall",
]
