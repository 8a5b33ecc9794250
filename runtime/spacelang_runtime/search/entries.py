"""What a search knows, as rows of its journal."""

from __future__ import annotations

import numpy as np

from spacelang import notation
from spacelang_runtime.search.answers import Answers
from spacelang_runtime.search.candidate import Candidate
from spacelang_runtime.search.finalists import Final
from spacelang_runtime.search.journal_rows import Finalist, NetworkRow, PartialScore, Proposed


def of_candidate(candidate: Candidate) -> Proposed:
    """A candidate that is asked for."""
    entry = NetworkRow(candidate.digest, notation.write(candidate.architecture), candidate.flops, candidate.params)
    return Proposed(entry, candidate.operator, candidate.parents, candidate.costs)


def of_answers(answers: Answers) -> PartialScore:
    """What a candidate did on the images that it was judged on."""
    return PartialScore(len(answers), answers.correct, of_loss(answers.loss))


def of_finalist(one: Final) -> Finalist:
    """A finalist, as it was placed."""
    return Finalist(one.candidate.digest, one.images, one.correct, of_loss(one.loss), *(one.apart or (None, None)))


def of_loss(loss: float) -> float | None:
    """A mean cross-entropy; None where losses were not kept."""
    return None if np.isnan(loss) else loss
