from pathlib import Path

import pytest

from echojax.config import Config, differences, keys, load
from echojax.errors import InputError


def written(tmp_path, text):
    file = tmp_path / "study.toml"
    file.write_text(text)
    return file


def test_defaults_are_valid():
    assert load() == Config()
    assert Config.model_validate(Config().model_dump()) == Config()


def test_toml_and_back_is_the_same_configuration(tmp_path):
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
    assert load(written(tmp_path, original.to_toml())) == original


def test_toml_holds_every_key():
    text = Config().to_toml()
    for key in keys():
        section, name = key.split(".")
        assert f"\n{name} = " in text.partition(f"[{section}]")[2]


def test_file_says_what_differs_from_the_defaults(tmp_path):
    read = load(written(tmp_path, '[sr]\nsteps = 7\n[study]\ntrain = ["poor"]\n'))
    assert read.sr.steps == 7
    assert read.study.train == ("poor",)
    assert read.sr.batch == Config().sr.batch


def test_overrides_win_over_the_file_and_the_last_over_the_first(tmp_path):
    file = written(tmp_path, "[sr]\nsteps = 7\nbatch = 3\n")
    read = load(file, ["sr.steps=8", "sr.steps=9"])
    assert (read.sr.steps, read.sr.batch) == (9, 3)


@pytest.mark.parametrize(
    ("text", "section", "key", "value"),
    [
        ("sr.steps=100", "sr", "steps", 100),
        ("sr.steps = 100", "sr", "steps", 100),
        ("sr.bias=true", "sr", "bias", True),
        ("sr.learning_rate=0.25", "sr", "learning_rate", 0.25),
        ('data.views=["2CH"]', "data", "views", ("2CH",)),
        ("sr.schedule=cosine", "sr", "schedule", "cosine"),
        ('sr.schedule="cosine"', "sr", "schedule", "cosine"),
        ("study.note=two words = three", "study", "note", "two words = three"),
        ("classifier.init=weights/resnet18.safetensors", "classifier", "init", None),
    ],
)
def test_override_values_are_toml_or_plain_strings(text, section, key, value):
    expected = text.partition("=")[2] if value is None else value
    overrides = [text] if "fraction" not in text else [text, "study.folds=1"]
    assert getattr(getattr(load(overrides=overrides), section), key) == expected


MISSPELT = [
    ("sr.stepz", "sr.steps"),
    ("sr.learning-rate", "sr.learning_rate"),
    ("study.trian", "study.train"),
    ("classifer.epochs", "classifier.epochs"),
    ("date.dir", "data.dir"),
]


@pytest.mark.parametrize(("wrong", "right"), MISSPELT)
def test_misspelt_key_in_a_file_names_the_closest(tmp_path, wrong, right):
    section, key = wrong.split(".")
    file = written(tmp_path, f"[{section}]\n{key} = 1\n")
    with pytest.raises(InputError, match=rf"study.toml: unknown key .*; did you mean {right}\?"):
        load(file)


@pytest.mark.parametrize(("wrong", "right"), MISSPELT)
def test_misspelt_override_names_the_closest(wrong, right):
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
        "sr.steps=0",
        "sr.crop=50",
        "sr.seed=-1",
        "sr.learning_rate=0",
        "sr.learning_rate=-0.5",
        "sr.activation=relu",
        "sr.bias=maybe",
        "sr.quality=[]",
        'sr.quality=["fine"]',
        "data.views=2CH",
        'study.train=["good", "excellent"]',
        "study.parts=1",
        "study.split_seed=-1",
        "classifier.size=16",
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


@pytest.mark.parametrize("key", ["sr.first_kernel", "sr.last_kernel"])
def test_even_kernel_that_would_change_the_image_size_is_refused(key):
    with pytest.raises(InputError, match=key):
        load(overrides=[f"{key}=8"])


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


def test_folder_instead_of_a_file_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path)


@pytest.mark.parametrize(
    "override",
    ["sr.steps=5", 'data.views=["2CH"]', "classifier.epochs=2", "study.split_seed=1"],
)
def test_differences_name_key_and_both_values(override):
    stored, asked = Config(), load(overrides=[override])
    key = override.partition("=")[0]
    section, name = key.split(".")
    old, new = (getattr(getattr(c, section), name) for c in (stored, asked))
    assert differences(stored, asked) == [f"{key} was {old!r}, now {new!r}"]


def test_differences_that_only_extend_or_move_a_run_are_free():
    asked = load(
        overrides=[
            "data.dir=/elsewhere",
            'study.protocols=["paper", "patient"]',
            'study.train=["poor"]',
            'study.sr=["none"]',
            "study.folds=2",
            "study.seeds=9",
            "study.note=again",
        ]
    )
    assert differences(Config(), asked) == []
    assert differences(Config(), Config()) == []


def test_settings_of_the_pretraining_matter_to_a_pretraining_alone():
    asked = load(overrides=["pretrain.epochs=3", "pretrain.augment=0.5"])
    assert differences(Config(), asked, pretrained=False) == []
    assert differences(Config(), asked, pretrained=True) == [
        "pretrain.epochs was 20, now 3",
        "pretrain.augment was 1.0, now 0.5",
    ]


CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.toml"))


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.stem)
def test_the_configurations_that_come_with_echojax_are_valid(file):
    assert load(file) != Config()
    # Each is an experiment's record: it says how it is run.
    assert "# Command: " in file.read_text()
