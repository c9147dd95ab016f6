"""Every part by itself: python3 -m pytest tests (NumPy, SciPy and torch from 1.13 on; no network, no weights)."""

import os
import random
import sys

import pytest

import program

sys.dont_write_bytecode = True
# Of torch, here and in child processes: beside other work a second thread mostly waits for the first.
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, program.FOLDER)


@pytest.fixture
def seed():
    """Of a random test. pytest shows it when the test fails; TEST_SEED repeats it."""
    value = int(os.environ.get("TEST_SEED") or random.randrange(2**32))
    print(f"TEST_SEED={value}")
    return value
