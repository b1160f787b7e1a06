"""What grades have to do with what is measured from masks: ejection fractions and borders."""

from __future__ import annotations

from echojax.report.blocks import Block, Heading, Paragraph, Table, Words
from echojax.report.numerals import between, bounds
from echojax.studies.grading import words
from echojax.studies.grading.material import Material

_EF = (
    "Biplane ejection fraction by discs, from automatic masks of networks that never saw the "
    "patient, minus the same from expert masks. The limits of agreement are narrower where masks "
    "are better; whether a grade tells so beforehand is what the thirds show. The ejection "
    "fraction that the NIfTI release of CAMUS states is left out: it comes from the expert masks "
    "as well and leaves out the shortening of the long axis (8.4 points low), so that it is no "
    "independent reference. Frames of the 224 x 224 copy have lost their aspect, which costs "
    "about one point."
)
_BORDERS = (
    "Mean distance of an expert's border to the automatic one, per wall region; then its rank "
    "correlation with each method's measure of the same region. Negative: borders of regions that "
    "are called good lie nearer. In mm where the spacing of pixels is true, else in pixels."
)


def clinical(run: Material) -> list[Block]:
    """Ejection fractions and borders by grade."""
    blocks: list[Block] = [Heading("Ejection fraction and borders")]
    if not run.ejection and not run.border:
        return [*blocks, run.lacking("automatic masks")]
    if run.ejection:
        lines: list[list[Words]] = [
            [
                words.method(row.by),
                row.group,
                between(row.bias, row.bias_low, row.bias_high, sign=True),
                between(row.sd, row.sd_low, row.sd_high),
                bounds(row.lower, row.upper),
                str(row.patients),
            ]
            for row in run.ejection
        ]
        head = ["by", "", "bias, points", "deviation, points", "limits of agreement", "patients"]
        caption = "Automatic minus expert ejection fraction."
        table = Table(head, lines, caption, "", "ejection_fraction", "ejection_fraction")
        blocks += [Paragraph(_EF), table]
    if run.border:
        blocks += [Paragraph(_BORDERS), _borders(run)]
    return blocks


def _borders(run: Material) -> Table:
    lines: list[list[Words]] = [
        [
            row.border,
            "mean distance" if row.by == "quality" else f"correlation with {words.method(row.by)}",
            row.region,
            between(row.value, row.low, row.high, sign=row.by != "quality"),
            str(row.regions),
        ]
        for row in run.border
        if row.by == "quality" or row.region == "all"
    ]
    head = ["border", "", "quality or regions", "value", "regions"]
    caption = "Borders of automatic masks against expert ones; every region in the CSV."
    return Table(head, lines, caption, "", "borders", "borders")
