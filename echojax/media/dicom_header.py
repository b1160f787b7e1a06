"""The header of an image derived from another: its geometry, its identity and its origin."""

from collections.abc import Iterator
from copy import deepcopy

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import DSfloat

from echojax.media.recording import Region

PLANAR = 1  # RegionSpatialFormat of a two-dimensional image
_SPACINGS = ("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing")
# Pixels counted within a region or in the image, all of one kind: a position.
_POSITIONS = (
    "ReferencePixelX0",
    "ReferencePixelY0",
    "DopplerSampleVolumeXPosition",
    "DopplerSampleVolumeYPosition",
    "TMLinePositionX0",
    "TMLinePositionY0",
    "TMLinePositionX1",
    "TMLinePositionY1",
)
# What describes the old pixel data: its values, its tables, its icon, its compression.
_STALE = (
    "SmallestImagePixelValue",
    "LargestImagePixelValue",
    "SmallestPixelValueInSeries",
    "LargestPixelValueInSeries",
    "IconImageSequence",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelDataProviderURL",
)
_TABLES = tuple(
    f"{colour}PaletteColorLookupTable{part}"
    for colour in ("Red", "Green", "Blue")
    for part in ("Descriptor", "Data")
) + tuple(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue"))


def regions(dataset: Dataset, shape: tuple[int, ...]) -> tuple[Region, ...]:
    """The two-dimensional ultrasound regions within a frame, without those inside another."""
    found: list[Region] = []
    for item in dataset.get("SequenceOfUltrasoundRegions") or ():
        if item.get("RegionSpatialFormat") != PLANAR or "RegionLocationMaxX1" not in item:
            continue
        region = Region(  # the corners DICOM states are both inside
            top=int(item.RegionLocationMinY0),
            bottom=min(int(item.RegionLocationMaxY1) + 1, shape[0]),
            left=int(item.RegionLocationMinX0),
            right=min(int(item.RegionLocationMaxX1) + 1, shape[1]),
        )
        if region.top < region.bottom and region.left < region.right and region not in found:
            found.append(region)
    return tuple(
        inner
        for inner in found
        if not any(_inside(inner, outer) for outer in found if outer != inner)
    )


def _inside(inner: Region, outer: Region) -> bool:
    """A colour Doppler box, for one, lies within the region of its image."""
    return (
        outer.top <= inner.top
        and inner.bottom <= outer.bottom
        and outer.left <= inner.left
        and inner.right <= outer.right
    )


def derived(source: Dataset, scale: int, description: str) -> Dataset:
    """A copy of a header without pixels, for pixels enlarged and stored uncompressed.

    Everything that is not named in this module stays as it is.
    """
    dataset = deepcopy(source)
    for keyword in _STALE + (
        _TABLES if source.PhotometricInterpretation == "PALETTE COLOR" else ()
    ):
        if keyword in dataset:
            delattr(dataset, keyword)
    # Overlays are drawn pixel by pixel and would no longer fit.
    for tag in [tag for tag in dataset.keys() if 0x6000 <= tag.group <= 0x60FF]:  # noqa: SIM118
        del dataset[tag]
    _identify(dataset, source, description)
    for part in measured(dataset):
        _refine(part, scale)
    for region in dataset.get("SequenceOfUltrasoundRegions") or ():
        _refine_region(region, scale)
    return dataset


def _identify(dataset: Dataset, source: Dataset, description: str) -> None:
    origin = Dataset()
    origin.ReferencedSOPClassUID = source.SOPClassUID
    origin.ReferencedSOPInstanceUID = source.SOPInstanceUID
    dataset.SourceImageSequence = Sequence([origin])
    dataset.DerivationDescription = description
    kept = list(source.get("ImageType") or ())[2:]
    dataset.ImageType = ["DERIVED", "SECONDARY", *kept]
    dataset.SOPInstanceUID = generate_uid()
    if "SeriesInstanceUID" in source:  # the same for every image of the old series
        dataset.SeriesInstanceUID = generate_uid(
            entropy_srcs=[str(source.SeriesInstanceUID), description]
        )
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian


def measured(dataset: Dataset) -> Iterator[Dataset]:
    """The places where pixel spacing may stand."""
    yield dataset
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in dataset.get(groups) or ():
            yield from group.get("PixelMeasuresSequence") or ()


def _refine(part: Dataset, scale: int) -> None:
    spacing = part.get("PixelSpacing")
    if spacing and part.get("ImagePositionPatient") and part.get("ImageOrientationPatient"):
        # The position is that of the first pixel's centre, which moves inwards.
        along_row, along_column = np.reshape(np.array(part.ImageOrientationPatient, float), (2, 3))
        half = 0.5 / scale - 0.5
        moved = np.array(part.ImagePositionPatient, float) + half * (
            along_row * float(spacing[1]) + along_column * float(spacing[0])
        )
        part.ImagePositionPatient = [DSfloat(value, auto_format=True) for value in moved]
    for keyword in _SPACINGS:
        if part.get(keyword):
            finer = [DSfloat(float(step) / scale, auto_format=True) for step in part[keyword].value]
            setattr(part, keyword, finer)


def _refine_region(region: Dataset, scale: int) -> None:
    for axis in "XY":
        delta, low, high = (
            f"PhysicalDelta{axis}",
            f"RegionLocationMin{axis}0",
            f"RegionLocationMax{axis}1",
        )
        if delta in region:
            setattr(region, delta, region[delta].value / scale)
        if low in region:
            setattr(region, low, region[low].value * scale)
        if high in region:  # the last pixel inside becomes several
            setattr(region, high, region[high].value * scale + scale - 1)
    for keyword in _POSITIONS:
        if keyword in region:
            setattr(region, keyword, region[keyword].value * scale)
