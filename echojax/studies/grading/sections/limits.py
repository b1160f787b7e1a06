"""What a run cannot know, what was run on, and how the report was made."""

from __future__ import annotations

from echojax.report import origin
from echojax.report.blocks import Block, Bullets, Code, Heading, Words
from echojax.runs.frame_facts import CAMUS, SIMULATOR
from echojax.studies.grading.material import Material
from echojax.wording import count

_PAPER = (
    "Methods after G. Van De Vyver et al., Regional Quality Estimation for Echocardiography Using "
    "Deep Learning, Ultrasound in Medicine & Biology 51, 2025. Its figures are of other frames and "
    "of cardiologists' grades; none of them is repeated or contradicted here."
)


def limits(run: Material) -> list[Block]:
    """What cannot be known."""
    told: list[Words] = []
    if not run.observer:
        told.append(
            "No human grades of regions exist for these frames. What a grade of a region is "
            "worth to a cardiologist is not known here, and agreement with cardiologists is not "
            "claimed."
        )
    if not run.simulated:
        told.append(
            "The quality of CAMUS is one word for a view, by one reader, for both phases and all "
            "regions: it cannot show that a method grades the right region."
        )
    told += [
        "Intervals are of the choice of patients: not of another hospital, machine or reader, "
        "nor of another training of a network. They are of 95 % each, and many stand side by "
        "side: one in twenty misses by chance.",
        "Contrast measures compare wall and cavity within masks: with expert masks they are given "
        "what an automatic grader has to find.",
        "In deviations between frames a change is comparable between measures, but not worth the "
        "same: no measure here was shown to be linear in what an eye sees.",
    ]
    if run.truth or run.cause:
        told.append(
            "Simulated grades follow from the simulator's physics and from thresholds that we "
            "chose; a method that learned from the same simulator is favoured by them."
        )
    if run.undivided:
        why = sorted(set(run.undivided.values()))
        told.append(
            f"{count(len(run.undivided), 'frame')} with expert masks could not be divided into "
            f"regions ({'; '.join(why)}); they count over the whole wall only."
        )
    return [Heading("Limits"), Bullets(told)]


def data(run: Material) -> list[Block]:
    """Citation and licence of the frames."""
    told: list[Words] = []
    if run.facts is not None:
        told = [run.facts.described(), SIMULATOR if run.facts.simulated else CAMUS]
    return [Heading("The data"), Bullets([*told, _PAPER])]


def making(run: Material) -> list[Block]:
    """Files, environment, configuration, and how to build the report again."""
    sources = (
        f"{run.scores:,} rows of ",
        Code("grades.csv"),
        " and from the tables of borders, ejection fractions, causes and observers",
    )
    return origin.section(run.origin, sources, "echojax report --run")
