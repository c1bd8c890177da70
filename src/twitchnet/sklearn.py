"""A model as a classifier of scikit-learn: pipelines, cross-validation, its metrics.

Nothing is learnt: ``fit`` checks the columns.  The truth ``y`` has a column for each state of
each ranked cause but its baseline, in the order of ``classes_``: a person may have several.

scikit-learn's own averages over several columns have meanings of their own (``log_loss`` of a
matrix counts only what is present, ``brier_score_loss`` of two columns halves the sum):
compute them column by column, or ask ``Model.evaluate``.

It needs the extra ``sklearn``; importing this module imports scikit-learn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from twitchnet.errors import needs

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils.validation import check_is_fitted
except ImportError:
    raise needs("scikit-learn", "sklearn") from None

from twitchnet.api import Model, load
from twitchnet.batch.options import ScoreOptions
from twitchnet.batch.scoring.score import Scorer
from twitchnet.diagnosis.gain import gains
from twitchnet.diagnosis.hypotheses import columns

By = Literal["posterior", "gain"]


class DiagnosticClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The posteriors of a model, for frames of answers.

    ``model`` is a ``Model``, a bundled name or a path; ``by`` says whether ``predict`` and
    ``decision_function`` go by posterior or by gain (bits); ``threshold`` is the value from which
    a cause is predicted, .5 of a posterior and 0 bits of a gain when it is None.  ``options`` are
    those of ``Model.score``: columns, words and splits.

    Attributes after ``fit``: ``classes_`` (columns,), the causes as ``score`` names their columns;
    ``n_outputs_``, their number; ``feature_names_in_``, where the columns have names.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"leg_twitching": ["yes", "no"], "caffeine_intake": ["high", "none"]})
    >>> found = DiagnosticClassifier("demo").fit(frame)
    >>> found.predict_proba(frame).shape == (2, len(found.classes_))
    True
    """

    def __init__(
        self,
        model: Model | str = "twitchy_legs",
        *,
        by: By = "posterior",
        threshold: float | None = None,
        options: ScoreOptions | None = None,
    ) -> None:
        self.model = model
        self.by = by
        self.threshold = threshold
        self.options = options

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn may expect: no truth is needed, several may be true, blanks pass."""
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        tags.target_tags.required = False
        tags.target_tags.multi_output = True
        tags.classifier_tags.multi_label = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: N803
        """Checks the columns of ``X``, and that ``y`` has one for each of ``classes_``.

        Raises ``RecordError`` for columns that do not fit the model, ``ValueError`` for the rest.
        """
        if self.by not in ("posterior", "gain"):
            raise ValueError(f'by is "posterior" or "gain", not {self.by!r}')
        self.model_ = self.model if isinstance(self.model, Model) else load(self.model)
        self._codes(X)
        names = Scorer(self.model_._inference, details=False).target_columns
        self.classes_ = np.array(names, dtype=object)
        self.n_outputs_ = len(self.classes_)
        if hasattr(X, "columns"):
            self.feature_names_in_ = np.array([str(name) for name in X.columns], dtype=object)
            self.n_features_in_ = len(self.feature_names_in_)
        if y is not None and np.shape(y) != (len(X), self.n_outputs_):
            shape = f"({len(X)}, {self.n_outputs_})"
            raise ValueError(f"the truth has the shape {shape}, a column for each of classes_")
        if y is not None and not np.isin(y, (0, 1)).all():
            raise ValueError("the truth is 0 or 1, or False or True")
        return self

    def _codes(self, X: Any) -> NDArray[np.int8]:  # noqa: N803
        chosen = self.options or ScoreOptions()
        given: Mapping[str, Any] = {"names": chosen.names, "values": chosen.values}
        return self.model_.encode(X, **given, split=chosen.split)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """P(each of ``classes_`` | answers), (rows, columns): the multilabel shape.

        NaN in a row whose answers are impossible or too wide.  Raises ``RecordError`` for cells
        that cannot be read.
        """
        check_is_fitted(self)
        found: NDArray[np.float64] = self.model_.posteriors(self._codes(X)).probability
        return found

    def decision_function(self, X: Any) -> NDArray[np.float64]:  # noqa: N803
        """What ``predict`` compares with the threshold: posteriors, or gains in bits."""
        p = self.predict_proba(X)
        return p if self.by == "posterior" else self._gains(p)

    def _gains(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        inference = self.model_._inference
        return gains(p, 1.0 - p, *inference.prior_shares)

    def predict(self, X: Any) -> NDArray[np.int64]:  # noqa: N803
        """Which of ``classes_`` are predicted, (rows, columns) of 0 and 1."""
        least = self.threshold
        if least is None:
            least = 0.5 if self.by == "posterior" else 0.0
        found: NDArray[np.int64] = (self.decision_function(X) > least).astype(np.int64)
        return found

    def truth(self, frame: Any) -> NDArray[np.int64]:
        """The columns ``true_CAUSE`` of a frame as ``y``; raises ``ValueError`` for a gap."""
        from twitchnet.batch.labelled import labelled_frames

        check_is_fitted(self)
        network = self.model_.network
        true = labelled_frames(network, [frame]).truth
        at = {name: i for i, name in enumerate(network.ranked)}
        rows = [(true[:, at[name]] == state) for name, state in columns(network)]
        if (true < 0).any():
            raise ValueError("the truth is not known of every cause in every row")
        found: NDArray[np.int64] = np.stack(rows, axis=1).astype(np.int64)
        return found
