import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UltrasoundMultiFrameImageStorage, generate_uid

from echojax.media import open_recording
from echojax.media.dicom_anonymous import anonymized
from tests.media.rewriting import noise
from tests.media.test_dicom import dataset, region, save

SECRETS = ("Doe", "4711", "Mercy", "19530402", "House", "ACC99", "left-handed", "sonoscan")


def identified(**more):
    """A file that says who was examined in every way that is common, and in some that are not."""
    made = dataset(noise(3, 7, 9), **more)
    made.PatientName, made.PatientID, made.PatientBirthDate = "Doe^Jane", "4711", "19530402"
    made.PatientSex, made.PatientAge, made.PatientComments = "F", "073Y", "left-handed"
    made.InstitutionName, made.ReferringPhysicianName = "Mercy", "House^Gregory"
    made.StudyDate = made.SeriesDate = made.ContentDate = "19530402"
    made.AcquisitionDateTime = "19530402101010"
    made.AccessionNumber, made.StationName, made.StudyID = "ACC99", "sonoscan", "4711"
    made.SeriesDescription, made.ImageComments = "Doe", "Doe"
    made.StudyDescription = made.ProtocolName = "Doe"
    request = Dataset()
    request.RequestingPhysician, request.ScheduledProcedureStepDescription = "House", "Doe"
    made.RequestAttributesSequence = Sequence([request])
    item = region(0, 0, 8, 6)
    item.OperatorsName = "House"  # within a sequence that is kept
    made.SequenceOfUltrasoundRegions = Sequence([item])
    made.private_block(0x0011, "Mercy", create=True).add_new(1, "LO", "Doe")
    made.add_new(0x50003000, "OW", b"4711")
    made.preamble = b"Doe^Jane".ljust(128, b"\0")
    return made


@pytest.fixture
def rewritten_without_names(tmp_path):
    def run(made, name="in"):
        recording = open_recording(save(tmp_path / f"{name}.dcm", made))
        recording.anonymize = True
        frames = (frame.repeat(2, 0).repeat(2, 1) for frame in recording.frames())
        recording.write(tmp_path / f"{name}_out.dcm", frames, 2, "enlarged")
        return pydicom.dcmread(tmp_path / f"{name}_out.dcm")

    return run


def test_not_a_byte_of_the_file_tells_whose_it_is(tmp_path, rewritten_without_names):
    rewritten_without_names(identified())
    before, after = ((tmp_path / name).read_bytes() for name in ("in.dcm", "in_out.dcm"))
    assert all(secret.encode() in before for secret in SECRETS)
    assert [secret for secret in SECRETS if secret.encode() in after] == []


def test_what_is_measured_and_shown_stays(rewritten_without_names):
    made = identified()
    new = rewritten_without_names(made)
    assert new.SOPClassUID == UltrasoundMultiFrameImageStorage
    assert (new.Modality, new.FrameTime, new.NumberOfFrames) == ("US", 20.0, 3)
    (item,) = new.SequenceOfUltrasoundRegions
    assert (item.PhysicalDeltaX, item.RegionLocationMaxX1) == (0.02, 17)
    np.testing.assert_array_equal(
        new.pixel_array,
        np.frombuffer(made.PixelData[:189], np.uint8).reshape(3, 7, 9).repeat(2, 1).repeat(2, 2),
    )


def test_it_says_that_and_how_names_were_removed(rewritten_without_names):
    new = rewritten_without_names(identified())
    assert new.PatientIdentityRemoved == "YES"
    assert new.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
    assert new.LongitudinalTemporalInformationModified == "REMOVED"
    assert (new.PatientName, new.PatientID, new.StudyDate) == ("", "ANONYMIZED", "")
    assert "PatientAge" not in new


@pytest.mark.parametrize(("stated", "said"), [(None, "YES"), ("YES", "YES"), ("NO", "NO")])
def test_text_that_may_be_burnt_in_is_not_called_removed(rewritten_without_names, stated, said):
    more = {} if stated is None else {"BurnedInAnnotation": stated}
    assert rewritten_without_names(identified(**more)).BurnedInAnnotation == said


def test_what_belongs_together_still_does_under_new_uids(rewritten_without_names):
    made = [identified(), identified(), identified(StudyInstanceUID=generate_uid())]
    one, other, stranger = (rewritten_without_names(m, str(k)) for k, m in enumerate(made))
    assert one.StudyInstanceUID == other.StudyInstanceUID != stranger.StudyInstanceUID
    assert one.SeriesInstanceUID == other.SeriesInstanceUID
    assert one.SOPInstanceUID != other.SOPInstanceUID
    old = {
        str(made[0][name].value)
        for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    }
    text = str(one) + str(one.file_meta)
    assert [uid for uid in old if uid in text] == []
    assert one.SOPInstanceUID == one.file_meta.MediaStorageSOPInstanceUID


def test_the_header_that_is_given_is_left_alone():
    made = identified()
    anonymized(made)
    assert made.PatientName == "Doe^Jane"
