"""The records of a batch as the engine reads them: ``BatchInput``, made and changed here alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twitchnet.batch.encoding.encode import Codes
from twitchnet.diagnosis.inference import Inference
from twitchnet.engine.host.batch import BatchInput
from twitchnet.engine.numpy.plan import evidence_arrays
from twitchnet.engine.program import Evidence, Floats, Ints
from twitchnet.engine.weights import balanced
from twitchnet.errors import Problem, RecordError, nearest


def make_rows(
    inference: Inference, codes: Codes, likelihood: Mapping[str, NDArray[Any]]
) -> BatchInput:
    """Codes (records, ``network.nodes``) and likelihoods as ``Model.posteriors`` takes them.

    Raises ``RecordError`` for likelihoods that cannot be used.
    """
    low, network = inference.lowered, inference.network
    names = [variable.name for variable in network.nodes]
    card = int(low.program.card.max())
    soft = np.full((len(codes), len(likelihood), card), np.nan)
    problems = []
    for i, (name, given) in enumerate(likelihood.items()):
        if name not in names:
            hint = nearest(name, names)
            problems.append(Problem("TN201", "the model has no such variable", name, hint=hint))
            continue
        weights = np.asarray(given, dtype=np.float64)
        shape = (len(codes), network.by_name[name].card)
        if weights.shape != shape:
            message = f"weights have the shape {shape}, not {weights.shape}"
            problems.append(Problem("TN206", message, name))
            continue
        problems += _wrong_weights(name, weights, codes[:, names.index(name)])
        soft[:, i, : shape[1]] = weights
    if problems:
        raise RecordError(problems)
    node_of = np.array([low.index[name] for name in names], dtype=np.int64)
    soft_of = np.array([low.index[name] for name in likelihood], dtype=np.int64)
    return BatchInput(codes, node_of, soft, soft_of)


def _wrong_weights(name: str, weights: Floats, codes: Codes) -> list[Problem]:
    """The fault of the first likelihood of a variable that cannot be used."""
    given = ~np.isnan(weights).all(axis=1)
    with np.errstate(invalid="ignore"):
        wrong = ~(np.isfinite(weights) & (weights >= 0)).all(axis=1) | (weights.sum(axis=1) == 0)
    for rows, code, message in (
        (given & wrong, "TN206", "weights must be finite, >= 0 and not all 0"),
        (given & (codes >= 0), "TN204", "a likelihood and an answer for one variable"),
    ):
        if rows.any():
            return [Problem(code, f"row {np.flatnonzero(rows)[0]}: {message}", name)]
    return []


def with_fixed(rows: BatchInput, fixed: Mapping[int, int]) -> BatchInput:
    """The same records with the same further answer in all of them: node -> state."""
    nodes = rows.node_of.tolist()
    at = [nodes.index(node) for node in fixed if node in nodes]
    new = [node for node in fixed if node not in nodes]
    codes = np.empty((len(rows.codes), len(nodes) + len(new)), dtype=np.int8)
    codes[:, : len(nodes)] = rows.codes
    codes[:, at] = [fixed[nodes[i]] for i in at]
    codes[:, len(nodes) :] = [fixed[node] for node in new]
    node_of = np.concatenate([rows.node_of, np.array(new, dtype=np.int64)])
    return rows._replace(codes=codes, node_of=node_of)


def only(rows: BatchInput, at: Ints) -> BatchInput:
    """The records ``at``."""
    return rows._replace(codes=rows.codes[at], soft=rows.soft[at])


def without_scale(rows: BatchInput) -> tuple[BatchInput, Floats]:
    """The rows with likelihoods of a size near 1, and the log of the factors taken out."""
    soft, exponent = balanced(rows.soft)
    nodes = rows.node_of.tolist()
    for i, node in enumerate(rows.soft_of.tolist()):
        if node in nodes:  # an answer replaces a likelihood
            exponent[rows.codes[:, nodes.index(node)] >= 0, i] = 0
    return rows._replace(soft=soft), exponent.sum(axis=1) * np.log(2.0)


def evidence_of(inference: Inference, rows: BatchInput, row: int) -> Evidence:
    """One record of a batch as arrays over the nodes."""
    evidence = evidence_arrays(inference.lowered.program)
    evidence.hard[rows.node_of] = rows.codes[row]
    for node, weights in zip(rows.soft_of, rows.soft[row], strict=True):
        if not np.isnan(weights[0]) and evidence.hard[node] < 0:
            card = int(inference.lowered.program.card[node])
            evidence.is_soft[node] = True
            evidence.soft[node, :card] = weights[:card]
    return evidence
