"""`text_prompts` of input.npz: a pickle, read without running any of it.

NumPy stores `{'1': 'sentence', …, 'instance_label': 0}` as an object array of no dimensions, so its .npy member is a
header and a pickle of an ndarray whose state holds the dict (numpy.lib.format; pickle protocol 3 to 5).
"""

import io
import pickle
import re
from dataclasses import dataclass

import numpy as np

from .refusal import Refusal

MEMBER = "text_prompts"
MEMBER_BYTES_MAX = 256 * 1024
PROMPTS_MAX = 64
PROMPT_CHARS_MAX = 1_000
LABEL_ID_MAX = 255
# Upstream joins the prompts with it and splits them again: one inside a prompt would shift all later labels.
SEPARATOR = "[SEP]"
_LABEL_ID = re.compile(r"[1-9][0-9]{0,2}")


@dataclass(frozen=True)
class Prompts:
    # Label ids in the mask, ascending, which is the order in which upstream numbers its prompts.
    ids: tuple
    texts: tuple
    # 1: every object gets an id of its own.
    instance_label: int


def read_prompts(content):
    """Returns the Prompts of a .npy member's bytes (None = the member is missing)."""
    if content is None:
        raise Refusal("prompts_missing")
    if len(content) > MEMBER_BYTES_MAX:
        raise Refusal("prompts_invalid")
    return _check(_unpickle_dict(content))


def _unpickle_dict(content):
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = read_header[version](file)
        array = _InertUnpickler(file).load()
    # A pickle that is none may raise nearly anything, and none of it says more.
    except Exception as error:
        raise Refusal("prompts_unreadable") from error
    if shape != () or not dtype.hasobject or not isinstance(array, _Array):
        raise Refusal("prompts_unreadable")
    return array.value()


class _Inert:
    """Stands for a NumPy object: keeps what the pickle says about it, and does nothing with it."""

    def __init__(self, *arguments):
        self.arguments = arguments
        self.state = None

    def __setstate__(self, state):
        self.state = state


class _Array(_Inert):
    def value(self):
        """The one element of the list in (version, shape, dtype, is_fortran, list)."""
        state = self.state
        if isinstance(state, tuple) and len(state) == 5 and isinstance(state[4], list) and len(state[4]) == 1:
            return state[4][0]
        raise Refusal("prompts_unreadable")


_STANDS_FOR = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Inert,
    ("numpy", "dtype"): _Inert,
}


# What NumPy writes, with protocol 3 to 5. Of the others some harm without a global: nine bytes ask for a bytearray of
# any length, and NEWOBJ makes objects that were never initialized.
_OPCODES = frozenset(
    pickle.PROTO + pickle.FRAME + pickle.STOP + pickle.MARK + pickle.GLOBAL + pickle.STACK_GLOBAL + pickle.REDUCE
    + pickle.BUILD + pickle.NONE + pickle.NEWTRUE + pickle.NEWFALSE + pickle.BININT + pickle.BININT1 + pickle.BININT2
    + pickle.LONG1 + pickle.BINFLOAT + pickle.BINUNICODE + pickle.SHORT_BINUNICODE + pickle.BINBYTES
    + pickle.SHORT_BINBYTES + pickle.EMPTY_TUPLE + pickle.TUPLE + pickle.TUPLE1 + pickle.TUPLE2 + pickle.TUPLE3
    + pickle.EMPTY_LIST + pickle.APPEND + pickle.APPENDS + pickle.EMPTY_DICT + pickle.SETITEM + pickle.SETITEMS
    + pickle.BINPUT + pickle.LONG_BINPUT + pickle.MEMOIZE + pickle.BINGET + pickle.LONG_BINGET
)  # fmt: skip


class _TextKeyed(dict):
    """Hashing a tuple of tuples of tuples takes hours, or the whole C stack; hashing a text does not."""

    def __setitem__(self, key, value):
        if not isinstance(key, str):
            raise pickle.UnpicklingError("a key that is no text")
        super().__setitem__(key, value)


# The one written in Python: the one in C makes room for any memo index that a few bytes name.
class _InertUnpickler(pickle._Unpickler):
    dispatch = {code: load for code, load in pickle._Unpickler.dispatch.items() if code in _OPCODES}

    def find_class(self, module, name):
        return _STANDS_FOR[(module, name)]

    def load_empty_dictionary(self):
        self.append(_TextKeyed())

    dispatch[pickle.EMPTY_DICT[0]] = load_empty_dictionary


def _check(value):
    if not isinstance(value, dict):
        raise Refusal("prompts_invalid")
    value = dict(value)
    instance_label = value.pop("instance_label", 0)
    if type(instance_label) is not int or instance_label not in (0, 1) or not 1 <= len(value) <= PROMPTS_MAX:
        raise Refusal("prompts_invalid")
    if not all(_is_label_id(key) and _is_prompt(text) for key, text in value.items()):
        raise Refusal("prompts_invalid")
    ids = sorted(int(key) for key in value)
    return Prompts(tuple(ids), tuple(value[str(id)] for id in ids), instance_label)


def _is_label_id(key):
    return isinstance(key, str) and _LABEL_ID.fullmatch(key) is not None and int(key) <= LABEL_ID_MAX


def _is_prompt(text):
    return isinstance(text, str) and text.strip() != "" and len(text) <= PROMPT_CHARS_MAX and SEPARATOR not in text
