"""A network with its weights, and what goes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from spacelang_runtime.nn.network import Network
    from spacelang_runtime.preprocessing import Preprocessing


@frozen(eq=False)
class SavedModel:
    """A network with its weights, what is known of where it comes from, and how its images are prepared."""

    network: Network
    notes: dict[str, object]
    preprocessing: Preprocessing


def of_folder(folder: str) -> SavedModel:
    """The model of a folder. Raises `Failure` where there is none."""
    from spacelang_runtime.nn.saved import load, notes_of, preprocessing_of

    return SavedModel(load(folder), notes_of(folder), preprocessing_of(folder))
