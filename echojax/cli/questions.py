"""The command that asks a classifier about one's own files: classify."""

from pathlib import Path

import click

from echojax.cli import options, printing


@options.command("classify")
@options.inputs
@click.option(
    "--weights",
    metavar="FILE",
    help='A file of a classifier, "simulated" for that in runs/pretrain-classifier, or the folder '
    "of a study's classifier (RUN/classifiers/PROTOCOL/TASK/.../seedN).",
)
@click.option(
    "--run",
    type=click.Path(file_okay=False, path_type=Path),
    help="The run of a pretrain-classifier whose network is used.",
)
@options.as_json
def classify(
    inputs: tuple[Path, ...], weights: str | None, run: Path | None, as_json: bool
) -> None:
    """Tell the view and the phase of images, volumes, DICOM and clips.

    INPUT is a file or a folder of files, as for `echojax enhance`. Answers are 2CH or 4CH, and ED
    or ES, with their probabilities: for each frame, and for the recording the mean over its frames.
    A classifier knows no other answer, whatever a frame shows, and between ED and ES a clip has
    many frames that are neither: there the phases of its frames say more than their mean.

    A file that cannot be done is named at the end, the others are done; the exit code is 1 then.
    """
    from echojax import devices, questions
    from echojax.media import folders
    from echojax.studies.diagnosis import transfer

    if (weights is None) == (run is None):
        raise click.UsageError(
            "which classifier? Pass one of --weights FILE and --run DIR of a pretrain-classifier"
        )
    # What is named twice is asked about once.
    sources = list({file.resolve(): file for file, _ in folders.found(inputs)}.values())
    for line in folders.left_alone(inputs):
        printing.note(line)
    devices.start()
    classifier, file = transfer.load(str(run) if weights is None else weights)
    told, failures = questions.classify(sources, classifier)
    if as_json:
        found = {
            "classifier": str(file),
            "simulated": classifier.simulated,
            "recordings": [each.as_json() for each in told],
            "failed": failures,
        }
        printing.as_json(found)
    elif told:
        printing.told(told)
    if classifier.simulated:
        note = "learned from simulated frames; `echojax evaluate-classifier` tells how it does"
        printing.note(f"Note: {file} {note} on real ones")
    printing.failures(failures, len(sources), "classified")
