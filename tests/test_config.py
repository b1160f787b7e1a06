from functools import partial
from typing import Annotated

import pytest

from echojax import config
from echojax.config import FREE, Configuration, Section, recorded
from echojax.errors import InputError
from echojax.recipes.super_resolution import SuperResolutionConfig
from echojax.studies.diagnosis.config import Config

load = partial(config.load, Config)


def written(tmp_path, text):
    file = tmp_path / "study.toml"
    file.write_text(text)
    return file


def test_defaults_are_valid():
    assert load() == Config()
    assert Config.model_validate(Config().model_dump()) == Config()


def test_toml_and_back_is_the_same_configuration_with_every_key(tmp_path):
    original = load(
        overrides=[
            "data.dir=/somewhere/else",
            'data.views=["4CH"]',
            'sr.quality=["good", "unlabelled"]',
            "sr.learning_rate=3e-5",
            'sr.activation="clip"',
            'study.sr=["none"]',
            "study.keep_classifiers=false",
            'study.note="a \\"quoted\\" note\\nof two lines"',
        ]
    )
    assert original != Config()
    text = original.to_toml()
    assert load(written(tmp_path, text)) == original
    for key in config.keys(Config):
        section, name = key.split(".")
        assert f"\n{name} = " in text.partition(f"[{section}]")[2]


def test_overrides_win_over_the_file_and_the_last_over_the_first(tmp_path):
    """What neither names has its default."""
    text = '[sr]\nsteps = 7\nbatch = 3\n[study]\ntrain = ["poor"]\n'
    read = load(written(tmp_path, text), ["sr.steps=8", "sr.steps=9"])
    assert (read.sr.steps, read.sr.batch) == (9, 3)
    assert read.study.train == ("poor",)
    assert read.sr.crop == Config().sr.crop


def test_override_values_are_toml_or_plain_strings():
    overrides = {
        "sr.steps = 100": 100,
        "sr.bias=true": True,
        "sr.learning_rate=0.25": 0.25,
        'data.views=["2CH"]': ("2CH",),
        'sr.schedule="cosine"': "cosine",
        "sr.activation=clip": "clip",
        "study.note= two words = three": "two words = three",
        "classifier.init=weights/resnet18.safetensors": "weights/resnet18.safetensors",
    }
    read = load(overrides=list(overrides))
    for text, value in overrides.items():
        section, key = text.partition("=")[0].strip().split(".")
        assert getattr(getattr(read, section), key) == value


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("sr.learning-rate", "sr.learning_rate"),
        ("study.trian", "study.train"),
        ("classifer.epochs", "classifier.epochs"),
    ],
)
def test_misspelt_key_names_the_closest(tmp_path, wrong, right):
    section, key = wrong.split(".")
    file = written(tmp_path, f"[{section}]\n{key} = 1\n")
    with pytest.raises(InputError, match=rf"study.toml: unknown key .*; did you mean {right}\?"):
        load(file)
    with pytest.raises(InputError, match=rf"--set: unknown key .*; did you mean {right}\?"):
        load(overrides=[f"{wrong}=1"])


def test_key_outside_its_section_names_where_it_belongs(tmp_path):
    with pytest.raises(InputError, match=r"unknown key steps; did you mean sr.steps\?"):
        load(written(tmp_path, "steps = 5\n"))


def test_wrong_override_is_not_blamed_on_the_file(tmp_path):
    file = written(tmp_path, "[sr]\nsteps = 7\n")
    with pytest.raises(InputError, match="--set"):
        load(file, ["sr.stepz=5"])


@pytest.mark.parametrize(
    "override",
    [
        "sr.steps=many",
        "sr.steps=1.5",
        "sr.crop=50",
        "sr.seed=-1",
        "sr.learning_rate=0",
        "sr.activation=relu",
        "sr.bias=maybe",
        "sr.quality=[]",
        "data.views=2CH",
        'study.train=["good", "excellent"]',
        "study.parts=1",
        "study.split_seed=-1",
        "classifier.size=16",
        "sr.first_kernel=8",
        "sr.last_kernel=8",
        "sr=5",
    ],
)
def test_wrong_value_names_its_key_and_the_value(override):
    key, _, value = override.partition("=")
    with pytest.raises(InputError) as error:
        load(overrides=[override])
    assert f"--set: {key}" in str(error.value)
    assert value.strip('[]"').split('"')[-1] in str(error.value)


def test_wrong_value_is_explained_in_words_of_the_file():
    with pytest.raises(InputError) as error:
        load(overrides=['sr.quality=["fine"]'])
    message = str(error.value)
    assert all(word in message for word in ("good", "medium", "poor", "unlabelled"))
    assert "literal" not in message  # a word of pydantic's, not a key
    assert "after validation" not in message  # the list had one item


def test_every_wrong_value_is_named_at_once():
    with pytest.raises(InputError) as error:
        load(overrides=["sr.steps=0", "study.seeds=0"])
    assert "sr.steps" in str(error.value)
    assert "study.seeds" in str(error.value)


@pytest.mark.parametrize("override", ["sr.steps", "=5", "sr.=5", ".steps=5"])
def test_override_without_key_or_value_shows_an_example(override):
    with pytest.raises(InputError, match=r"expected section.key=value"):
        load(overrides=[override])


def test_override_below_a_key_is_refused():
    with pytest.raises(InputError, match="steps is not a section"):
        load(overrides=["sr.steps=5", "sr.steps.more=6"])


def test_more_folds_than_parts_are_refused():
    assert load(overrides=["study.parts=5", "study.folds=5"]).study.parts == 5
    with pytest.raises(InputError, match=r"study.folds is 6, but there are 5 study.parts"):
        load(overrides=["study.folds=6"])


def test_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nothing.toml: no such configuration file"):
        load(tmp_path / "nothing.toml")


@pytest.mark.parametrize("content", [b"[sr\nsteps = 1", b"\xff\xfe\x00"])
def test_file_that_is_not_toml_is_named(tmp_path, content):
    file = tmp_path / "study.toml"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"study.toml: cannot be read as TOML"):
        load(file)
    with pytest.raises(InputError, match=rf"{tmp_path}: cannot be read"):
        load(tmp_path)


class Baking(Section):
    hours: int = 1
    oven: Annotated[str, FREE] = "left"


class OtherConfig(Configuration):
    baking: Baking = Baking()


def test_a_configuration_of_other_sections_is_read_by_the_same_rules(tmp_path):
    read = config.load(OtherConfig, written(tmp_path, "[baking]\nhours = 2\n"), data_dir=tmp_path)
    assert read == OtherConfig(data=read.data, baking=Baking(hours=2))
    assert read.data.dir == tmp_path
    assert config.keys(OtherConfig) == ["data.dir", "data.views", "baking.hours", "baking.oven"]
    with pytest.raises(InputError, match=r"unknown key baking.hour; did you mean baking.hours\?"):
        config.load(OtherConfig, overrides=["baking.hour=2"])
    with pytest.raises(InputError, match="unknown key sr"):
        config.load(OtherConfig, overrides=["sr.steps=2"])


def test_what_is_recorded_of_a_section_is_all_but_its_free_keys():
    assert recorded(Baking(hours=3, oven="right"), "baking") == {"baking.hours": 3}


def test_super_resolution_records_neither_srgans_keys_nor_how_often_it_saves():
    sr = Config().sr
    whole, own = recorded(sr, "sr"), recorded(sr, "sr", SuperResolutionConfig)
    assert whole.keys() - own.keys() >= {"sr.gan_steps", "sr.adversarial", "sr.average"}
    assert own["sr.steps"] == whole["sr.steps"] == sr.steps
    free = {"save_every", "save_minutes", "evaluate_every", "evaluate_frames", "images", "init"}
    assert not {f"sr.{key}" for key in free} & whole.keys()


def test_what_only_extends_or_moves_a_study_is_not_recorded():
    assert recorded(Config().study, "study").keys() == {
        "study.parts",
        "study.split_seed",
        "study.paper_draw",
    }


def test_a_file_of_version_0_1_0_still_loads(tmp_path):
    """As its runs kept it, every key of it present."""
    read = load(written(tmp_path, VERSION_0_1_0))
    assert read.sr.perceptual == "none"
    assert read.sr.gan_learning_rate == 2e-4
    assert read.classifier.init == "simulated"
    assert read.pretrain.augment == 0.5
    assert read.study.note == "as it was"
    # What is new since then is as it was before there was a choice.
    assert read.sr.scale == 4
    assert read.pretrain.keep == "last"


VERSION_0_1_0 = """
[data]
dir = "data"
views = [
    "2CH",
    "4CH",
]

[sr]
blocks = 16
channels = 64
first_kernel = 9
last_kernel = 9
bias = false
activation = "none"
init = "interpolation"
quality = [
    "good",
]
images = "div2k"
crop = 96
batch = 16
steps = 20000
learning_rate = 0.0001
schedule = "constant"
gan_steps = 20000
gan_learning_rate = 0.0002
perceptual = "none"
adversarial = 0.001
discriminator_width = 64
average = 0.999
evaluate_every = 1000
evaluate_frames = 16
save_every = 1000
seed = 0

[classifier]
size = 224
width = 64
init = "simulated"
batch = 16
epochs = 10
learning_rate = 0.0001

[pretrain]
batch = 32
epochs = 20
learning_rate = 0.001
augment = 0.5
seed = 0

[study]
protocols = [
    "patient",
]
tasks = [
    "view",
    "phase",
]
train = [
    "good",
    "medium",
    "poor",
]
test = [
    "good",
    "medium",
    "poor",
]
sr = [
    "none",
    "bicubic",
    "srresnet",
]
modes = [
    "upscale",
    "restore",
]
sr_on = [
    "train",
    "test",
    "both",
]
enhance = [
    "poor",
]
parts = 5
folds = 5
seeds = 3
split_seed = 0
keep_classifiers = true
note = "as it was"
"""
