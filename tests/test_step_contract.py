"""The step contract itself: what `@step` makes of a function, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pytest

from jwgpu import backend
from jwgpu.data import Image, Ramp, Reference
from jwgpu.pipelines.core import Call, Pipeline
from jwgpu.running import watched
from jwgpu.step import ParameterError, Skip, byproduct, byproducts, note, progress, step


class Pair(NamedTuple):
    first: Image
    second: Image | None


@step(unit="DN", streams="integration")
def scale(
    image: Image, gain: Reference, dark: Reference | None = None, *, factor: float = 2.0, order: int = 1,
    method: Literal["mean", "median"] = "mean", groups: list[int] | None = None, loud: bool = False, name: str = "x",
) -> Image:  # fmt: skip
    """Scale an image."""
    if factor == 0:
        raise Skip("the factor is 0")
    note(mean=1.5)
    data = image.own("data")
    data *= np.float32(factor)
    return image.replace(data=data)


@dataclass(frozen=True)
class Cores:
    """Parameters of cores."""

    width: float = 2.0
    deep: bool = True


@step(unit=None)
def grouped(image: Image, *, order: int = 1, cores: Cores = Cores()) -> Image:
    """Scale an image by grouped parameters."""
    note(seen=(order, cores))
    return image


@step(unit=None)
def split(image: Image) -> Pair:
    """Split an image."""
    return Pair(image, None)


@pytest.fixture
def image() -> Image:
    return Image(data=np.ones((2, 3), np.float32))


GAIN = Reference("gain", "gain.fits", {"data": np.ones((2, 3), np.float32)})


def test_the_signature_is_the_specification():
    assert scale.references == {"gain": True, "dark": False}
    assert list(scale.parameters) == ["factor", "order", "method", "groups", "loud", "name"]
    assert (scale.nouns, scale.unit, scale.streams, scale.summary) == ((Image,), "DN", "integration", "Scale an image.")


def test_a_record_says_what_was_done(image):
    record = scale(image, GAIN, factor=3).history[-1]
    assert (record.step, record.status, record.reason) == ("scale", "COMPLETE", "")
    assert record.parameters == {
        "factor": 3.0, "order": 1, "method": "mean", "groups": None, "loud": False, "name": "x",
    }  # fmt: skip
    assert record.references == {"gain": "gain.fits"}
    assert record.notes == {"mean": 1.5}
    assert record.seconds > 0


def test_the_input_is_untouched_unless_donated(image):
    assert scale(image, GAIN).data is not image.data
    assert (image.data == 1).all()
    assert scale(image.donate(), GAIN).data is image.data


def test_a_donation_keeps_what_is_shared(image):
    other = image.replace()
    assert scale(image.donate(keep=(other,)), GAIN).data is not image.data


def test_a_donation_ends_with_the_step(image):
    assert scale(scale(image.donate(), GAIN), GAIN)._donated == frozenset()


def test_skip(image):
    skipped = scale(image, GAIN, factor=0)
    assert skipped.data is image.data
    assert (skipped.history[-1].status, skipped.history[-1].reason) == ("SKIPPED", "the factor is 0")
    missing = scale(image, None)
    assert "there is no gain reference" in missing.history[-1].reason


def test_several_nouns_get_the_same_record(image):
    pair = split(image)
    assert pair.first.history[-1].step == "split"
    assert pair.second is None


def test_parameters_of_a_group_are_parameters(image):
    assert list(grouped.parameters) == ["order", "width", "deep"]
    assert grouped.groups == {"cores": Cores}
    for arguments in ({"width": 3, "order": 2}, {"cores": Cores(width=3), "order": 2}):
        record = grouped(image, **arguments).history[-1]
        assert record.parameters == {"order": 2, "width": 3.0, "deep": True}
        assert record.notes["seen"] == (2, Cores(3.0))
        assert type(record.notes["seen"][1].width) is float
    assert Call(grouped).set(cores=Cores(deep=False), order=1).parameters == {"deep": False}
    assert Call(grouped).set(cores=Cores(deep=False)).origin("deep") == "user"


WRONG = {
    "group of another kind": (lambda i: grouped(i, cores=3.0), ParameterError, "expected a Cores"),
    "given twice": (lambda i: grouped(i, cores=Cores(), deep=False), ParameterError, "deep is given twice"),
    "ill-typed in a group": (lambda i: grouped(i, cores=Cores(width="x")), ParameterError, "expected float"),
    "noun": (lambda i: scale(GAIN, GAIN), TypeError, "works on an Image, not on a Reference"),
    "unit": (lambda i: scale(i.replace(unit="DN/s"), GAIN), ValueError, "works in DN"),
    "reference": (lambda i: scale(i, np.ones(3)), TypeError, "gain must be a Reference"),
    "too many": (lambda i: scale(i, GAIN, None, None), TypeError, "takes the references"),
    "misspelt": (lambda i: scale(i, GAIN, factr=1), ParameterError, "did you mean 'factor'"),
    "text for a number": (lambda i: scale(i, GAIN, factor="2"), ParameterError, "expected float"),
    "bool for a number": (lambda i: scale(i, GAIN, factor=True), ParameterError, "expected float"),
    "real for an integer": (lambda i: scale(i, GAIN, order=1.5), ParameterError, "expected int"),
    "not a choice": (lambda i: scale(i, GAIN, method="mode"), ParameterError, "'mean' or 'median'"),
    "number for a bool": (lambda i: scale(i, GAIN, loud=1), ParameterError, "expected bool"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_arguments_are_named(image, what):
    call, error, words = WRONG[what]
    with pytest.raises(error, match=words):
        call(image)


PARSED = {
    ("factor", "2.5"): 2.5, ("order", "3"): 3, ("method", "median"): "median", ("groups", "none"): None,
    ("groups", "1,2,3"): [1, 2, 3], ("groups", "[4]"): [4], ("loud", "true"): True, ("loud", "No"): False,
    ("name", "abc"): "abc",
}  # fmt: skip


@pytest.mark.parametrize("name, text", PARSED)
def test_words_of_the_command_line(name, text):
    assert scale.parameter(name).parse(text, "scale") == PARSED[name, text]


@pytest.mark.parametrize("name, text", [("factor", "two"), ("order", "1.5"), ("method", "mode"), ("loud", "maybe")])
def test_words_that_mean_nothing(name, text):
    with pytest.raises(ParameterError, match=f"scale.{name}"):
        scale.parameter(name).parse(text, "scale")


def test_an_argument_must_be_a_reference_or_keyword_only():
    with pytest.raises(TypeError, match="factor"):

        @step(unit="DN")
        def broken(ramp: Ramp, factor: float) -> Ramp:
            return ramp


@pytest.mark.usefixtures("fakecupy_installed")
def test_crossings_are_in_the_record(image):
    @step(unit="DN")
    def look(image: Image) -> Image:
        """Look at an image."""
        backend.to_host(image.data)
        return image

    record = look(image.to("gpu")).history[-1]
    assert (record.device, record.bytes_down, record.bytes_up) == ("gpu", image.data.nbytes, 0)


@step(unit=None)
def masked(image: Image) -> Image:
    """Leave a mask beside an image."""
    byproduct(mask=image.replace(data=image.data > 0))
    return image.replace(data=image.own("data"))


def test_byproducts_go_to_who_collects_them_with_their_record(image):
    with byproducts() as left:
        masked(image)
    assert left["mask"].data.all()
    assert left["mask"].history[-1].step == "masked"
    assert masked(image).history[-1].notes == {}


def test_a_run_keeps_byproducts_safe_from_later_steps(image):
    @step(unit=None)
    def shown(image: Image) -> Image:
        """Leave the image itself beside it."""
        byproduct(copy=image)
        return image

    @step(unit=None)
    def erase(image: Image) -> Image:
        """Set everything to 0."""
        data = image.own("data")
        data[:] = 0
        return image.replace(data=data)

    run = Pipeline("two steps", (Call(shown), Call(erase))).run(image, {}, donate=True)
    assert (run.byproducts["copy"].data == 1).all()
    assert (run.image.data == 0).all()


def test_a_step_says_how_far_it_is(image):
    @step(unit=None)
    def slow(image: Image | Ramp) -> Image:
        """Take a while."""
        progress(0.5)
        progress(1.0)
        return image

    shown = []
    with watched(shown.append):
        slow(image)
    slow(image)
    assert shown == [0.5, 1.0]
    assert slow.nouns == (Image, Ramp)
    with pytest.raises(TypeError, match="works on an Image or a Ramp, not on a Reference"):
        slow(GAIN)


def test_tiles_take_what_they_may():
    from jwgpu.backend import memory

    usual = memory.tile()
    with memory.tiles_of(1000), memory.tiles_of(None):
        assert memory.tile() == 1000
    assert memory.tile() == usual
