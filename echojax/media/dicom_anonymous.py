"""A DICOM header without what tells whose it is: the basic profile of PS3.15, Annex E.

The table of attributes and what is to be done with each is the standard's of 2026c, as the package
dicom-anonymizer ships it. What the table leaves to the kind of image (as X/Z/D) is done in the way
that keeps most images valid: the last of the letters. The profile alone; none of its options.
"""

import secrets
from copy import deepcopy

from dicomanonymizer.dicom_anonymization_databases import dicomfields_2026c as table
from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

_LETTERS = {
    "D": (table.D_TAGS, table.Z_D_TAGS, table.X_D_TAGS, table.X_Z_D_TAGS),
    "Z": (table.Z_TAGS, table.X_Z_TAGS),
    "X": (table.X_TAGS,),
    "U": (table.U_TAGS, table.X_Z_U_STAR_TAGS),
}
_EXACT = {
    tag: letter
    for letter, lists in _LETTERS.items()
    for tags in lists
    for tag in tags
    if len(tag) == 2
}
# Group, element and the bits of them that count: curves, comments of overlays.
_REPEATING = [
    (tag, letter)
    for letter, lists in _LETTERS.items()
    for tags in lists
    for tag in tags
    if len(tag) == 4
]
_DUMMIES = {
    **dict.fromkeys(("FD", "FL", "SL", "SS", "UL", "US", "SV", "UV", "DS", "IS"), 0),
    **dict.fromkeys(("OB", "OD", "OF", "OL", "OV", "OW", "UN"), b"\0\0"),
    "AS": "000Y",
    "DA": "19000101",
    "DT": "19000101000000",
    "TM": "000000",
    "UR": "http://anonymized.invalid",
}
# What is the same in several files of one call stays the same; nobody else can compute it.
_SALT = secrets.token_hex()


def anonymized(header: Dataset) -> Dataset:
    """A copy of a header without what tells whose it is.

    UIDs that are the same in several files become the same again, as long as one process does
    them. Text burnt into the pixels stays: unless a file states that it has none, it is marked as
    having some (BurnedInAnnotation).
    """
    dataset = deepcopy(header)
    dataset.remove_private_tags()
    _clean(dataset)
    dataset.preamble = bytes(128)
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = "DICOM PS3.15 2026c basic profile (echojax)"
    profile = Dataset()
    profile.CodeValue, profile.CodingSchemeDesignator = "113100", "DCM"
    profile.CodeMeaning = "Basic Application Confidentiality Profile"
    dataset.DeidentificationMethodCodeSequence = Sequence([profile])
    dataset.LongitudinalTemporalInformationModified = "REMOVED"
    if dataset.get("BurnedInAnnotation") != "NO":
        dataset.BurnedInAnnotation = "YES"
    return dataset


def _clean(dataset: Dataset) -> None:
    for element in list(dataset):
        letter = _letter(element)
        if letter == "X":
            del dataset[element.tag]
        elif letter == "Z":
            element.value = Sequence() if element.VR == "SQ" else element.empty_value
        elif letter == "D":
            element.value = Sequence() if element.VR == "SQ" else _dummy(element)
        elif letter == "U" and element.VR == "UI":
            _renew(element)
        elif element.VR == "SQ":
            for item in element.value:
                _clean(item)


def _letter(element: DataElement) -> str | None:
    tag = element.tag
    return _EXACT.get((tag.group, tag.element)) or next(
        (
            letter
            for (group, number, groups, numbers), letter in _REPEATING
            if tag.group & groups == group & groups and tag.element & numbers == number & numbers
        ),
        None,
    )


def _dummy(element: DataElement) -> object:
    if element.VR == "UI":
        return generate_uid()
    return _DUMMIES.get(element.VR, "ANONYMIZED")


def _renew(element: DataElement) -> None:
    if element.value:
        old = [element.value] if element.VM == 1 else list(element.value)
        new = [generate_uid(entropy_srcs=[_SALT, str(uid)]) for uid in old]
        element.value = new[0] if element.VM == 1 else new
