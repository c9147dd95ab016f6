import json

import pytest
from segment.params import Params, load_params
from segment.refusal import Refusal


def load(tmp_path, text):
    path = tmp_path / "params.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_params(str(path))


def reason_of(tmp_path, text):
    with pytest.raises(Refusal) as caught:
        load(tmp_path, text)
    assert caught.value.exit_code == 10
    return caught.value.reason


def test_defaults_of_what_is_missing(tmp_path):
    expected = Params(slice_batch_size=4, seed=0, independent=False, axis="auto", threshold=0.5)
    assert load_params(str(tmp_path / "none.json")) == load(tmp_path, "{}") == expected
    assert load(tmp_path, '{"seed": 7}') == Params(seed=7)


def test_everything_can_be_chosen(tmp_path):
    chosen = {"slice_batch_size": 32, "seed": 2**31 - 1, "independent": True, "axis": "x", "threshold": 0.25}
    assert load(tmp_path, json.dumps(chosen)) == Params(**chosen)


@pytest.mark.parametrize("name", ["z", "y", "x", "auto"])
def test_every_axis_can_be_chosen(tmp_path, name):
    assert load(tmp_path, json.dumps({"axis": name})).axis == name


@pytest.mark.parametrize("value", ["0", "1", "0.0", "1.0", "1e-300", "0.999"])
def test_a_threshold_may_be_any_number_from_0_to_1(tmp_path, value):
    assert load(tmp_path, f'{{"threshold": {value}}}').threshold == float(value)


INVALID = {
    "slice_batch_size": ["0", "33", "-1", "1.5", "4.0", "true", "null", '"4"', "[4]", "1e1", "1" + 50 * "0"],
    "seed": ["-1", str(2**31), "0.0", "false", "null", '"0"', "NaN"],
    "independent": ["0", "1", "null", '"true"', "[]"],
    "axis": ['"Z"', '""', '"w"', "0", "null", "[]", "{}", '["z"]', "true"],
    "threshold": [
        "-0.001",
        "1.001",
        "true",
        "false",
        "null",
        '"0.5"',
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "[0.5]",
    ],
}


@pytest.mark.parametrize("name, value", [(name, value) for name, values in INVALID.items() for value in values])
def test_a_value_of_another_kind_or_range_is_refused(tmp_path, name, value):
    assert reason_of(tmp_path, f'{{"{name}": {value}}}') == "params_invalid"


@pytest.mark.parametrize("text", ["[]", "null", "5", '"seed"', '{"sed": 1}', '{"seed": 1, "Seed": 2}', '{"": 0}'])
def test_other_names_and_what_is_no_object_are_refused(tmp_path, text):
    assert reason_of(tmp_path, text) == "params_invalid"


@pytest.mark.parametrize(
    "text", ["", "{", "{'seed': 1}", '{"seed": 1,}', b"\xff\xfe{}", b"\xef\xbb\xbf{}", 100_000 * "[", "9" * 5_000]
)
def test_what_is_no_json_is_refused(tmp_path, text):
    assert reason_of(tmp_path, text) == "params_unreadable"


def test_a_folder_in_its_place_is_refused(tmp_path):
    with pytest.raises(Refusal) as caught:
        load_params(str(tmp_path))
    assert caught.value.reason == "params_unreadable"
