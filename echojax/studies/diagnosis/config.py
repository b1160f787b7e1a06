"""The configuration of the diagnosis study: its networks, their trainings, what is compared."""

from echojax.config import Configuration
from echojax.recipes.classifier import ClassifierConfig
from echojax.recipes.classifier_pretraining import PretrainConfig
from echojax.recipes.gan import GanConfig
from echojax.recipes.restoration import RestorerConfig
from echojax.recipes.segmentation import SegmenterConfig
from echojax.studies.diagnosis.cells import StudyConfig


class Config(Configuration):
    """Everything a run of the study depends on, the pretraining of its networks included."""

    sr: GanConfig = GanConfig()
    classifier: ClassifierConfig = ClassifierConfig()
    pretrain: PretrainConfig = PretrainConfig()
    restorer: RestorerConfig = RestorerConfig()
    segmentation: SegmenterConfig = SegmenterConfig()
    study: StudyConfig = StudyConfig()
