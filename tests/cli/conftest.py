import numpy as np
import pytest
from scipy import ndimage

from echojax.cli import main
from tests import camus_folders

# The least that is a study: every part runs, nothing is learned.
TINY = [
    "sr.blocks=1",
    "sr.channels=4",
    "sr.crop=32",
    "sr.batch=4",
    "sr.steps=2",
    "sr.evaluate_frames=2",
    "sr.gan_steps=2",
    "sr.perceptual=none",
    "sr.discriminator_width=4",
    "classifier.init=random",
    "classifier.width=4",
    "classifier.size=32",
    "classifier.epochs=1",
    "classifier.batch=8",
    "pretrain.epochs=1",
    "pretrain.batch=8",
    "pretrain.augment=0",  # takes half a minute to compile
    "study.parts=2",
    "study.folds=1",
    "study.seeds=2",
]


@pytest.fixture(scope="session")
def tiny():
    return [word for setting in TINY for word in ("--set", setting)]


@pytest.fixture(scope="session")
def make_release():
    """Write a NIfTI release of patients by number; in both views every third is good, and so on.

    A patient's frames are smooth noise that depends on the number alone. `shift` makes other
    qualities of them; `simulated` ones have the file that says so beside them.
    """

    def make(root, numbers, *, shift=0, simulated=False):
        for number in numbers:
            rng = np.random.default_rng(number)
            quality = ("Good", "Medium", "Poor")[(number + shift) % 3]
            folder = root / "database_nifti" / f"patient{number:04d}"
            folder.mkdir(parents=True)
            if simulated:
                (folder / "simulation.json").write_text("{}")
            for view in camus_folders.VIEWS:
                cfg = camus_folders.NIFTI_CFG | {"ImageQuality": quality}
                camus_folders.write_cfg(folder / f"Info_{view}.cfg", cfg)
                for phase in camus_folders.PHASES:
                    noise = ndimage.gaussian_filter(rng.normal(size=(64, 64)), 2)
                    frame = (128 + 400 * noise).clip(0, 255).astype(np.uint8)
                    name = f"{folder.name}_{view}_{phase}"
                    square = (0.3, 0.3)
                    camus_folders.write_nifti(folder / f"{name}.nii.gz", frame, square)
                    camus_folders.write_nifti(folder / f"{name}_gt.nii.gz", frame // 64, square)
        return root

    return make


@pytest.fixture(scope="session")
def make_data(make_release, tmp_path_factory):
    """Prepare such a release; gives the data directory."""

    def make(numbers, **settings):
        folder = tmp_path_factory.mktemp("data")
        source = make_release(folder / "camus_public", numbers, **settings)
        assert main(["prepare", "camus", "--from", str(source), "--data-dir", str(folder)]) == 0
        return folder

    return make


@pytest.fixture(scope="session")
def data_dir(make_data):
    """The 96 frames of 24 patients, as many of each quality; in two parts, each tests 48."""
    return make_data(range(1, 25))


@pytest.fixture(scope="session")
def others(make_data):
    """The 32 frames of eight other patients, who are said to be simulated."""
    return make_data(range(101, 109), simulated=True)
