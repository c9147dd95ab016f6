import pickle

import archives
import numpy as np
import pytest
from segment.prompts import MEMBER_BYTES_MAX, PROMPT_CHARS_MAX, Prompts, read_prompts
from segment.refusal import Refusal

EXPECTED = Prompts((1, 3), ("Liver in abdominal CT", "Kidney, left"), 0)


def read(value):
    return read_prompts(archives.prompts_member(value))


def refusal_of(content):
    with pytest.raises(Refusal) as caught:
        read_prompts(content)
    assert caught.value.exit_code == 10
    return caught.value.reason


@pytest.mark.parametrize("content", [archives.MEMBER_OF_NUMPY_1, archives.MEMBER_OF_NUMPY_2])
def test_files_of_both_numpys_are_read(content):
    assert read_prompts(content) == EXPECTED


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_every_protocol_that_numpy_may_choose_is_read(protocol):
    value = {"1": "Liver in abdominal CT", "3": "Kidney, left", "instance_label": 0}
    assert read_prompts(archives.prompts_member(value, protocol)) == EXPECTED


def test_protocol_2_names_a_function_for_its_bytes_and_is_refused():
    assert refusal_of(archives.prompts_member({"1": "liver"}, protocol=2)) == "prompts_unreadable"


def test_the_npy_header_may_have_version_2_and_no_other():
    content = archives.MEMBER_OF_NUMPY_2
    assert read_prompts(content[:6] + b"\x02\x00" + b"v\x00\x00\x00" + content[10:]) == EXPECTED
    for version in (b"\x03\x00", b"\x00\x00", b"\x09\x01"):
        assert refusal_of(content[:6] + version + content[8:]) == "prompts_unreadable"


def test_ids_that_are_not_sequential_are_sorted_as_numbers():
    prompts = read({"10": "ten", "9": "nine", "instance_label": 1, "255": "last", "2": "two"})
    assert prompts == Prompts((2, 9, 10, 255), ("two", "nine", "ten", "last"), 1)


def test_instance_label_may_be_missing():
    assert read({"7": "liver"}) == Prompts((7,), ("liver",), 0)


@pytest.mark.parametrize("key", ["0", "256", "01", "-1", "+1", "1 ", " 1", "", "1.0", "1e2", "٣", "²", "1000", "one"])
def test_a_key_that_is_no_label_id_is_refused(key):
    assert refusal_of(archives.prompts_member({"1": "liver", key: "spleen"})) == "prompts_invalid"


@pytest.mark.parametrize("key", [1, 1.0, True, None, b"1", ("1",)])
def test_a_key_that_is_no_text_is_refused(key):
    assert refusal_of(archives.prompts_member({key: "liver"})) in ("prompts_invalid", "prompts_unreadable")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n\t",
        "liver[SEP]spleen",
        "[SEP]",
        "x" * (PROMPT_CHARS_MAX + 1),
        None,
        3,
        b"liver",
        ["liver"],
        {"a": "b"},
    ],
)
def test_a_prompt_that_upstream_would_misread_is_refused(text):
    assert refusal_of(archives.prompts_member({"1": text})) == "prompts_invalid"


def test_a_prompt_may_be_as_long_as_allowed_and_hold_any_character():
    text = "é[sep]漢😀" + "x" * (PROMPT_CHARS_MAX - 8)
    assert len(text) == PROMPT_CHARS_MAX
    assert read({"1": text}).texts == (text,)


def test_64_prompts_are_read_and_65_or_none_are_refused():
    assert len(read({str(id): f"organ {id}" for id in range(1, 65)}).ids) == 64
    assert refusal_of(archives.prompts_member({str(id): "organ" for id in range(1, 66)})) == "prompts_invalid"
    assert refusal_of(archives.prompts_member({"instance_label": 0})) == "prompts_invalid"
    assert refusal_of(archives.prompts_member({})) == "prompts_invalid"


@pytest.mark.parametrize("value", [2, -1, True, False, "0", 0.0, None, 2**200, [0]])
def test_an_instance_label_that_is_not_0_or_1_is_refused(value):
    assert refusal_of(archives.prompts_member({"1": "liver", "instance_label": value})) == "prompts_invalid"


@pytest.mark.parametrize("value", [["liver"], "liver", None, 5])
def test_what_is_no_dict_is_refused(value):
    array = np.empty((), dtype=object)
    array[()] = value
    assert refusal_of(archives.npy(pickle.dumps(array, protocol=4))) == "prompts_invalid"


def test_a_missing_member_and_one_that_is_too_large_are_refused():
    assert refusal_of(None) == "prompts_missing"
    padding = MEMBER_BYTES_MAX - len(archives.MEMBER_OF_NUMPY_2)
    assert read_prompts(archives.MEMBER_OF_NUMPY_2 + padding * b".") == EXPECTED
    assert refusal_of(archives.MEMBER_OF_NUMPY_2 + (padding + 1) * b".") == "prompts_invalid"


@pytest.mark.parametrize("shape", [(1,), (2,), (0,), (1, 1)])
def test_an_array_of_another_shape_is_refused(shape):
    array = np.full(shape, {"1": "liver"}, dtype=object)
    assert refusal_of(archives.npy(pickle.dumps(array, protocol=4), shape=shape)) == "prompts_unreadable"


def test_an_array_that_holds_no_objects_is_refused():
    assert refusal_of(archives.array_member(np.array(5))) == "prompts_unreadable"
    assert refusal_of(archives.array_member(np.array("{'1': 'liver'}"))) == "prompts_unreadable"
    body = archives.MEMBER_OF_NUMPY_2[128:]
    assert refusal_of(archives.npy(body, descr="<i8")) == "prompts_unreadable"


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"not an array", archives.MEMBER_OF_NUMPY_2[:128]])
def test_what_is_no_array_is_refused(content):
    assert refusal_of(content) == "prompts_unreadable"


def test_every_truncation_is_refused():
    for length in range(len(archives.MEMBER_OF_NUMPY_2)):
        assert refusal_of(archives.MEMBER_OF_NUMPY_2[:length]) == "prompts_unreadable", length
