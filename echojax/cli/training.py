"""Commands that train one network, as of super-resolution, a classifier or a grader."""

import shlex
from pathlib import Path
from typing import Any

import click

from echojax.cli import options, printing
from echojax.vocabulary import ALL_MODES, ENHANCEMENTS, GENERATORS, NONE, QUALITIES, TASKS, USES

_FOLD = click.option(
    "--fold", type=click.IntRange(min=0), default=0, help="Fold whose training part is used."
)


@options.command("train-sr")
@click.option("--sr", type=click.Choice(GENERATORS), default="srresnet", help="The generator.")
@click.option(
    "--stage",
    type=click.Choice(["pretrain", "finetune"]),
    default="finetune",
    help="pretrain: SRResNet on natural images; finetune: on echo frames.",
)
@_FOLD
@options.dry_run
@options.run_options
def train_sr(sr: str, stage: str, fold: int, dry_run: bool, **given: Any) -> None:
    """Train a super-resolution network.

    Random crops are reduced (bicubic, by sr.scale) and the network learns to bring them back:
    SRResNet by the mean squared error, SRGAN after it against a discriminator. PSNR and SSIM on
    held-out frames are shown beside those of bicubic and Lanczos enlargement.

    Pretraining learns from the natural images of sr.images (`echojax prepare div2k` or `prepare
    images`), in runs/pretrain by default. Fine-tuning learns from good echo frames, and starts from
    what --set sr.init=FILE names: a pretrained network, or one that `echojax weights convert
    --gray` made.
    """
    if stage == "pretrain":
        _pretrain(sr, fold, dry_run, given)
        return
    options.check(given, dry_run=dry_run)
    from echojax.runs.run import request
    from echojax.studies.diagnosis import plan
    from echojax.studies.diagnosis.config import Config
    from echojax.studies.diagnosis.study import Study

    study = Study.of(request(Config, **given))
    folds = [study.fold(protocol, fold) for protocol in study.config.study.protocols]
    generators = [(sr, chosen) for chosen in folds]
    if dry_run:
        printing.plan(plan.of_study(study, generators=generators), study.run.path)
        return
    study.begin(generators=generators)
    for chosen in folds:
        study.generators.network(sr, chosen)
        click.echo(f"{sr}, {chosen.protocol}, fold {fold}: {len(chosen.sr_train)} training frames")
    printing.fidelity(study.run.path / "log.csv")
    for chosen in folds:
        click.echo(f"Trained: {study.generators.job(sr, chosen).file}")


def _pretrain(sr: str, fold: int, dry_run: bool, given: dict[str, Any]) -> None:
    if sr != "srresnet":
        raise click.UsageError("only SRResNet is pretrained; SRGAN starts from the fine-tuned one")
    if fold:
        raise click.UsageError("--fold belongs to fine-tuning; natural images have no folds")
    given["run"] = given["run"] or Path("runs", "pretrain")
    options.check(given, dry_run=dry_run, images=True)
    from echojax.runs.run import request
    from echojax.studies.diagnosis import pretraining
    from echojax.studies.diagnosis.config import Config

    asked = request(Config, **given)
    alone = pretraining.generator(asked)
    if dry_run:
        printing.plan(alone.planned(), asked.run.path)
        return
    alone.run()
    file = alone.job.file
    printing.fidelity(asked.run.path / "log.csv")
    click.echo(f"Pretrained: {file}")
    click.echo(f"Next: echojax train-sr --set {shlex.quote(f'sr.init={file}')}")


@options.command("train-restorer")
@options.dry_run
@options.run_options
def train_restorer(dry_run: bool, **given: Any) -> None:
    """Train a restorer of poor frames.

    It learns from pairs of frames of the same person, view and phase in two qualities, as `echojax
    simulate --grades each` makes them, to give a poor frame the looks of the good one at its own
    size, in runs/restorer by default. PSNR and SSIM inside the sector, of persons that are held
    out, are shown beside those of the frames before. A study takes its file as study.restorer.
    """
    given["run"] = given["run"] or Path("runs", "restorer")
    options.check(given, dry_run=dry_run)
    from echojax.runs.run import request
    from echojax.studies.diagnosis import restorer
    from echojax.studies.diagnosis.config import Config

    asked = request(Config, **given)
    alone = restorer.training(asked)
    if dry_run:
        printing.plan(alone.planned(), asked.run.path)
        return
    alone.run()
    file = alone.job.file
    printing.restored(asked.run.path / "log.csv")
    click.echo(f"Restorer: {file}")
    names = 'study.sr=["none", "restorer"]'
    click.echo(
        f"Next: echojax matrix --set {shlex.quote(names)} --set "
        f"{shlex.quote(f'study.restorer={file}')}"
    )


@options.command("train-classifier")
@click.option("--task", type=click.Choice(TASKS), required=True, help="What to tell apart.")
@click.option("--train", type=click.Choice(QUALITIES), required=True, help="Quality to train on.")
@click.option(
    "--sr", type=click.Choice(ENHANCEMENTS), default="none", help="Enhancement of these frames."
)
@click.option(
    "--mode",
    type=click.Choice(ALL_MODES),
    help="How to enhance.  [default: upscale, or the only mode of the enhancement]",
)
@_FOLD
@options.dry_run
@options.run_options
def train_classifier(
    task: str, train: str, sr: str, mode: str | None, fold: int, dry_run: bool, **given: Any
) -> None:
    """Train ResNet-18 on frames of one quality.

    All its seeds are trained and kept; the accuracy is that on the held-out frames of the same
    quality, not enhanced.
    """
    modes = USES[sr].modes
    if sr != NONE and mode not in (None, *modes):
        raise click.UsageError(f"{sr} has no mode {mode}; pass --mode {' or '.join(modes)}")
    options.check(given, dry_run=dry_run)
    from echojax.runs.run import request
    from echojax.studies.diagnosis import accuracies, asking, plan
    from echojax.studies.diagnosis.cells import Cell
    from echojax.studies.diagnosis.config import Config
    from echojax.studies.diagnosis.study import Study

    study = Study.of(request(Config, **given))
    on, mode = (NONE, NONE) if sr == NONE else ("train", mode or modes[0])
    protocols = study.config.study.protocols
    cells = [Cell(protocol, task, train, train, sr, mode, on) for protocol in protocols]
    if dry_run:
        printing.plan(plan.of_study(study, cells, only_fold=fold, keep=True), study.run.path)
        return
    study.begin(cells, only_fold=fold)
    asking.run_cells(study, cells, only_fold=fold, keep=True)
    printing.accuracies(accuracies.of_cells(study.run.predictions, cells))
    click.echo(f"Run: {study.run.path}")


@options.command("pretrain-classifier")
@options.dry_run
@options.run_options
def pretrain_classifier(dry_run: bool, **given: Any) -> None:
    """Pretrain ResNet-18 on simulated frames.

    It learns view and phase at once from all frames of the prepared dataset, each changed at random
    (turned, scaled, blurred, shadowed ...), in runs/pretrain-classifier by default. Accuracies are
    those on a tenth of the patients, which are held out. Classifiers of a study start from its file
    with --set classifier.init=simulated, or =FILE; `echojax evaluate-classifier` tests it on
    frames of another dataset. The pretraining itself starts from a file if pretrain.init names
    one, as --set pretrain.init=imagenet.
    """
    given["run"] = given["run"] or Path("runs", "pretrain-classifier")
    options.check(given, dry_run=dry_run)
    from echojax.recipes.classifier_start import PRETRAINED, PRETRAINING
    from echojax.runs.job import network_file
    from echojax.runs.run import request
    from echojax.studies.diagnosis import pretraining
    from echojax.studies.diagnosis.config import Config

    asked = request(Config, **given)
    alone, kept_back = pretraining.classifier(asked)
    if dry_run:
        printing.plan(alone.planned(), asked.run.path)
        return
    printing.transfer(pretraining.accuracies(alone.run(), asked, kept_back))
    file = alone.job.file
    click.echo(f"Pretrained: {file}")
    network = asked.config.classifier
    same = f" --set classifier.size={network.size} --set classifier.width={network.width}"
    usual = file.resolve() == network_file(PRETRAINING / PRETRAINED).resolve()
    start = f"classifier.init={'simulated' if usual else file}"
    click.echo(f"Next: echojax matrix --set {shlex.quote(start)}{same}")


@options.command("train-segmenter")
@options.dry_run
@options.run_options
def train_segmenter(dry_run: bool, **given: Any) -> None:
    """Train a network that segments the left heart.

    It learns from frames with masks of the left ventricle, its myocardium and the left atrium, in
    runs/segmenter by default, and is measured on a tenth of the persons, which are held out: Dice
    and Hausdorff distance of each frame in segmentation.csv, Dice by view, phase and quality on the
    screen. With --set segmentation.folds=5 every person is held out by one of five networks; the
    masks that these give lie in masks/. --set segmentation.learn=both adds the frames prepared in
    segmentation.also, as simulated ones.
    """
    given["run"] = given["run"] or Path("runs", "segmenter")
    options.check(given, dry_run=dry_run)
    from echojax.recipes.cross_segmentation import Config, CrossSegmentation
    from echojax.runs.run import request

    asked = request(Config, **given)
    trainings = CrossSegmentation.of(asked)
    if dry_run:
        printing.plan(trainings.planned(), asked.run.path)
        return
    printing.agreements(trainings.run())
    for part in trainings.parts:
        click.echo(f"Segmenter: {part.job.file}")


@options.command("train-grader")
@options.dry_run
@options.run_options
def train_grader(dry_run: bool, **given: Any) -> None:
    """Train a network that grades the image quality of the wall's regions.

    MobileNetV2 gives each of eight regions a grade from 1 (not visible) to 5 (excellent). It learns
    from simulated frames whose regions have grades (`echojax simulate --coherence`), from real ones
    whose view has one, or from both, the others prepared in regional_quality.also; in runs/grader
    by default. A tenth of the persons is held out and tells how well grades agree; others set the
    line and the intervals of the grades.

    It starts from ImageNet (`echojax weights fetch mobilenetv2`), or what --set
    regional_quality.init=FILE names.

    With --set regional_quality.network=pooled, that file is one of train-segmenter, whose network
    stays as it is and gets a head that sees its features, averaged over each region: one file for
    `echojax segment` and `echojax grade`, which then needs no masks. The head takes a higher rate,
    as regional_quality.learning_rate=1e-3.
    """
    given["run"] = given["run"] or Path("runs", "grader")
    options.check(given, dry_run=dry_run)
    from echojax.recipes.grading import Config, GraderTraining
    from echojax.runs.run import request

    asked = request(Config, **given)
    training = GraderTraining.of(asked)
    if dry_run:
        printing.plan(training.planned(), asked.run.path)
        return
    training.run()
    printing.grader(asked.run.path / "log.csv")
    click.echo(f"Grader: {training.job.file}")


@options.command("train-coherence")
@options.dry_run
@options.run_options
def train_coherence(dry_run: bool, **given: Any) -> None:
    """Train a network that predicts coherence from a frame.

    It learns from frames that know their coherence, as `echojax simulate --coherence` makes them,
    in runs/coherence by default, and not to mind gain and compression. Structural similarity,
    relative error and PSNR inside the sector, of persons that are held out, are shown beside those
    of the blurred frame and of the mean at each depth.
    """
    given["run"] = given["run"] or Path("runs", "coherence")
    options.check(given, dry_run=dry_run)
    from echojax.recipes.coherence import CoherenceTraining, Config
    from echojax.runs.run import request

    asked = request(Config, **given)
    training = CoherenceTraining.of(asked)
    if dry_run:
        printing.plan(training.planned(), asked.run.path)
        return
    training.run()
    printing.coherence(asked.run.path / "log.csv")
    click.echo(f"Coherence network: {training.job.file}")
