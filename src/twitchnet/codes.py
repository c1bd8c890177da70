"""What does each code mean, and what cures it?

The one table of codes: TN1xx are about a model (TN180 to TN199 are warnings), TN2xx of a
record, TN3xx of capacity (from TN390 on of errors of ours), TN4xx of anchors.  A code is
never given another meaning.  Errors, reject files and JSON carry the code; docs/codes.md is
made from this table.  Data only: imports nothing of ours.
"""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """One kind of problem: its stable code, a title, why it matters, and the cure."""

    code: str
    title: str
    explanation: str
    cure: str


_TABLE = (
    # The file as a whole.
    Code(
        "TN100",
        "The file cannot be read",
        "There is no such file, it is a folder, or reading it is not permitted.",
        "Check the path; `twitchnet models` lists the bundled models.",
    ),
    Code(
        "TN101",
        "The file is not UTF-8",
        "A model file is UTF-8 text, so that every reader sees the same characters.",
        "Save the file as UTF-8.",
    ),
    Code(
        "TN102",
        "The file is empty",
        "There is no document in the file, or no variable in its network.",
        "Start from models/demo.yaml.",
    ),
    Code(
        "TN103",
        "The file is too large",
        "Files above the size limit are refused before they are parsed.",
        "Split the model, or shorten its words.",
    ),
    Code(
        "TN104",
        "The file is nested too deep",
        "Nesting above the limit is refused while it is read.",
        "A model needs about ten levels; look for a bracket that is never closed.",
    ),
    Code(
        "TN105",
        "The YAML cannot be read",
        "The text breaks the grammar of YAML, so nothing after this place is known.",
        "Look at the place and the line above it: indent, quotes, brackets, colons.",
    ),
    Code(
        "TN106",
        "A key is given twice",
        "Two values for one key: one of them would be lost without a word.",
        "Remove one, or rename it.",
    ),
    Code(
        "TN107",
        "An anchor, an alias or a merge key",
        "A value must stand where it is used, so that a line can be read by itself.",
        "Write the value out.",
    ),
    Code(
        "TN108",
        "A tag",
        "Tags (`!name`, `!!str`) give a value another type than its text says.",
        "Remove the tag; put text that looks like a number in quotes.",
    ),
    Code(
        "TN109",
        "More than one document",
        "One file is one model.",
        "Remove the second `---` and what follows it, or make it a file of its own.",
    ),
    Code(
        "TN110",
        "A number that is not finite",
        "`.nan`, `.inf` and numbers too large to hold cannot be probabilities.",
        "Write a number.",
    ),
    Code(
        "TN111",
        "A key that is not a word",
        "A key must be a single piece of text, not empty, a list or a mapping.",
        "Write the key as one word.",
    ),
    # Names.
    Code(
        "TN112",
        "No such variable",
        "A name is used that no context, cause, finding or screen declares.",
        "Correct the name, or declare the variable.",
    ),
    Code(
        "TN113",
        "No such state",
        "A state is named that the variable does not have.",
        "Correct the state, or add it to the variable's `states`.",
    ),
    Code(
        "TN114",
        "No such source",
        "A source key is used that `sources` does not declare.",
        "Correct the key, or declare the source.",
    ),
    Code(
        "TN115",
        "No such link",
        "A link is named that the mechanisms do not have.",
        "Correct the two names of `parent -> child`, or add the link.",
    ),
    Code(
        "TN116",
        "No such rule, option or item",
        "Coverage refers to something that is not in the model.",
        "Correct the reference.",
    ),
    Code(
        "TN117",
        "A cycle",
        "A variable depends on itself through its parents; probabilities need an order.",
        "Remove or turn round one of the links that the message spells out.",
    ),
    Code(
        "TN118",
        "A name is declared twice",
        "Names are unique across contexts, causes, findings and screens.",
        "Rename one of the two.",
    ),
    Code(
        "TN119",
        "A name that cannot be used",
        "Names are letters, digits and underscores and start with a letter; states have no "
        "spaces and none of = & | ( ) , so that `name=state` can be typed and read.",
        "Rename it; the label may say anything.",
    ),
    # The shape of the document.
    Code(
        "TN120",
        "A key that is not known here",
        "The format does not have this key in this place.",
        "Correct the key; models/FORMAT.md lists the keys of each place.",
    ),
    Code(
        "TN121",
        "A key is missing",
        "A part that the format requires is not there.",
        "Add the key.",
    ),
    Code(
        "TN122",
        "A value of the wrong type",
        "For example text where a number is expected, or a list where text is expected.",
        "Write the value as the message says.",
    ),
    Code(
        "TN123",
        "A word that is not one of the choices",
        "Some keys take one of a few words.",
        "Use one of the words that the message lists.",
    ),
    Code(
        "TN124",
        "A format version that is not known",
        "The first key, `twitchnet`, says which version of the format the file follows.",
        "Write `twitchnet: 1`, or use a newer twitchnet.",
    ),
    Code(
        "TN125",
        "Keys that do not go together",
        "Each kind of mechanism, number and effect has its own keys.",
        "Remove one of the keys that the message names.",
    ),
    # Numbers.
    Code(
        "TN130",
        "A probability outside 0 to 1",
        "Probabilities are shares of 1, not percentages.",
        "Divide a percentage by 100.",
    ),
    Code(
        "TN131",
        "A range that does not hold its value",
        "A range is [low, high] with low <= value <= high.",
        "Correct the value or the range.",
    ),
    Code(
        "TN132",
        "A range that touches 0 or 1",
        "Ranges are read on the logit scale, where 0 and 1 are infinitely far away.",
        "Write a small number such as .0005 for 0, or .9995 for 1.",
    ),
    Code(
        "TN133",
        "Probabilities that do not add up to 1",
        "The probabilities of the states of one variable are shares of a whole.",
        "Correct them, or leave the first state out: it takes the rest.",
    ),
    Code(
        "TN134",
        "The wrong number of entries",
        "A table has one entry for each state of each variable of its `by`.",
        "Add or remove entries so that there is one for each state, in order.",
    ),
    Code(
        "TN135",
        "A shared range without its reference value",
        "When cells with different values share one range, `overall` says which value the "
        "range belongs to.",
        "Add `overall`, or give each cell a range of its own: {p: .1, range: [.05, .2]}.",
    ),
    Code(
        "TN136",
        "A number without a source",
        "Every number says where it comes from.",
        "Add `source`; a judgement is a source too; a definition is `fixed: true`.",
    ),
    Code(
        "TN137",
        "A factor outside its bounds",
        "A factor is the share that remains: 0 removed, 1 no effect; its range may pass 1.",
        "Correct the factor.",
    ),
    # Structure.
    Code(
        "TN140",
        "A variable without a mechanism",
        "Every context, cause and finding needs its numbers under `mechanisms`.",
        "Add the mechanism, or make the variable a screen question.",
    ),
    Code(
        "TN141",
        "A screen question in the network",
        "A screen question has no probability: only rules read it.",
        "Remove it from here, or make it a finding with a mechanism.",
    ),
    Code(
        "TN142",
        "A descriptor of something that is not a noisy-OR finding",
        "A descriptor describes what is producing a finding, which only a noisy-OR defines.",
        "Describe a noisy-OR finding.",
    ),
    Code(
        "TN143",
        "A descriptor of a descriptor",
        "Only the finding itself has producers.",
        "Describe the finding itself.",
    ),
    Code(
        "TN144",
        "A descriptor linked to something that does not produce its finding",
        "P(descriptor | this cause is producing the finding) has no meaning without a link "
        "from the cause to the finding.",
        "Remove the link, or link the cause to the finding.",
    ),
    Code(
        "TN145",
        "A link that cannot act",
        "A baseline state produces nothing, and a state of a parent has one link only.",
        "Name another state, or remove one of the links.",
    ),
    Code(
        "TN146",
        "A mechanism that needs a variable with two states",
        "Noisy-OR, noisy-AND and descriptors say absent or present, nothing between.",
        "Use `kind: noisy_max`, or a table.",
    ),
    Code(
        "TN147",
        "The wrong number of states",
        "A variable has 2 to 127 different states; the first is its baseline.",
        "Correct `states`.",
    ),
    Code(
        "TN148",
        "The model is too large",
        "Sizes are bounded so that a file cannot exhaust the memory of its reader.",
        "Use fewer variables, states or modifiers.",
    ),
    Code(
        "TN149",
        "A number that belongs to no table",
        "A parameter's node, part or cells do not exist in the network.",
        "Build parameters from the arrays that they describe.",
    ),
    # Foreign formats.
    Code(
        "TN150",
        "The file breaks the grammar of its format",
        "Something else is expected at this place, so nothing after it is known.",
        "Look at the place; the head of each module in io/ has the grammar of its format.",
    ),
    Code(
        "TN151",
        "An entity or an external document type",
        "XML entities can grow without bound or fetch other files, so none is read.",
        "Write the text out where the entity stands.",
    ),
    Code(
        "TN152",
        "A kind of node that is not supported",
        "Networks here are discrete and without decisions: tables, noisy-OR, noisy-MAX.",
        "Change the type of the node in the program that wrote the file.",
    ),
    Code(
        "TN153",
        "A format that is not known",
        "The suffix of a file says its format.",
        "Use one of .yaml, .bif, .xml, .bifxml, .uai, .xdsl, .net, .dne and .pgmx; .gz may follow.",
    ),
    Code(
        "TN154",
        "A network that the format cannot hold",
        "Each format has limits of its own.",
        "Write another format.",
    ),
    # Rules and care.
    Code(
        "TN160",
        "A condition that cannot be read",
        "Conditions are names, name=state, &, |, brackets and at_least(k, ...).",
        "Correct the condition at the place that the message names.",
    ),
    Code(
        "TN161",
        "More than one default rule",
        "One rule at most holds when nothing fired.",
        "Keep one `default: true`.",
    ),
    Code(
        "TN162",
        "An effect on something that cannot have it",
        "A factor acts on a cause or a link; a state is set on a context.",
        "Name a variable of the right kind.",
    ),
    Code(
        "TN163",
        "A code or a fact of a person that cannot be used",
        "A code has the form of its system's codes, and stands at one variable.",
        "Correct the code, or leave it at the variable that it fits exactly.",
    ),
    # Warnings.
    Code(
        "TN180",
        "A source that nothing uses",
        "It may be a misspelled twin of another, or a number may have lost its source.",
        "Use it or remove it.",
    ),
    Code(
        "TN181",
        "A number in short form without a source",
        "`leak: .03` is fine for a sketch; a finished model says where each number is from.",
        "Write {p: .03, range: [.01, .08], source: key}.",
    ),
    Code(
        "TN182",
        "A number without a range",
        "Without a range the number counts as exact, and no report can show its uncertainty; where "
        "no number has one, `uncertainty` and `--intervals` refuse to answer.",
        "Add `range: [low, high]`, or `fixed: true` for a definition.",
    ),
    Code(
        "TN183",
        "A link below the leak's effect",
        "The link multiplies the probability of its child by less than 1.25 at most, so "
        "hardly any answer can show it, and it costs time in every query.",
        "Remove the link, or check that it is not ten times too small.",
    ),
    Code(
        "TN184",
        "A variable that nothing uses",
        "No mechanism, rule, option or condition reads it.",
        "Use it or remove it.",
    ),
    Code(
        "TN185",
        "A cause without findings",
        "Nothing that can be seen depends on the cause, so no answer can change it.",
        "Add links to findings, or leave the cause out.",
    ),
    Code(
        "TN186",
        "A planned cost that is high",
        "Exact answers to full questionnaires will need many table cells.",
        "Look for findings with many parents and for arcs between causes.",
    ),
    Code(
        "TN187",
        "A variable without a question",
        "It will be asked about by its label alone.",
        "Add `question` in plain words.",
    ),
    Code(
        "TN188",
        "A file that was read as its writer meant it",
        "Some programs write tables in another order than the format defines; files that bear "
        "the marks of such a program are read in its order.",
        "Nothing, when the note names the program that wrote the file; else say the order: "
        "`order` of tn.load, `--order` of `twitchnet convert`.",
    ),
    Code(
        "TN189",
        "A role or a baseline that had to be guessed",
        "The file does not say whether the variable is a context, a cause or a finding, or which "
        "of its states is the ordinary one.",
        "Nothing, when the guess is right; else say it in a file beside the network "
        "(docs/formats.md), or with `roles` and `baselines` of tn.load.",
    ),
    # The record.
    Code(
        "TN201",
        "No such variable in the model",
        "The record answers something that the model does not have.",
        "Correct the name.",
    ),
    Code(
        "TN202",
        "No such state",
        "The variable does not have the state that the record gives.",
        "Use one of the states that the message lists.",
    ),
    Code(
        "TN203",
        "Yes or no for a variable with other states",
        "True, False, 0, 1, yes and no answer variables that are absent or present.",
        "Name the state.",
    ),
    Code(
        "TN204",
        "Answers that contradict each other",
        "Two answers of the record cannot both hold.",
        "Correct one of the answers that the message names.",
    ),
    Code(
        "TN205",
        "An impossible combination",
        "The answers together have probability 0 in the model.",
        "Correct one of the answers that the message names.",
    ),
    Code(
        "TN206",
        "A likelihood that cannot be used",
        "A likelihood gives a finite weight of at least 0 to states, not all of them 0.",
        "Correct the weights.",
    ),
    Code(
        "TN207",
        "A record file that cannot be read",
        "A record file is one JSON object of answers by name, each name once, in UTF-8.",
        'Write {"name": "state", ...}, or save what `twitchnet rank --json` prints.',
    ),
    # Tables of records.
    Code(
        "TN210",
        "A table of records that cannot be read",
        "Files are CSV (plain, gz, zst), Parquet, Arrow, JSON Lines or Excel, whole, text in UTF-8 "
        "or in the encoding that --encoding names.",
        "Check that the file is whole and that its suffix or --format says what it is; for text "
        "that is not UTF-8 give its encoding, such as --encoding cp1252.",
    ),
    Code(
        "TN211",
        "A row that cannot be read",
        "The row has too many or too few cells, or is not JSON.",
        "Correct the row; the others are scored all the same.",
    ),
    Code(
        "TN212",
        "Two columns of one name",
        "Nobody can tell which of the two is meant.",
        "Rename one of the columns, or leave it out.",
    ),
    Code(
        "TN213",
        "A column map that cannot be read",
        "A column map is a YAML or JSON mapping of columns to names of variables.",
        'Write `column: variable`, one a line; "" leaves a column alone.',
    ),
    Code(
        "TN214",
        "A record in pieces, or without an id",
        "In a long table the rows of one record stand together and name it.",
        "Fill the column record_id and sort the table by it.",
    ),
    Code(
        "TN215",
        "Text that is not in the encoding of the file",
        "Text is UTF-8, or in the encoding that --encoding names (`encoding` of tn.FileOptions).",
        "Give the encoding of the file: --encoding cp1252 for most older files of Windows.",
    ),
    Code(
        "TN216",
        "A column that Spark cannot send",
        "All columns of a Spark DataFrame travel to Python as Arrow, which has no place for "
        "intervals of years or months and for structs with two fields of one name.",
        "Cast the column to a string, or drop it before scoring.",
    ),
    Code(
        "TN217",
        "A sheet that is too large",
        "A workbook is read as a whole: at most 50 million cells from the first to the last one, "
        "blank ones too, with 4 GB of memory.",
        "Save the sheet as CSV or Parquet; cells far outside of the table may be deleted before.",
    ),
    Code(
        "TN218",
        "A sheet that the workbook does not have",
        "The option --sheet names one of its sheets; without it the first one is read.",
        "Take one of the names that are listed.",
    ),
    Code(
        "TN220",
        "A run that cannot go on",
        "The interrupted run had another model, other inputs or other options, or what it left "
        "in `OUT.partial` is damaged.",
        "Repeat the run as it was, or start again without --resume.",
    ),
    Code(
        "TN221",
        "Two runs that write to one output",
        "Each output is written by one run at a time.",
        "Wait for the other run, or write to another file.",
    ),
    Code(
        "TN222",
        "An output that would replace an input",
        "Output, rejects and the file beside them have names of their own.",
        "Write to another file.",
    ),
    Code(
        "TN223",
        "An output that is neither a file nor a pipe",
        "Files are replaced, pipes and devices of characters are written to; a socket or a disk "
        "is neither.",
        "Write to a file, or to standard output with `-o -`.",
    ),
    Code(
        "TN224",
        "A value that the output cannot hold",
        "A column that stays has a value that the format of the output has no text for.",
        "Write Parquet or Arrow, or leave the columns out with `--keep none`.",
    ),
    # Capacity.
    Code(
        "TN225",
        "An ontology that cannot be read",
        "The terms of the Human Phenotype Ontology are read from its OBO file.",
        "Give hp.obo, or install the extra: pip install 'twitchnet[hpo]'.",
    ),
    Code(
        "TN226",
        "A coded document that cannot be read",
        "Coded records are Phenopackets and FHIR QuestionnaireResponses, as JSON.",
        "Correct the document at the place that the message names.",
    ),
    Code(
        "TN301",
        "Too wide to answer exactly: the budget",
        "The planned cost of this record is above the budget; nothing has been computed.",
        "Answer more contexts, leave out findings, or raise the budget (`budget` of `tn.load`, "
        "`--budget`). A score asks for less than a diagnosis, so `model.score` may still answer.",
    ),
    Code(
        "TN302",
        "Too wide to answer exactly: the workspace",
        "The tables of this record do not fit the workspace, not even in passes.",
        "Answer more contexts, leave out findings, or enlarge the workspace (`workspace` of "
        "`tn.load`).",
    ),
    Code(
        "TN303",
        "Too wide to answer exactly: planning",
        "Planning a record has a limit of its own, a count of steps; no affordable order was "
        "found within it.",
        "Answer more contexts, or leave out findings.",
    ),
    Code(
        "TN390",
        "A probability came out below 0 or above 1",
        "By more than rounding explains: an error of twitchnet, so nothing is answered.",
        "Please report the model and the record.",
    ),
    # Queries.
    Code(
        "TN401",
        "A query that cannot be read",
        "A query of a table of anchors is arithmetic on P(...), odds(...), rank(...) and the like.",
        "Correct the query at the character that the message names.",
    ),
    Code(
        "TN402",
        "Anchors of another model",
        "A table of anchors names the model whose answers it judges.",
        "Correct `model`, or move the file beside its own model.",
    ),
    Code(
        "TN403",
        "No such cell",
        "An expected failure names a cell that its grid does not have.",
        "Correct the cell: `row/column`, or `row` when there is one column.",
    ),
)

CODES: dict[str, Code] = {code.code: code for code in _TABLE}
"""Every code by its name, in order."""

_CHAPTERS = {
    "TN1": "A model is wrong",
    "TN2": "A record is wrong",
    "TN3": "Nobody's fault, or ours",
    "TN4": "A table of anchors is wrong",
}


def page() -> str:
    """The text of docs/codes.md, which a test compares with the file."""
    lines = [
        "# Codes of problems",
        "",
        "Errors, reject files and JSON carry these codes. A code is never given another meaning.",
        "TN180 to TN199 are warnings; all others are errors.",
    ]
    for prefix, title in _CHAPTERS.items():
        lines += [
            "",
            f"## {title}",
            "",
            "| code | problem | why | what to do |",
            "|---|---|---|---|",
        ]
        for code in CODES.values():
            if code.code.startswith(prefix):
                lines.append("| " + " | ".join(part.replace("|", "\\|") for part in code) + " |")
    return "\n".join(lines) + "\n"
