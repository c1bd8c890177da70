"""How are networks, variables and plans shown, which know nothing of pages themselves?"""

from __future__ import annotations

from twitchnet.diagnosis.pages import HasPage, table
from twitchnet.diagnosis.report.overview import overview
from twitchnet.diagnosis.report.variable import variable_page
from twitchnet.model.network import Network, Variable
from twitchnet.prompt import Bundle, show_as
from twitchnet.show.page import Page


class PlanView(HasPage):
    """A plan: its lines, a name and what it is, as a table."""

    def __init__(self, plan: object) -> None:
        self.lines = str(plan).splitlines()

    def signed(self) -> Page:
        """The page."""
        title, *rest = self.lines
        section = table("Planned", "what | *value", (tuple(one.split(None, 1)) for one in rest))
        return Page(title, () if section is None else (section,))


def _plan(plan: object) -> Bundle:
    return PlanView(plan).bundle()


def _network(network: Network) -> Bundle:
    return overview(network).bundle()


def _variable(variable: Variable) -> Bundle:
    return variable_page(variable).bundle()


for name in ("Plan", "CompiledPlan", "SharedPlan"):
    show_as(name, _plan)
show_as("Network", _network)
show_as("Variable", _variable)
