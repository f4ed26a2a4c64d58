# SPDX-License-Identifier: Apache-2.0
"""Which map for a workload, from a finished run: of a description, of the figures of a trace, or of both."""

import contextlib
import dataclasses
import json
import math
import os
import pathlib
import shlex
import shutil
import subprocess


class AnswerError(Exception):
    """One sentence that names the thing and the remedy."""


def of_trace(result):
    """Fields of a description from the figures of a trace, as a person would write them; what is not known is left out."""
    figures = result["figures"]
    fields = {}
    inserting = not result["has_operations"] or figures["shares"].get("load_or_store", 0) > 0.5
    if inserting and "unknown" not in figures["reuse_rate"]:
        fields["reuse"] = f"{figures['reuse_rate']['value']:.4g}"
    elif not inserting:
        fields["reads"] = f"{100 * figures['read_share']:.4g}"
        # Fewer change nothing, and with more than there are stores a map runs empty, which no workload describes.
        if 0.01 <= figures["delete_share"] <= 1 - figures["read_share"] - figures["delete_share"]:
            fields["deletes"] = f"{100 * figures['delete_share']:.4g}"
    present = 0 if "unknown" in figures["growth"] else max((point["present"] for point in figures["growth"]), default=0)
    distinct = 0 if "unknown" in figures["distinct"] else figures["distinct"]["value"]
    keys = round(present or distinct)
    if keys >= 1:
        fields["keys"] = f"{keys}"
    if "unknown" not in figures["value_bytes"]:
        fields["value"] = f"{figures['value_bytes']['mean']:.0f}"
    if "unknown" not in figures["top100_share"] and distinct > 200 and not inserting:
        fields["skew"] = f"{zipf_exponent(figures['top100_share']['value'], round(distinct)):.2g}"
    seconds = 0 if "unknown" in figures["arrivals"] else figures["arrivals"]["seconds"]
    if seconds > 0:
        recorded = result["recorded"] or {"rate": 1}
        fields["rate"] = f"{max(1, round(recorded.get('of_operations', result['operations'] / recorded['rate']) / seconds))}"
    return fields


def zipf_exponent(share, keys, top=100):
    """The exponent at which the most popular `top` of so many keys draw this share of the operations; 0 to 3."""
    def drawn(theta):
        return _harmonic(top, theta) / _harmonic(keys, theta)

    low, high = 0.0, 3.0
    if share <= drawn(low):
        return low
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if drawn(middle) < share else (low, middle)
    return low


def _harmonic(n, theta):
    """The sum of k^-theta for k up to n; beyond 1000 terms by the integral, which is within 0.1 %."""
    head = sum(k**-theta for k in range(1, min(n, 1000) + 1))
    if n <= 1000:
        return head
    if abs(theta - 1) < 1e-9:
        return head + math.log((n + 0.5) / 1000.5)
    return head + ((n + 0.5)**(1 - theta) - 1000.5**(1 - theta)) / (1 - theta)


def workspace():
    """The checkout that the command was started from, or None."""
    here = os.environ.get("BUILD_WORKSPACE_DIRECTORY")
    return pathlib.Path(here) if here else None


def find_run(name):
    """A run's folder or a capsule; `latest`, a name in results/, or a path. Raises AnswerError."""
    results = (workspace() or pathlib.Path(".")) / "results"
    for path in (pathlib.Path(name), results / name):
        if path.is_file() or (path / "run.json").is_file():
            return path
    raise AnswerError(f"no run {name!r} was found, neither here nor in {results}; measure one (bazel run //experiments), "
                      "or name a finished run or a capsule with --run.")


def answer(run, fields, constraints, left_out=(), recording=""):
    """(recommendation, its words, analysis) from a run. Raises AnswerError.

    left_out: what the fields do not tell of a trace; recording: the hash of the trace, if the run has replayed it
    """
    # Here and not above: what only profiles a trace starts without the report.
    from report import analyse, capsule, load, recommend  # pylint: disable=import-outside-toplevel
    from report.recommend import described, say  # pylint: disable=import-outside-toplevel
    try:
        wanted = described.from_fields(fields)
        asked = described.parse_constraints(constraints or "")
        path = find_run(run)
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(capsule.open_run(path)) if path.is_file() else path
            analysis = analyse.analyse(load.load(folder))
        found = recommend.recommend(analysis, wanted, asked, recording)
    except (described.Undescribed, load.ResultsError) as error:
        raise AnswerError(str(error)) from None
    return found, dataclasses.replace(say.say(found, analysis), left_out=list(left_out)), analysis


def parse_description(text):
    """The fields of a description. Raises AnswerError."""
    from report.recommend import described  # pylint: disable=import-outside-toplevel
    try:
        return described.fields(text)
    except described.Undescribed as error:
        raise AnswerError(str(error)) from None


def as_text(found, said, analysis):
    from report.recommend import say  # pylint: disable=import-outside-toplevel
    return say.as_text(found, said, analysis.run.meta["run"])


def as_page(found, said, analysis):
    from report.recommend import say  # pylint: disable=import-outside-toplevel
    return say.as_page(found, said, analysis)


def as_picture(found, said, analysis, command):
    from report.recommend import picture  # pylint: disable=import-outside-toplevel
    return picture.draw(found, said, command, analysis.run.meta["run"])


def as_json(found, said):
    from report import recommend  # pylint: disable=import-outside-toplevel
    return json.dumps({**recommend.as_data(found), "left_out": said.left_out}, indent=1) + "\n"


def fields_help():
    """The fields and constraints, one a line."""
    from report.recommend import described  # pylint: disable=import-outside-toplevel
    lines = ["fields of --describe:"]
    lines += [f"  {name:<17} {form}: {doc}" for name, (form, doc) in described.FIELDS.items()]
    lines += ["constraints:"]
    lines += [f"  {name:<17} {form}: {doc}" for name, (form, doc, _) in described.CONSTRAINTS.items()]
    return "\n".join(lines)


def run_measurement(command):
    """Becomes the command that measures the point. Raises AnswerError when there is no Bazel to run it with."""
    root, program, words = _program(command)
    os.chdir(root)
    os.execv(program, [program, *words])


def await_measurement(command, aside=False):
    """Runs the command and comes back; aside: what it says goes to standard error. Raises AnswerError when it cannot be run or
    fails."""
    root, program, words = _program(command)
    code = subprocess.run([program, *words], cwd=root, check=False, stdout=2 if aside else None).returncode
    if code != 0:
        raise AnswerError(f"the measurement failed with code {code}, and what it said stands above; mend that and run: {command}")


def _program(command):
    root = workspace()
    words = shlex.split(command)
    wrapper = root / "tools/bazel" if root else None
    program = str(wrapper) if wrapper and wrapper.exists() else shutil.which(words[0])
    if root is None or program is None:
        raise AnswerError(f"this was not started by bazel run, so nothing can be measured from here; run: {command}")
    return root, program, words[1:]
