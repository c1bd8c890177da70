"""Values that notebooks show as a page, in rooms that know nothing of pages.

A network or a plan is made where no screen is known.  It inherits :class:`AtPrompt`; what its page
is, ``diagnosis.views`` says, which the public interface loads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Bundle = dict[str, str]
"""What a notebook is given: texts by their media type."""

_VIEWS: dict[str, Callable[[Any], Bundle]] = {}


def show_as(name: str, view: Callable[[Any], Bundle]) -> None:
    """Says how the values of a class are shown, by the name of the class."""
    _VIEWS[name] = view


class AtPrompt:
    """Text and HTML of the same page for notebooks; ``repr`` stays as it is."""

    __slots__ = ()

    def _repr_mimebundle_(self, **wanted: object) -> Bundle:
        """Text and HTML; text alone before the public interface is loaded."""
        view = _VIEWS.get(type(self).__name__)
        return {"text/plain": repr(self)} if view is None else view(self)
