# SPDX-License-Identifier: Apache-2.0
"""A folder of figures of one run, with a page that says what each shows: for a README, which can only show pictures."""

from __future__ import annotations

import pathlib
import re

from report import chooser, load, plates, standing
from report.figures import answers, style
from report.render import Paper, looks_of

MARK = "# Figures of one run"
FIGURES_OF_A_QUESTION = 1
MOST_BYTES = 1_400_000  # of all pictures: what a repository can keep a new set of now and then
CHOOSER = "chooser"


def chooser_plate(paper: Paper) -> plates.Plate | None:
    """The paper's first table as a figure; None when it has no rows."""
    analysis = paper.analysis
    made = chooser.chooser(analysis, standing.places(analysis), paper.anchors)
    if not made.rows:
        return None
    looks = looks_of(analysis)
    rows = [answers.Row(row.title, row.detail, [answers.Answer(
        cell.names, cell.evidence, cell.kind == "undecided") for cell in row.cells]) for row in made.rows]
    cpu = (analysis.run.meta.get("environment") or {}).get("cpu") or "a machine that is not named"
    caption = [f"Which map for which situation, by {made.places} measured places on {cpu}; {made.undecided} are undecided.",
               "In brackets 95 % intervals over visits."]
    svg = answers.draw(CHOOSER, " ".join(caption + [_spoken(row, made.columns) for row in made.rows]), made.columns, rows, looks)
    return plates.Plate(CHOOSER, svg, caption)


def _spoken(row: chooser.Row, columns: list[str]) -> str:
    """A row as a sentence, for those who do not see the picture."""
    told = [f"{column}: {'undecided between ' if cell.kind == 'undecided' else ''}{', '.join(cell.names)}"
            for column, cell in zip(columns, row.cells) if cell.names]
    return f"{row.title}{f' ({row.detail})' if row.detail else ''}: {'; '.join(told)}."


def chosen(paper: Paper) -> list[plates.Plate]:
    """The chooser, the figures over all questions, and the first of every question."""
    shown = [chooser_plate(paper), paper.winner, *paper.heat, *paper.phases, paper.memory]
    for section in paper.sections:
        shown += [p for p in section.plates if p.svg][:FIGURES_OF_A_QUESTION]
    return [p for p in [*shown, paper.aa] if p is not None and p.svg]


def file_of(plate: plates.Plate) -> str:
    return plate.name.removeprefix("fig-") + ".svg"


def standalone(svg: str) -> str:
    """A figure as a document of its own: it has no page behind it, so it gets paper."""
    return svg.replace(">", f'><rect width="100%" height="100%" fill="{style.PAPER}"/>', 1)


def _escaped(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#&])", r"\\\1", text)


def files(paper: Paper) -> dict[str, str]:
    """What the gallery holds, by name: figures in the order of the paper, as many as fit. Deterministic."""
    meta = paper.analysis.run.meta
    made, left_out, size = {}, [], 0
    lines = [
        MARK, "",
        f"Made by `bazel run //report -- --gallery docs/gallery RUN` from run {meta.get('run')} of revision "
        f"{str(meta.get('revision'))[:12]}, profile {meta.get('profile')}. Each figure is in the run's paper, with the values "
        "that it draws.", ""]
    for plate in chosen(paper):
        picture = standalone(plate.svg)
        if size + len(picture.encode()) > MOST_BYTES:
            left_out.append(plate.name.removeprefix("fig-").replace("-", " "))
            continue
        made[file_of(plate)], size = picture, size + len(picture.encode())
        where = f"{plate.heading.capitalize()}. " if plate.heading else ""
        lines += [f"## {plate.name.removeprefix('fig-').replace('-', ' ').capitalize()}", "",
                  f"![{_escaped(plate.caption[0])}]({file_of(plate)})", "",
                  f"**{_escaped(where + plate.caption[0])}** {_escaped(' '.join(plate.caption[1:]))}".rstrip(), ""]
    if left_out:
        lines += [f"Left out, so that the folder stays below {MOST_BYTES / 1e6:g} MB: {', '.join(left_out)}.", ""]
    made["README.md"] = "\n".join(lines).rstrip() + "\n"
    return made


def check(folder: pathlib.Path) -> list[pathlib.Path]:
    """The pictures of an earlier gallery that stands there. Raises ResultsError when the folder holds anything else."""
    if not folder.exists():
        return []
    page = folder / "README.md"
    if not folder.is_dir() or any(folder.iterdir()) and not (
            page.is_file() and page.read_text(encoding="utf-8", errors="replace").startswith(MARK)):
        raise load.ResultsError(f"{folder} holds something else than a gallery; name an empty or a new folder.")
    return sorted(folder.glob("*.svg"))
