"""Why a code is refused.

`code` is the slug that adapters put in a problem document. What was typed is never repeated: a form
field may hold anything, a person's name included.
"""

from __future__ import annotations

from typing import ClassVar

from territory.model import Commune


class TerritoryError(Exception):
    """A place could not be used."""

    code: ClassVar[str]


class UnknownCommune(TerritoryError):
    """This is not the code of a French commune (five characters of the official geographic code, not a postal code)."""

    code = "unknown_commune"

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class MergedCommune(TerritoryError):
    """The commune no longer exists under this code; use its successor's."""

    code = "commune_merged"

    def __init__(self, old_code: str, old_name: str | None, successor: Commune) -> None:
        old = f"{old_name} ({old_code})" if old_name else f"the commune {old_code}"
        super().__init__(f"{old} is now part of {successor.name} ({successor.code})")
        self.old_code = old_code
        self.old_name = old_name
        """None for about half of the old codes: the source names only parts that still have a mayor."""
        self.successor = successor


class UnknownCollectivity(TerritoryError):
    """This is not the code of a collectivity (93D, 69M, 6AE, 20R …)."""

    code = "unknown_collectivity"

    def __init__(self) -> None:
        super().__init__(self.__doc__)
