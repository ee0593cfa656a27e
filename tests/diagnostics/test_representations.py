"""Nouns, records, references, steps and pipelines: tables in a notebook, text in a terminal; errors are short."""

from html.parser import HTMLParser

import pytest
from mosaics import apcorr, mosaic

import jwgpu as jw
from jwgpu import markup, simulate, steps
from jwgpu.backend.device import Device
from jwgpu.errors import InputError

VOID = {"br", "hr", "img", "input"}


class Checked(HTMLParser):
    """Reads HTML; what is opened must be closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.words = [], ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data + " "


@pytest.fixture(scope="module")
def things():
    made = simulate.tiny("nircam", effects=None)
    p = jw.pipelines.detector1(made.ramp).set("jump", rejection_threshold=5.0)
    run = p.run(made.ramp, made.references, progress=False)
    field = mosaic()
    return {
        "NRCB1": made.ramp,
        "DN/s": run.rate,
        "rejection_threshold=5.0": p,
        "rejection_threshold": p.table("jump"),
        "ramp_fit": run,
        "gain_scale": jw.history(run),
        "electron": made.references.gain,
        "mask": made.references,
        "group_scale": run.history[0],
        "flag_4_neighbors": steps.jump,
        "exposure.readpatt": made.ramp.meta,
        "2 images": jw.Exposures.of([run.rate, run.rate], product_name="pair"),
        "sky_centroid": steps.source_catalog(field.image, apcorr()),
    }


def test_html_and_text(things):
    for word, thing in things.items():
        page = Checked(thing._repr_html_())
        assert len(page.words) > 40
        assert repr(thing)
        if word != "electron":
            assert word in page.words, word


def test_what_stands_in_a_cell_by_itself(things, tmp_path):
    """Short and readable, as HTML where that is a table."""
    run = things["ramp_fit"]
    one, other = jw.save(run.rate, out=tmp_path), jw.save(run.rateints, out=tmp_path)
    made, field = simulate.tiny("nircam"), simulate.dithers(2, size=64, siaf=False)
    shown = {
        "<CPU: NumPy; for a test>": Device("cpu", "NumPy", "for a test"),
        "gain_scale: complete": run.history[-1],
        "rejection_threshold=5.0": run.pipeline["jump"],
        "only in": jw.compare(one, other),
        "Known issues of this build": jw.builds("9.2"),
        "what was new": jw.builds(),
        "REFERENCE_PIXEL": jw.PIXEL,
        "sources, ": made,
        "saturated": made.truth,
        "stars, ": field.truth,
        "products audited": jw.audit([one]),
        "3 science": jw.associations.read(simulate.dithers(3, size=64, siaf=False).write(tmp_path / "set")[-1]),
        "references in": simulate.write(made, tmp_path / "written", crds=False),
    }
    for word, thing in shown.items():
        assert word in repr(thing)
        assert "object at 0x" not in repr(thing)
        assert "array(" not in repr(thing)
        if hasattr(thing, "_repr_html_"):
            assert len(Checked(thing._repr_html_()).words) > 40
    assert "suppress_one_group  True" in str(next(r for r in run.history if r.step == "ramp_fit"))


def test_a_run_shows_the_steps_of_all_its_products():
    """A mosaic stands beside the exposures it is made of; what came before this run is not told again."""
    field = simulate.dithers(3, size=64, siaf=False, seed=3)
    images = jw.Exposures.of(field.images, product_name="field")
    with jw.byproducts() as left:
        steps.tweakreg(images, separation=0.3, tolerance=0.1, minobj=3)
    aligned = Checked(left["tweakreg"]._repr_html_()).words
    assert "moved (mas)" in aligned
    assert aligned.count("_cal.fits") == 3
    run = jw.pipelines.choose(images).without("tweakreg").run(images, field.references, progress=False)
    names = [row[0] for row in run.rows()]
    assert names[-2:] == ["resample", "source_catalog"]
    assert "photom" not in names
    assert run.seconds == sum(record.seconds for record in run.records)


def test_a_table_is_escaped_and_leaves_out_what_is_empty():
    html = markup.table(("a", "b", "c"), [("<x>", "", 1), ("&", "", markup.Markup("<b>2</b>"))], "t<i>tle", ["<p>"])
    page = Checked(html)
    assert "<x>" in page.words
    assert ">b<" not in html
    assert "<b>2</b>" in html
    assert "t&lt;i&gt;tle" in html
    text = markup.text(("a", "bb"), [("x", 1)], "title", ["end"])
    assert text == "title\na  bb\n-----\nx  1\nend"


def test_errors_in_a_notebook_are_short_and_name_the_line():
    pytest.importorskip("IPython")
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    shell.run_cell("import jwgpu as jw\nmade = jw.simulate.tiny('nircam')\np = jw.pipelines.detector1(made.ramp)")
    with capture_output() as said:
        shell.run_cell("a = 1\np.set('jumps', x=1)")
    shown = (said.stdout + said.stderr).strip().splitlines()
    assert len(shown) < 8
    assert any("p.set('jumps', x=1)" in line for line in shown)
    assert any("did you mean 'jump'" in line for line in shown)


def test_without_a_cell_the_message_stands_alone():
    try:
        raise InputError("the file is broken; get another")
    except InputError as error:
        assert error._render_traceback_() == ["InputError: the file is broken; get another"]
