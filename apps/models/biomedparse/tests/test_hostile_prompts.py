"""Pickles that want something else than to be read: each in a process of its own, with its time and memory measured."""

import os
import pickle
import random
import struct
import time

import archives
import program
import pytest
from segment.prompts import MEMBER_BYTES_MAX, Prompts, read_prompts
from segment.refusal import Refusal

MUTANTS = 24_000
MUTANTS_SECONDS_MAX = 60
HOSTILE_SECONDS_MAX = 5
GROWTH_KIB_MAX = 100 * 1024
# Python, NumPy and this module's import, beside what reading takes.
CHILD = """
import sys, time
from program import peak_kib
from segment.prompts import read_prompts
from segment.refusal import Refusal
content = sys.stdin.buffer.read()
before, started = peak_kib(), time.process_time()
try:
    read_prompts(content)
    reason = "accepted"
except Refusal as refusal:
    reason = refusal.reason
print(reason, peak_kib() - before, time.process_time() - started)
"""
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"
# The array, its state up to the flag "fortran", and the list of its elements opened.
OPENED = (
    b"\x80\x04" + RECONSTRUCT + b"cnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01)"
    b"cnumpy\ndtype\nX\x02\x00\x00\x00O8\x89\x88\x87R\x89]"
)
CLOSED = b"atb."
ROOM = MEMBER_BYTES_MAX - 1024


class Call:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def crafted(element):
    """A whole array pickle around the opcodes of its element."""
    return archives.npy(OPENED + element + CLOSED)


def touching(marker):
    """Pickles that would make the file `marker`, if anything in them ran."""
    command = f"touch {marker}"
    python = f"open({marker!r}, 'w')"
    yield "os.system", archives.prompts_member({"1": Call(os.system, command)})
    yield "os.system, protocol 0", archives.npy(f"cos\nsystem\n(S'{command}'\ntR.".encode())
    yield "INST", archives.npy(f"(S'{command}'\nios\nsystem\n.".encode())
    yield "OBJ", archives.npy(f"(cos\nsystem\nS'{command}'\no.".encode())
    yield "eval", archives.prompts_member({"1": Call(eval, python)})
    yield "exec as the array", archives.npy(pickle.dumps(Call(exec, python), protocol=4))
    yield "nested reduce", archives.prompts_member({"1": Call(getattr, Call(__import__, "os"), "system")})
    yield "a dotted name", crafted(b"\x8c\x05numpy\x8c\x12ndarray.__class__.x\x93")
    yield "state of an element", crafted(
        b"}\x8c\x011" + pickle.dumps(Call(os.system, command), protocol=4)[2:-1] + b"s"
    )


def harmful():
    yield "an extension code", archives.npy(b"\x80\x02\x82\xf0.")
    yield "a persistent id", archives.npy(b"\x80\x04K\x01Q.")
    yield "a huge memo index", crafted(b"}r\xff\xff\xff\xff")
    yield "a huge memo index of text", archives.npy(b"\x80\x04}p99999999999999999999\n.")
    yield "an unknown memo index", crafted(b"j\xff\xff\xff\x7f")
    yield "a huge text", crafted(b"\x8d" + struct.pack("<Q", 2**40))
    yield "huge bytes", crafted(b"\x8e" + struct.pack("<Q", 2**40))
    yield "a huge bytearray", archives.npy(b"\x80\x05\x96" + struct.pack("<Q", 3 * 2**30) + b".")
    yield "a huge frame", archives.npy(b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.")
    yield "a huge integer", crafted(b"}\x8c\x0einstance_label\x8b" + struct.pack("<i", ROOM) + ROOM * b"\x7f" + b"s")
    yield "an integer of many digits", archives.npy(b"I" + ROOM * b"9" + b"\n.")
    yield "a negative length", crafted(b"\x8b\xff\xff\xff\xff")
    yield "deep lists", crafted(ROOM // 2 * b"]" + ROOM // 2 * b"a")
    yield "deep tuples", crafted(b")" + ROOM * b"\x85")
    yield "deep tuples as a key", crafted(b"})" + ROOM * b"\x85" + b"Ns")
    doubled = b"".join(b"\x94h" + bytes([index]) + b"\x86" for index in range(100))
    yield "a tuple of 2**100 tuples as a key", crafted(b"})" + doubled + b"Ns")
    yield "a set of deep tuples", crafted(b"\x8f()" + ROOM * b"\x85" + b"\x90")
    yield "many marks", crafted(ROOM * b"(")
    yield "many dicts", crafted(ROOM * b"}")
    yield "many arrays", archives.npy(b"\x80\x04" + RECONSTRUCT + ROOM // 3 * b"\x94)R")
    yield "an array that was never initialized", archives.npy(b"\x80\x04" + RECONSTRUCT + b")\x81.")
    yield "the class of the array", archives.npy(b"\x80\x04" + RECONSTRUCT + b".")
    yield "a state that is no tuple", archives.npy(b"\x80\x04" + RECONSTRUCT + b")RK\x05b.")
    yield "a state that is too short", archives.npy(b"\x80\x04" + RECONSTRUCT + b")R(K\x01)tb.")
    yield "a state of attributes", archives.npy(b"\x80\x04" + RECONSTRUCT + b")R}\x8c\x05valueK\x01sb.")
    yield "a state of the class", archives.npy(b"\x80\x04" + RECONSTRUCT + b"N}\x8c\x01aK\x01s\x86b.")
    yield "a dtype of its own", archives.npy(b"\x80\x04cnumpy\ndtype\nX\x03\x00\x00\x00V99\x89\x88\x87RK\x03b.")
    yield "an ndarray of its own", archives.npy(b"\x80\x04cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85\x85R.")
    yield "two elements", crafted(b"}a}")
    yield "an element that is an array", crafted(RECONSTRUCT + b")R")
    yield "a list as an argument", archives.npy(b"\x80\x04" + RECONSTRUCT + b"]R.")
    yield "a protocol to come", archives.npy(b"\x80\x63N.")
    yield "no stop", archives.npy(OPENED)
    yield "no pickle", archives.npy(b"")
    yield "a deep header", b"\x93NUMPY\x01\x00\xff\xff" + 65_534 * b"(" + b"\n"
    yield "a header of another program", b"\x93NUMPY\x01\x00\x10\x00__import__('os')\n"


def read_in_child(content):
    done = program.run_child(CHILD, content, timeout_s=60)
    assert done.returncode == 0, (done.returncode, done.stderr[-400:])
    reason, growth_kib, seconds = done.stdout.decode().split()
    return reason, int(growth_kib), float(seconds)


def test_a_crafted_pickle_without_malice_is_read():
    assert read_prompts(crafted(b"}\x8c\x011\x8c\x05livers")) == Prompts((1,), ("liver",), 0)


def test_no_pickle_runs_anything(tmp_path):
    marker = str(tmp_path / "it-ran")
    _, content = next(touching(marker))
    program.run_child("import pickle, sys; pickle.loads(sys.stdin.buffer.read()[128:])", content)
    assert os.path.exists(marker), "Python itself runs it"
    os.remove(marker)
    for name, content in touching(marker):
        reason, _, _ = read_in_child(content)
        assert reason in ("prompts_unreadable", "prompts_invalid"), name
        assert not os.path.exists(marker), name


@pytest.mark.parametrize("name, content", [pytest.param(*case, id=case[0]) for case in harmful()])
def test_a_hostile_pickle_is_refused_in_bounded_time_and_memory(name, content):
    assert len(content) <= MEMBER_BYTES_MAX
    reason, growth_kib, seconds = read_in_child(content)
    assert reason in ("prompts_unreadable", "prompts_invalid")
    assert growth_kib < GROWTH_KIB_MAX
    assert seconds < HOSTILE_SECONDS_MAX


def test_a_global_that_is_allowed_does_nothing_by_itself():
    """The array's class with any arguments and any state: what it says is kept and never used."""
    read = archives.MEMBER_OF_NUMPY_2.replace(b"K\x00\x85\x94C\x01b\x94\x87", b"K\x00\x85\x94C\x01c\x94\x87")
    assert isinstance(read_prompts(read), Prompts)


def mutate(generator, bases):
    content = bytearray(generator.choice(bases))
    # The header is one and the same everywhere; most of what can go wrong is behind it.
    low = 0 if generator.random() < 0.1 else 128
    for _ in range(generator.choice((1, 1, 1, 2, 3, 8))):
        at = generator.randrange(low, len(content))
        kind = generator.randrange(6)
        if kind == 0:
            content[at] = generator.randrange(256)
        elif kind == 1:
            content[at] ^= 1 << generator.randrange(8)
        elif kind == 2:
            del content[at : at + generator.randrange(1, 9)]
        elif kind == 3:
            content[at:at] = generator.randbytes(generator.randrange(1, 9))
        elif kind == 4:
            start = generator.randrange(low, len(content))
            content[at:at] = content[start : start + generator.randrange(1, 40)]
        else:
            # An opcode of any kind where one is likely to be.
            content[at:at] = generator.choice(
                (b"\x81", b"\x92", b"\x96", b"R", b"b", b"u", b"s", b"\x90", b"0", b"2", b"(")
            )
        if len(content) <= low:
            break
    return bytes(content)


def test_a_mutant_is_refused_or_read_and_nothing_else(seed):
    generator = random.Random(seed)
    values = [
        {"1": "liver", "instance_label": 1},
        {str(id): f"organ {id}" for id in range(1, 16)},
        {"1": Call(print, 1)},
    ]
    bases = [archives.MEMBER_OF_NUMPY_1, archives.MEMBER_OF_NUMPY_2, crafted(b"}\x8c\x011\x8c\x05livers")]
    bases += [archives.prompts_member(value, protocol) for value in values for protocol in (2, 3, 4, 5)]
    started, read = time.process_time(), 0
    for _ in range(MUTANTS):
        content = mutate(generator, bases)
        try:
            prompts = read_prompts(content)
        except Refusal as refusal:
            assert refusal.reason in ("prompts_unreadable", "prompts_invalid")
            continue
        read += 1
        assert 1 <= len(prompts.ids) == len(prompts.texts) <= 64, content
        assert list(prompts.ids) == sorted(set(prompts.ids)) and 1 <= prompts.ids[0] and prompts.ids[-1] <= 255, content
        assert all(isinstance(text, str) and text.strip() and "[SEP]" not in text for text in prompts.texts), content
        assert prompts.instance_label in (0, 1), content
    assert MUTANTS // 100 < read < MUTANTS
    assert time.process_time() - started < MUTANTS_SECONDS_MAX
