import base64
import csv
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from echojax.errors import InputError
from echojax.studies.diagnosis import predictions, report
from echojax.studies.diagnosis.primary import primary_rows

SPACE = "\N{NO-BREAK SPACE}"
FIGURES = (
    "answer.png",
    "fig2_frames.png",
    "fig3_patches.png",
    "fig4_gain_paper.png",
    "fig4_gain_patient.png",
    "accuracy_paper.png",
    "accuracy_patient.png",
    "reliability_paper.png",
    "reliability_patient.png",
    "sr_training.png",
)


class Page(HTMLParser):
    """The words of a page, and its unclosed elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, _attributes: object) -> None:
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).replace(SPACE, " ").split())


def read(run: Path) -> Page:
    return Page((run / "report.html").read_text(encoding="utf-8"))


def test_every_table_and_figure_is_written_and_every_figure_is_in_the_page(finished: Path):
    for name in ("accuracy", "gain", "mean_gain", "primary", "quality_cost", "super_resolution"):
        assert len((finished / "tables" / f"{name}.csv").read_text().splitlines()) > 1
    html = (finished / "report.html").read_text()
    images = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    shown = {base64.b64decode(image) for image in images}
    assert shown == {(finished / "figures" / name).read_bytes() for name in FIGURES}
    for name in FIGURES:
        for suffix in (".svg", ".pdf"):
            assert (finished / "figures" / name).with_suffix(suffix).stat().st_size > 1000
    assert len(html) < 15e6


def test_every_table_with_numbers_links_its_csv_and_a_latex_file(finished: Path):
    html = (finished / "report.html").read_text()
    links = re.findall(r'href="(tables/[^"]+)"', html)
    assert {"tables/accuracy.csv", "tables/accuracy_patient.tex", "tables/primary.tex"} <= set(
        links
    )
    assert sum(link.endswith(".csv") for link in links) == sum(
        link.endswith(".tex") for link in links
    )
    for link in links:
        assert (finished / link).stat().st_size > 0, link


def test_the_markdown_has_the_same_headings_tables_and_figures(finished: Path):
    html, text = read(finished).text, (finished / "report.md").read_text()
    plain = text.replace("\\", "")
    headings = re.findall(r"^#+ (.*)$", plain, re.MULTILINE)
    assert len(headings) > 10
    for heading in headings:
        assert heading in html
    page = (finished / "report.html").read_text()
    assert page.count("<table>") == len(re.findall(r"^\| ---", text, re.MULTILINE))
    linked = re.findall(r"!\[.*\]\((.*)\)", text)
    assert sorted(linked) == sorted(f"figures/{name}" for name in FIGURES)


def test_the_page_stands_alone_and_is_well_formed(finished: Path):
    html = (finished / "report.html").read_text()
    assert not re.search(r"https?://|<script|<link|@import|url\(", html)
    assert read(finished).open == []


def test_the_note_is_a_banner_and_is_escaped(finished: Path):
    assert "<p class=note>Simulated &lt;data&gt;</p>" in (finished / "report.html").read_text()


def test_the_primary_table_has_the_computed_numbers_of_every_protocol(finished: Path, found):
    text = read(finished).text.replace("\N{MINUS SIGN}", "-")
    compared = primary_rows(found)
    assert len(compared) == 2 * 2 * 2
    for row in compared:
        assert f"{row.points:+.1f} ({row.low:+.1f} to {row.high:+.1f})" in text
        assert row.verdict in text


# Three right of five without enhancement; with it, of the four frames that both have, three.
HEADER = "frame,patient,view,phase,quality,protocol,task,train,test,sr,mode,sr_on,fold,seed,"
TRACED = f"""{HEADER}probability,label
a,p1,2CH,ED,poor,patient,view,good,poor,none,none,none,0,0,0.10,0
b,p2,4CH,ED,poor,patient,view,good,poor,none,none,none,0,0,0.90,1
c,p3,2CH,ED,poor,patient,view,good,poor,none,none,none,0,0,0.80,0
d,p4,4CH,ED,poor,patient,view,good,poor,none,none,none,0,0,0.30,1
e,p5,2CH,ED,poor,patient,view,good,poor,none,none,none,0,0,0.20,0
a,p1,2CH,ED,poor,patient,view,good,poor,srresnet,restore,test,0,0,0.40,0
b,p2,4CH,ED,poor,patient,view,good,poor,srresnet,restore,test,0,0,0.50,1
c,p3,2CH,ED,poor,patient,view,good,poor,srresnet,restore,test,0,0,0.60,0
d,p4,4CH,ED,poor,patient,view,good,poor,srresnet,restore,test,0,0,0.70,1
"""


def test_a_number_can_be_traced_from_the_predictions_to_the_page(tmp_path: Path):
    (tmp_path / "config.toml").write_text("[study]\n")
    (tmp_path / "predictions.csv").write_text(TRACED)
    right: dict[str, dict[str, bool]] = {"none": {}, "srresnet": {}}
    for line in TRACED.splitlines()[1:]:
        frame, *_, probability, label = line.split(",")
        right[line.split(",")[9]][frame] = (float(probability) >= 0.5) == (label == "1")
    plain, enhanced = right["none"], right["srresnet"]
    accuracy = sum(plain.values()) / len(plain)
    before = sum(plain[frame] for frame in enhanced) / len(enhanced)
    after = sum(enhanced.values()) / len(enhanced)
    change = 100 * (after - before) / before
    assert (accuracy, before, after, change) == (0.6, 0.5, 0.75, 50)

    html = report.build(tmp_path).read_text()
    lines = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", html)]
    (shown,) = [line for line in lines if line[:2] == ["good", "poor"]]
    assert shown[2] == f"{100 * accuracy:.1f}"
    (shown,) = [
        line for line in lines if line[:5] == ["view", "good", "poor", "test", "SRResNet, restore"]
    ]
    assert shown[5] == f"{100 * before:.1f}"
    assert shown[6] == f"{100 * (after - before):+.1f}"
    assert shown[7] == f"{change:+.1f} %"

    cell = "patient,view,good,poor"
    table = (tmp_path / "tables" / "accuracy.csv").read_text()
    assert f"\n{cell},none,none,{accuracy:.4f}," in table
    assert f"\n{cell},srresnet,test,{after:.4f}," in table
    table = (tmp_path / "tables" / "gain.csv").read_text()
    assert f"\n{cell},srresnet,restore,test,{before:.4f},{after:.4f},{change:.2f}," in table


def test_a_rebuilt_report_is_the_same(tmp_path: Path, make_run):
    few = {"protocols": ["patient"], "tasks": ["view"], "modes": ["restore"]}
    run = make_run(tmp_path / "run", patients=5, seeds=1, methods=["bicubic"], **few)
    first = report.build(run).read_bytes()
    assert report.build(run) == run / "report.html"
    assert (run / "report.html").read_bytes() == first
    assert not list(run.glob("**/.*"))


def test_cells_that_were_not_run_are_shown_as_missing(tmp_path: Path, make_run):
    run = make_run(
        tmp_path / "run", patients=6, seeds=1, protocols=["patient"], tasks=["phase"], methods=[]
    )
    report.build(run)
    text = read(run).text
    assert text.count("missing") >= 9  # all of the view task
    assert "No enhanced cell is in this run yet" in text
    assert "Super-resolution is not in this run yet" in text
    assert not list((run / "figures").glob("fig4*"))


def test_a_task_not_asked_for_is_not_missing(tmp_path: Path, make_run):
    run = make_run(
        tmp_path / "run", patients=6, seeds=1, protocols=["patient"], tasks=["phase"], methods=[]
    )
    (run / "config.toml").write_text('[study]\ntasks = ["phase"]\nsr = ["none"]\n')
    report.build(run)
    assert "missing" not in read(run).text
    assert "With one seed" in read(run).text


def test_a_stratum_or_enhancement_not_asked_for_is_not_missing(tmp_path: Path, some_rows):
    (tmp_path / "config.toml").write_text(
        '[study]\ntrain = ["good"]\ntest = ["good", "poor"]\nsr_on = ["test"]\n'
        'sr = ["none", "srresnet"]\nmodes = ["restore"]\n'
    )
    rows = some_rows(
        protocols=["patient"], patients=6, seeds=1, methods=["srresnet"], modes=["restore"]
    )
    predictions.append(
        tmp_path / "predictions.csv",
        [row for row in rows if row["train"] == "good" and row["test"] != "medium"],
    )
    text = Page(report.build(tmp_path).read_text()).text
    assert "missing" not in text
    assert "medium" not in text.partition("With enhancement")[2].partition("How well")[0]


def test_the_paper_stands_only_beside_numbers_that_the_run_has(tmp_path: Path, some_rows):
    (tmp_path / "config.toml").write_text('[study]\ntasks = ["view"]\n')
    rows = some_rows(protocols=["patient"], tasks=["view"], patients=6, seeds=1)
    kept = [
        row for row in rows if (row["train"], row["test"]) in {("good", "good"), ("good", "poor")}
    ]
    predictions.append(tmp_path / "predictions.csv", kept)
    html = report.build(tmp_path).read_text()
    assert "<td>82</td>" in html  # good on poor
    assert "<td>77</td>" not in html  # poor on good, asked for and missing
    assert "(+12.2 %)" in html
    assert "(+14.9 %)" not in html
    assert Page(html).text.count("missing") > 7


def test_the_answer_and_the_results_come_before_everything_else(finished: Path):
    text = read(finished).text
    heads = [
        "How far does poor image quality",
        "More than interpolation?",
        "Without super-resolution",
        "What leakage adds",
        "What quality costs",
        "With enhancement",
        "How well super-resolution restores",
        "How sure, and of which class",
        "The frames",
        "Limits",
        "What was run",
        "The data",
        "How this was made",
    ]
    places = [text.index(head) for head in heads]
    assert places == sorted(places)


def test_a_protocol_asked_for_without_predictions_is_named(tmp_path: Path, make_run):
    run = make_run(tmp_path / "run", patients=4, seeds=1, protocols=["paper"], methods=["srgan"])
    (run / "config.toml").write_text('[study]\nprotocols = ["paper", "patient"]\n')
    report.build(run)
    text = read(run).text
    assert "asked for, no predictions yet" in text
    assert "with no bicubic control to compare" in text
    assert "SRGAN" in text


def test_a_run_without_anything_but_a_config_says_so(tmp_path: Path):
    (tmp_path / "config.toml").write_text("[study]\n")
    text = Page(report.build(tmp_path).read_text()).text
    assert "No predictions exist yet" in text
    for missing in ("table of frames", "environment.json", "super-resolution training"):
        assert missing in text


def test_everything_from_the_run_is_escaped(tmp_path: Path, make_run):
    evil = "<img src=x onerror=1>&"
    run = make_run(
        tmp_path / "run", patients=3, seeds=1, protocols=[evil], methods=[evil], modes=[evil]
    )
    (run / "config.toml").write_text(f"[study]\nnote = '{evil}'\n")
    (run / "environment.json").write_text('{"<img src=x onerror=1>": "<img src=x onerror=1>"}')
    (run / "tables" / "dataset.csv").write_text(f"view,{evil}\n{evil},2\n")
    (run / "log.csv").write_text(f"time,job,step,metric,value\n0,sr/{evil}/p/fold0,1,psnr,3\n")
    html = report.build(run).read_text()
    assert not re.search("<img src=x", html, re.IGNORECASE)
    assert "&lt;img src=x onerror=1&gt;&amp;" in html


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"no config\.toml"):
        report.build(tmp_path)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.toml", '[study]\ntrain = ["fair"]'),
        ("environment.json", "[1"),
        ("predictions.csv", "a,b\n1,2\n"),
        ("figures/examples.npz", "not an archive"),
    ],
)
def test_a_file_that_cannot_be_understood_is_named(tmp_path: Path, name, content):
    (tmp_path / "figures").mkdir()
    (tmp_path / "config.toml").write_text("[study]\n")
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        report.build(tmp_path)


def test_simulated_frames_are_called_so_on_top_and_stand_without_the_paper(
    tmp_path: Path, make_run
):
    run = make_run(tmp_path / "run", patients=5, seeds=2, protocols=["patient"])
    (run / "frames.json").write_text(
        '{"frames": 60, "persons": 15, "views": {"2CH": 30, "4CH": 30}, '
        '"qualities": {"good": 60}, "simulated": true}'
    )
    html = report.build(run).read_text()
    text = Page(html).text
    assert text.index("These frames are simulated") < text.index("How far does poor image quality")
    assert "60 frames of 15 persons: 2CH 30, 4CH 30; good 60" in text
    assert "made by echojax's simulator" in text
    assert "new patient may expect" not in text
    assert "<th>paper</th>" not in html
    assert "CC BY-NC-SA" not in text
    with (run / "tables" / "accuracy.csv").open() as file:
        assert {row["paper"] for row in csv.DictReader(file)} == {""}


def test_real_frames_are_cited_and_stand_beside_the_paper(tmp_path: Path, make_run):
    run = make_run(tmp_path / "run", patients=5, seeds=2, protocols=["patient"])
    (run / "frames.json").write_text(
        '{"frames": 1, "persons": 1, "views": {}, "qualities": {}, "simulated": false}'
    )
    html = report.build(run).read_text()
    text = Page(html).text
    assert "Leclerc" in text
    assert "CC BY-NC-SA 4.0" in text
    assert "new patient may expect" in text
    assert "<th>paper</th>" in html
    assert "simulated" not in text.replace("Simulated", "")


def test_a_network_worse_than_interpolation_is_named_on_top(tmp_path: Path, make_run):
    run = make_run(tmp_path / "run", patients=5, seeds=1, protocols=["patient"])
    lines = [
        f"0,sr/srresnet/patient/fold0,60,{metric},{value}"
        for metric, value in (("psnr", 30.0), ("psnr_bicubic", 29.5), ("psnr_lanczos", 30.5))
    ]
    (run / "log.csv").write_text("time,job,step,metric,value\n" + "\n".join(lines) + "\n")
    text = Page(report.build(run).read_text()).text
    said = "SRResNet, patient protocol, after 60 steps (30.00 dB, Lanczos 30.50)"
    assert said in text.partition("How far does poor image quality")[0]


def test_a_run_is_named_with_its_folder(finished: Path):
    assert f"Of the run in {finished.parent.name}/{finished.name}" in read(finished).text


def test_words_that_nobody_knew_appear_in_tables_and_figures(tmp_path: Path, make_run):
    run = make_run(
        tmp_path / "run",
        patients=5,
        seeds=2,
        protocols=["patient"],
        methods=["bicubic", "clahe", "unheard"],
        modes=["restore", "filter"],
    )
    text = Page(report.build(run).read_text()).text
    for method in ("CLAHE, filter", "unheard, filter", "bicubic, restore"):
        assert method in text
    assert (run / "figures" / "fig4_gain_patient.png").is_file()


def test_the_corrected_t_test_is_shown_or_its_lack_explained(tmp_path: Path, make_run):
    few = {"protocols": ["patient"], "tasks": ["view"], "modes": ["restore"]}
    run = make_run(tmp_path / "few", patients=10, seeds=1, methods=["bicubic"], **few)
    assert (
        "fewer than 10 such differences exist (here: 5)" in Page(report.build(run).read_text()).text
    )
    run = make_run(tmp_path / "many", patients=10, seeds=2, methods=["bicubic"], **few)
    text = Page(report.build(run).read_text()).text
    assert "such differences exist" not in text
    assert re.search(r"[\d.]+ to [^,]+, p [<\d]", text)
