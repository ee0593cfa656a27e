"""`jw.show`: controls, what is sent to the browser, what is said of a pixel; on every array library."""

import base64

import numpy as np
import pytest

import jwgpu as jw
from jwgpu import backend, simulate, steps
from jwgpu.diagnostics.controls import FLAG_COLOURS, Layers
from jwgpu.errors import InputError

pytest.importorskip("anywidget")


@pytest.fixture(scope="module")
def versions():
    made = simulate.tiny("nircam", effects=None)
    p = jw.pipelines.detector1(made.ramp)
    run = p.run(made.ramp, made.references, keep=["dark_current", "jump"], progress=False)
    return made, run["dark_current"], run["jump"], run.rate, run.rateints


def titles(viewer):
    return [panel["title"] for panel in viewer.canvas.panels]


def sent(viewer, of="pixels"):
    """The panels, (panel, row, column), as the browser gets them."""
    tile = viewer.canvas.tile
    return np.frombuffer(getattr(viewer.canvas, of), np.uint8).reshape(-1, tile["height"], tile["width"])


def test_two_versions_of_a_ramp(versions):
    _, before, after, _, _ = versions
    viewer = jw.show(before, after)
    assert titles(viewer) == ["after dark_current: group 8 of 8", "after jump: group 8 of 8", "difference: none"]
    assert (viewer.group.max, viewer.integration.max) == (8, 2)
    plain = sent(viewer)
    viewer.group.value = 3
    assert "group 3 of 8" in titles(viewer)[0]
    assert not np.array_equal(sent(viewer), plain)


def test_what_is_sent_is_the_data(versions):
    _, _, after, _, _ = versions
    viewer = jw.show(after)
    viewer.stretch.value, viewer.low.value, viewer.high.value = "linear", 0.0, 254.0
    expected = np.clip(after.data[0, -1], 0, 254)
    assert np.abs(sent(viewer)[0] - expected).max() <= 0.51


def test_the_readout_says_value_and_flags_of_the_pixel(versions):
    _, _, after, _, _ = versions
    i, g, y, x = np.argwhere((after.groupdq & jw.GROUP.JUMP_DET) != 0)[0]
    viewer = jw.show(after)
    viewer.integration.value, viewer.group.value = int(i) + 1, int(g) + 1
    viewer.pick(x, y)
    assert "JUMP_DET" in viewer.canvas.readout
    assert f"{after.data[i, g, y, x]:.6g}" in viewer.canvas.readout


def test_flags_are_counted_and_laid_over_the_image(versions):
    _, _, after, _, _ = versions
    viewer = jw.show(after)
    assert sent(viewer, "layers").size == 0
    viewer.flags.value = "REFERENCE_PIXEL"
    there = (after.pixeldq & jw.PIXEL.REFERENCE_PIXEL) != 0
    number = viewer.flags.names.index("REFERENCE_PIXEL") + 1
    assert np.array_equal(sent(viewer, "layers")[0] == number, there)
    assert f"REFERENCE_PIXEL {there.sum()} (" in viewer.flags._ticks["REFERENCE_PIXEL"][0].description
    viewer.flags.value = ("OUTLIER", "JUMP_DET")
    assert viewer.flags.value == ("JUMP_DET",)
    with pytest.raises(InputError, match=r"no flag is called 'JUMPS'.*JUMP_DET"):
        viewer.flags.value = "JUMPS"


def test_no_two_flags_share_a_colour():
    colours = [Layers.colour(place) for place in range(len(list(jw.PIXEL)))]
    assert colours[: len(FLAG_COLOURS)] == list(FLAG_COLOURS)
    parts = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in colours])
    apart = np.abs(parts[:, None] - parts).max(-1)
    assert apart[~np.eye(len(parts), dtype=bool)].min() >= 8


def test_flags_are_as_opaque_as_the_slider_says(versions):
    _, _, after, _, _ = versions
    viewer = jw.show(after)
    viewer.flags.value = "REFERENCE_PIXEL"
    for opacity in (0.9, 0.25):
        viewer.flags.opacity.value = opacity
        assert viewer.canvas.opacity == opacity
        layer = next(axes for axes in viewer.figure().axes if axes.images).images[1].get_array()
        there = (after.pixeldq & jw.PIXEL.REFERENCE_PIXEL) != 0
        assert np.allclose(layer[..., 3], np.where(there, opacity, 0))


def test_a_part_of_the_image_at_full_resolution(versions):
    _, _, after, _, _ = versions
    viewer = jw.show(after)
    viewer.canvas._asked(None, {"kind": "window", "x0": 9.2, "x1": 20, "y0": 30, "y1": 35.5, "pixels": 300}, [])
    assert viewer.canvas.tile == {"x0": 9, "y0": 30, "step": 1, "width": 12, "height": 7}
    viewer.canvas._asked(None, {"kind": "window", "x0": -40, "x1": 104, "y0": -40, "y1": 104, "pixels": 36}, [])
    assert viewer.canvas.tile == {"x0": 0, "y0": 0, "step": 4, "width": 16, "height": 16}


def test_limits_are_held_until_the_share_is_changed(versions):
    _, _, after, _, _ = versions
    viewer = jw.show(after)
    viewer.high.value = 1234.0
    viewer.group.value = 2
    assert viewer.high.value == 1234.0
    viewer.percent.value = 90.0
    assert viewer.high.value != 1234.0


def test_rates_and_ramp_beside_rate_and_references(versions):
    made, _, _, rate, rateints = versions
    viewer = jw.show(rateints)
    viewer.integration.value = 2
    assert "integration 2" in titles(viewer)[0]
    viewer.array.value = "err"
    assert titles(viewer) == ["after gain_scale, err: integration 2"]
    assert len(titles(jw.show(made.ramp, rate))) == 2
    assert len(titles(jw.show(rate, rate))) == 3
    assert "data" in titles(jw.show(made.references.gain))[0]
    assert jw.show(made.references.linearity).group.max > 2


def test_every_tab_is_drawn_and_has_words(versions):
    made, before, after, rate, _ = versions
    viewer = jw.show(before, after, gain=made.references.gain, readnoise=made.references.readnoise)
    for k, name in enumerate(viewer.details.names):
        viewer.details.box.selected_index = k
        if name in viewer.details._pictures:
            assert bytes(viewer.details._pictures[name].value).startswith(b"\x89PNG")
    assert viewer.details.names == ["pixel", "profiles", "values", "history"]
    assert jw.show(rate).details.names == ["profiles", "values", "history"]


def test_a_page_without_a_kernel_has_a_picture_with_words(versions):
    _, before, after, _, _ = versions
    viewer = jw.show(before, after)
    bundle = viewer._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert "after jump" in bundle["text/plain"]
    assert all("from" in panel["alt"] and "DN" in panel["alt"] for panel in viewer.canvas.panels)


def test_sky_coordinates_where_they_are_known(versions):
    class Sky:
        def __call__(self, x, y):
            return 10.0 + x / 100, -5.0 + y / 100

    *_, rate, _ = versions
    viewer = jw.show(rate.replace(wcs=Sky()))
    viewer.pick(20, 30)
    assert "RA 10.200000" in viewer.canvas.readout
    assert "Dec -4.700000" in viewer.canvas.readout


def test_showing_changes_nothing(versions):
    _, before, after, _, _ = versions
    kept = after.groupdq.copy(), after.data.copy()
    viewer = jw.show(before, after)
    viewer.flags.value = ("JUMP_DET", "DO_NOT_USE")
    viewer.percent.value = 90.0
    viewer.figure()
    assert np.array_equal(kept[0], after.groupdq)
    assert np.array_equal(kept[1], after.data)


def test_unlike_shapes_are_refused(versions):
    other = steps.dq_init(simulate.tiny("nircam_sub").ramp, None)
    made, *_ = versions
    small = other.replace(data=other.data[..., :32, :32])
    with pytest.raises(InputError, match="two versions of the same exposure"):
        jw.show(made.ramp, small)


def test_every_array_library_and_no_cube_crosses_to_the_host(versions, device):
    made, before, after, rate, rateints = versions
    names = ("gain", "readnoise")
    references = {name: device.put(getattr(made.references, name)) for name in names}
    expected = jw.show(before, after, **{name: getattr(made.references, name) for name in names})
    pair = [device.put(e) for e in (before, after)]
    with backend.counting() as traffic:
        viewer = jw.show(*pair, **references)
        viewer.flags.value = ("JUMP_DET", "DO_NOT_USE")
        viewer.group.value = 4
        viewer.details.box.selected_index = 2
    expected.flags.value, expected.group.value = ("JUMP_DET", "DO_NOT_USE"), 4
    assert np.array_equal(sent(viewer), sent(expected))
    assert np.array_equal(sent(viewer, "layers"), sent(expected, "layers"))
    if device.kind == "gpu":
        assert 0 < traffic.bytes_down < 2 * before.data.nbytes
    for image in (rate, rateints):
        assert jw.show(device.put(image)).figure() is not None


def test_superstripes_and_files(tmp_path):
    made = simulate.tiny("nircam_superstripe")
    viewer = jw.show(made.ramp)
    assert viewer.integration.max == made.ramp.n_integrations
    stored = made.ramp.replace(data=_in_file(made.ramp.data, tmp_path))
    assert np.array_equal(sent(jw.show(stored)), sent(viewer))


def _in_file(array, folder):
    stored = backend.FileArray.scratch(array.shape, array.dtype, str(folder))
    backend.files.write(stored, array)
    return stored
