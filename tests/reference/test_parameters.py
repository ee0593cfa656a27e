"""Parameter references: found through CRDS and in folders, read, refused with a reason."""

from __future__ import annotations

import pytest
import yaml

import jwgpu as jw
from jwgpu.errors import InputError
from jwgpu.reference import parameters
from jwgpu.reference.local import write_cache

HEAD = "#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\n"


@pytest.fixture
def write_parameters(tmp_path):
    """Write a parameter reference: `write_parameters("JumpStep", {"rejection_threshold": 5})`."""
    folder = tmp_path / "parameters"
    folder.mkdir()

    def make(cls, values, steps=(), name=None, **meta):
        meta = {"reftype": f"pars-{cls.lower()}", "useafter": "2022-01-01T00:00:00",
                "instrument": {"name": "NIRCAM"}, **meta}  # fmt: skip
        sections = [{"class": "jwst.x.X", "name": n, "parameters": v} for n, v in dict(steps).items()]
        tree = {"class": f"jwst.somewhere.{cls}", "meta": meta, "name": cls, "parameters": values, "steps": sections}
        path = folder / (name or f"nircam_{cls.lower()}.asdf")
        path.write_text(HEAD + yaml.safe_dump(tree) + "...\n")
        return path

    make.folder = folder
    return make


def test_types_are_those_of_crds():
    from jwgpu import steps
    from jwgpu.reference import crds

    known = crds.known_types()
    for step in ("ramp_fit", "dq_init", "dark_current", "jump", "guider_cds"):
        assert step in steps.names()
        assert parameters.step_kind(step) in known
    assert {parameters.pipeline_kind(name) for name in ("detector1", "dark", "guider")} <= known


def test_read(write_parameters):
    file = parameters.read(write_parameters("Detector1Pipeline", {"skip": False}, {"jump": {"skip": True}}))
    assert file.kind == "pars-detector1pipeline"
    assert file.values == {"skip": False}
    assert file.steps == {"jump": {"skip": True}}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the client's own
def test_selected_through_crds_in_the_order_asked_for(exposure, change, write_parameters, tmp_path, monkeypatch):
    files = [write_parameters("JumpStep", {"rejection_threshold": 5.0}), write_parameters("Detector1Pipeline", {})]
    for name, value in write_cache(tmp_path / "crds", files).items():
        monkeypatch.setenv(name, value)
    kinds = ["pars-detector1pipeline", "pars-jumpstep", "pars-dqinitstep", "pars-nosuchstep"]
    found = jw.references(exposure).parameter_files(kinds)
    assert [file.kind for file in found] == kinds[:2]
    assert found[1].values == {"rejection_threshold": 5.0}
    assert jw.references(change(instrument__name="NIRISS", instrument__detector="NIS")).parameter_files(kinds) == []


def test_neither_server_nor_cache(exposure, monkeypatch, tmp_path):
    monkeypatch.setenv("CRDS_PATH", str(tmp_path / "empty"))
    monkeypatch.setenv("CRDS_SERVER_URL", "https://localhost:1/serverless")
    with pytest.raises(InputError, match="pars-jumpstep"):
        jw.references(exposure).parameter_files(["pars-jumpstep"])


def test_in_a_folder(exposure, change, write_parameters):
    anyone = write_parameters("JumpStep", {"rejection_threshold": 5.0})
    write_parameters("JumpStep", {"rejection_threshold": 9.0}, name="late.asdf", useafter="2030-01-01T00:00:00")
    refs = jw.references(exposure, folder=write_parameters.folder)
    assert [file.name for file in refs.parameter_files(["pars-jumpstep", "pars-rampfitstep"])] == [anyone.name]
    other = change(instrument__name="MIRI", instrument__detector="MIRIMAGE")
    assert jw.references(other, folder=write_parameters.folder).parameter_files(["pars-jumpstep"]) == []


def test_exported_by_a_user(exposure, write_parameters):
    """Such a file says nothing of itself but the class."""
    blank = dict.fromkeys(("reftype", "useafter", "telescope"), "<SPECIFY>") | {"instrument": {"name": "<SPECIFY>"}}
    write_parameters("JumpStep", {"rejection_threshold": 5.0}, **blank)
    found = jw.references(exposure, folder=write_parameters.folder).parameter_files(["pars-jumpstep"])
    assert [file.values for file in found] == [{"rejection_threshold": 5.0}]


def test_references_in_memory_have_none():
    assert jw.reference.References.from_mapping({}).parameter_files(["pars-jumpstep"]) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + "class: a.B\n...\n", "needs `class`, `parameters`"),
        (HEAD + "class: a.B\nparameters: {}\nsteps: [jump]\n...\n", "needs `class`, `parameters`"),
        ("not ASDF: [", "cannot be read as ASDF"),
        (None, "does not exist"),
    ],
)
def test_a_bad_file_is_named(tmp_path, text, words):
    path = tmp_path / "bad.asdf"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        parameters.read(path)
    assert "bad.asdf" in str(caught.value)


OLDER = """# of a pipeline
name = "Detector1Pipeline"
class = "jwst.pipeline.Detector1Pipeline"
save_calibrated_ramp = True  # a comment
[steps]
  [[jump]]
    rejection_threshold = 5.0
    override_gain = 'my # gain.fits'
  [[emicorr]]
    skip = False
    frequencies_to_correct = 390, "218.52055,a"
    user_supplied_reffile = None
    one = x,
  [[ramp_fit]]
    config_file = fit.cfg
    algorithm = OLS_C
"""


def test_the_older_form_says_the_same(tmp_path):
    (tmp_path / "all.cfg").write_text(OLDER)
    (tmp_path / "fit.cfg").write_text("class = jwst.x.RampFitStep\nalgorithm = LIKELY\nsuppress_one_group = False\n")
    file = parameters.read(tmp_path / "all.cfg")
    assert (file.kind, file.name) == ("pars-detector1pipeline", "all.cfg")
    assert file.values == {"save_calibrated_ramp": "True"}
    assert file.steps == {
        "jump": {"rejection_threshold": "5.0", "override_gain": "my # gain.fits"},
        "emicorr": {"skip": "False", "frequencies_to_correct": ["390", "218.52055,a"], "user_supplied_reffile": None,
                    "one": ["x"]},
        "ramp_fit": {"algorithm": "OLS_C", "suppress_one_group": "False"},
    }  # fmt: skip
    assert parameters.read(tmp_path / "fit.cfg").kind == "pars-rampfitstep"


@pytest.mark.oracle
def test_the_official_reader_reads_the_same(tmp_path):
    parser = pytest.importorskip("stpipe.config_parser")
    from jwgpu.reference import cfg

    (tmp_path / "all.cfg").write_text(OLDER.replace("    config_file = fit.cfg\n", "").replace("= None", '= ""'))
    assert cfg.read(tmp_path / "all.cfg") == parser.load_config_file(str(tmp_path / "all.cfg")).dict()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("class = a.B\n[steps]\nnonsense\n", r"bad\.cfg, line 3: 'nonsense'"),
        ("class = a.B\n[[jump]]\n", r"line 2: '\[\[jump\]\]'"),
        ("rejection_threshold = 3\n", "needs a line `class"),
        ("class = a.B\n[steps]\njump = 3\n", "holds '3'"),
        ("class = a.B\nsteps = 3\n", "not a parameter file"),
        ("class = a.B\n[steps]\n[[jump]]\nconfig_file = none.cfg\n", r"none\.cfg cannot be read"),
        (b"\xff\xfe", "cannot be read"),
    ],
)
def test_a_bad_file_of_the_older_form_is_named(tmp_path, text, words):
    path = tmp_path / "bad.cfg"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=words):
        parameters.read(path)
