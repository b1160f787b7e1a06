"""DICOM Segmentation objects: masks that refer to the frames they are of.

Binary ones, a segment a structure, as viewers commonly read them (DICOM PS3.3, A.51 and C.8.20).
pydicom alone suffices: what packages for them add is volumes in patient space, which ultrasound
does not have.
"""

import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, SegmentationStorage, generate_uid
from pydicom.valuerep import DSfloat

from echojax.errors import InputError
from echojax.version import __version__

# Of a label: its name and SNOMED CT's code. In the order of labels, from 1 on.
_STRUCTURES = (
    ("Left ventricle", "87878005"),
    ("Myocardium", "74281007"),
    ("Left atrium", "82471001"),
)
# What is the same for all that belongs to a patient and a study; the first are asked for.
_ASKED = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "ReferringPhysicianName",
    "AccessionNumber",
)
_COPIED = (
    "SpecificCharacterSet",
    "StudyDescription",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
    "LossyImageCompressionRatio",
    "LossyImageCompressionMethod",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
)
_SEGMENT, _TIME = 0x0062000B, 0x00209128  # what frames are told apart by
_OF_SEGMENT, _OF_TIME = 0x0062000A, 0x00209111  # and the sequences that have it


def header(source: Dataset, spacing: tuple[float, float] | None, description: str) -> Dataset:
    """All of a segmentation of an image but its frames.

    Args:
        source: the header of the image.
        spacing: mm between its rows and between its columns, if that is known.
        description: what made the masks.
    """
    made = Dataset()
    for keyword in _ASKED:
        setattr(made, keyword, source.get(keyword, ""))
    for keyword in _COPIED:
        if keyword in source:
            made[keyword] = source[keyword]
    _identify(made, source, description)
    made.ImageType = ["DERIVED", "PRIMARY"]
    made.SegmentationType, made.SegmentsOverlap = "BINARY", "NO"
    made.SegmentSequence = Sequence(_segment(number) for number in range(1, len(_STRUCTURES) + 1))
    made.Rows, made.Columns = source.Rows, source.Columns
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit = 1, 1, 0
    made.PixelRepresentation = 0
    made.LossyImageCompression = source.get("LossyImageCompression", "00")
    organization = generate_uid()
    made.DimensionOrganizationSequence = Sequence([_with(DimensionOrganizationUID=organization)])
    made.DimensionIndexSequence = Sequence(
        _with(
            DimensionOrganizationUID=organization,
            DimensionIndexPointer=pointer,
            FunctionalGroupPointer=group,
        )
        for pointer, group in ((_SEGMENT, _OF_SEGMENT), (_TIME, _OF_TIME))
    )
    shared = Dataset()
    if spacing is not None:
        steps = [DSfloat(step, auto_format=True) for step in spacing]
        shared.PixelMeasuresSequence = Sequence([_with(PixelSpacing=steps)])
    made.SharedFunctionalGroupsSequence = Sequence([shared])
    return made


def write(path: Path, header: Dataset, source: Dataset, masks: Iterator[np.ndarray]) -> None:
    """Write the masks of all frames of an image; a frame for each of them and each structure."""
    frames = []
    left = np.zeros(0, np.uint8)  # bits that fill no byte yet; frames do not begin at one
    with tempfile.TemporaryFile(dir=path.parent) as spool:
        for number, mask in enumerate(masks, start=1):
            for segment in range(1, len(_STRUCTURES) + 1):
                bits = np.concatenate([left, (mask == segment).ravel().astype(np.uint8)])
                whole = len(bits) // 8 * 8
                spool.write(np.packbits(bits[:whole], bitorder="little").tobytes())
                left = bits[whole:]
                frames.append(_frame(source, number, segment))
        spool.write(np.packbits(left, bitorder="little").tobytes())
        spool.write(b"\0" * (spool.tell() % 2))
        spool.seek(0)
        header.NumberOfFrames = len(frames)
        header.PerFrameFunctionalGroupsSequence = Sequence(frames)
        header.add_new("PixelData", "OB", spool)
        dcmwrite(path, header, enforce_file_format=True)


def is_segmentation(path: Path) -> bool:
    """Whether a DICOM file is one."""
    meta = dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"])
    return bool(meta.get("SOPClassUID") == SegmentationStorage)


def masks(path: Path) -> list[np.ndarray]:
    """The masks of a segmentation by the number of the frame they are of: uint8 (rows, columns).

    Raises:
        InputError: it is not binary, or of other structures than those of the left heart.
    """
    found = dcmread(path)
    labels = {int(item.SegmentNumber): _label(item) for item in found.SegmentSequence}
    if found.SegmentationType != "BINARY" or None in labels.values():
        names = ", ".join(str(item.get("SegmentLabel", "?")) for item in found.SegmentSequence)
        raise InputError(
            f"{path}: a {found.SegmentationType} segmentation of {names}; expected a binary one of "
            + ", ".join(name for name, _ in _STRUCTURES)
        )
    size = int(found.Rows) * int(found.Columns)
    placed = []
    for group in found.PerFrameFunctionalGroupsSequence:
        (origin,) = group.DerivationImageSequence[0].SourceImageSequence
        number = int(origin.get("ReferencedFrameNumber", 1))
        placed.append((number, labels[int(_number_of(group))]))
    every = [
        np.zeros((found.Rows, found.Columns), np.uint8) for _ in range(max(n for n, _ in placed))
    ]
    stored = np.frombuffer(found.PixelData, np.uint8)
    for place, (number, label) in enumerate(placed):
        first, last = place * size, (place + 1) * size
        bits = np.unpackbits(stored[first // 8 : -(-last // 8)], bitorder="little")
        inside = bits[first % 8 : first % 8 + size].reshape(found.Rows, found.Columns)
        every[number - 1][inside > 0] = label
    return every


def _number_of(group: Dataset) -> int:
    return int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber)


def _label(segment: Dataset) -> int | None:
    code = str(segment.SegmentedPropertyTypeCodeSequence[0].CodeValue)
    codes = [known for _, known in _STRUCTURES]
    return codes.index(code) + 1 if code in codes else None


def _identify(made: Dataset, source: Dataset, description: str) -> None:
    now = datetime.now()
    made.SOPClassUID, made.SOPInstanceUID = SegmentationStorage, generate_uid()
    made.Modality = "SEG"
    made.SeriesInstanceUID = generate_uid(
        entropy_srcs=[str(source.get("SeriesInstanceUID", source.SOPInstanceUID)), description]
    )
    made.SeriesNumber = 9000
    made.SeriesDescription = description[:64]
    made.InstanceNumber = source.get("InstanceNumber") or 1
    made.ContentDate, made.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    made.ContentLabel, made.ContentDescription = "LEFT_HEART", description[:64]
    made.ContentCreatorName = ""
    made.Manufacturer = made.ManufacturerModelName = "echojax"
    made.DeviceSerialNumber, made.SoftwareVersions = "none", __version__
    origin = _reference(source)
    series = _with(ReferencedInstanceSequence=Sequence([origin]))
    series.SeriesInstanceUID = source.get("SeriesInstanceUID", "")
    made.ReferencedSeriesSequence = Sequence([series])
    made.file_meta = FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def _segment(number: int) -> Dataset:
    name, code = _STRUCTURES[number - 1]
    return _with(
        SegmentNumber=number,
        SegmentLabel=name,
        SegmentAlgorithmType="AUTOMATIC",
        SegmentAlgorithmName="echojax segment",
        SegmentedPropertyCategoryCodeSequence=_coded("91723000", "SCT", "Anatomical Structure"),
        SegmentedPropertyTypeCodeSequence=_coded(code, "SCT", name),
    )


def _frame(source: Dataset, number: int, segment: int) -> Dataset:
    origin = _reference(source)
    if "NumberOfFrames" in source:
        origin.ReferencedFrameNumber = number
    origin.PurposeOfReferenceCodeSequence = _coded(
        "121322", "DCM", "Source image for image processing operation"
    )
    derivation = _with(
        SourceImageSequence=Sequence([origin]),
        DerivationCodeSequence=_coded("113076", "DCM", "Segmentation"),
    )
    content = _with(DimensionIndexValues=[segment, number], TemporalPositionIndex=number)
    return _with(
        FrameContentSequence=Sequence([content]),
        SegmentIdentificationSequence=Sequence([_with(ReferencedSegmentNumber=segment)]),
        DerivationImageSequence=Sequence([derivation]),
    )


def _reference(source: Dataset) -> Dataset:
    return _with(
        ReferencedSOPClassUID=source.SOPClassUID, ReferencedSOPInstanceUID=source.SOPInstanceUID
    )


def _coded(value: str, scheme: str, meaning: str) -> Sequence:
    return Sequence([_with(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)])


def _with(**elements: object) -> Dataset:
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made
