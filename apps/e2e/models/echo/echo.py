"""The test model: a pure function of inputs/input.npz and inputs/params.json. On request it misbehaves.

Every behaviour is a function here; `model.json` lists the same names (its test compares them).
"""

import os
import sys

from archives import BadArchive, members, npy, npy_header, read_member, write_archive

THRESHOLD = 127
STEP = "work"
MIB = 2**20
FORK_BOMB_S = 2
STDERR_FLOOD_BYTES = 32 * MIB
BOMB_BYTES = 2**31
PROGRESS_INTERVAL_S = 0.1
UNLISTED_LABEL = 250
ARRAY_CODES = {"b1": "B", "u1": "B", "i1": "b", "u2": "H", "i2": "h", "u4": "I", "i4": "i", "f4": "f", "f8": "d"}
EXIT_INPUT_REJECTED, EXIT_ESCAPED = 10, 3

INPUT_DIR = os.environ.get("INPUT_DIR", "/workspace/inputs")
OUTPUT_DIR = os.environ.get("OUTPUT_DIR", "/workspace/outputs")
OUTPUT = os.path.join(OUTPUT_DIR, "input.npz")
DEFAULTS = {"behaviour": "mask", "label": 1, "exit_code": 1, "seconds": 2, "size": "large", "port": 0, "host": 0,
            "then": "mask"}


def end(code, reason):
    """Ends at once: no clean-up of an interpreter that may hold a lot."""
    if code:
        sys.stderr.write('{"code": %d, "reason": "%s"}\n' % (code, reason))
        sys.stderr.flush()
    os._exit(code)


def progress(fraction):
    with open(os.path.join(OUTPUT_DIR, "progress.jsonl"), "a", encoding="ascii") as file:
        file.write('{"fraction": %.4f, "step": "%s"}\n' % (fraction, STEP))


def read_params():
    path = os.path.join(INPUT_DIR, "params.json")
    if not os.path.exists(path):
        return dict(DEFAULTS)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    import json  # late: costs some milliseconds

    return {**DEFAULTS, **json.loads(text)}


def read_input(bytes_max=None):
    """(dtype, fortran order, shape, data); with `bytes_max` the data are cut, which is enough for the header."""
    with open(os.path.join(INPUT_DIR, "input.npz"), "rb") as file:
        entry = members(file).get("imgs.npy")
        if entry is None:
            raise BadArchive("no imgs")
        data = read_member(file, entry, bytes_max) if bytes_max else read_member(file, entry)
    dtype, order, shape, start = npy_header(data)
    return dtype, order, shape, memoryview(data)[start:]


def write_mask(shape, data, fortran_order=False):
    write_archive(OUTPUT, "segs.npy", [npy("|u1", fortran_order, shape), data])


def voxel_count(shape):
    count = 1
    for size in shape:
        count *= size
    return count


def mask(params):
    dtype, order, shape, data = read_input()
    label = params["label"]
    if dtype[1:] == "u1":
        bright = data.tobytes().translate(bytes([0] * (THRESHOLD + 1) + [label] * (255 - THRESHOLD)))
    else:
        from array import array

        values = array(ARRAY_CODES[dtype[1:]], data.tobytes())
        if dtype[0] == ">":
            values.byteswap()
        bright = bytes([label if value > THRESHOLD else 0 for value in values])
    write_mask(shape, bright, order)
    progress(1)


def noop(_):
    shape = read_input(512)[2]
    write_mask(shape, bytes(voxel_count(shape)))


def exit_with_code(params):
    end(params["exit_code"], "asked_to")


def hang(_):
    import signal

    # A polite stop is ignored: only being killed ends it.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        signal.pause()


def eat_memory(_):
    eaten = []
    while True:
        eaten.append(b"\x01" * (8 * MIB))


def fork_bomb(_):
    import time

    until, mine = time.monotonic() + FORK_BOMB_S, os.getpid()
    while time.monotonic() < until:
        try:
            os.fork()
        except OSError:
            time.sleep(0.01)
    # The descendants go on for as long as they are let.
    if os.getpid() == mine:
        end(1, "fork_bomb")
    hang(_)


def write_nothing(_):
    end(0, "")


def write_garbage(_):
    with open(OUTPUT, "wb") as file:
        file.write(b"this is not an archive\n" * 100)


def write_links(_):
    os.symlink("/etc/passwd", OUTPUT)
    os.symlink("/etc/passwd", os.path.join(OUTPUT_DIR, "metrics.json"))


def write_too_much(_):
    import time

    part, number = os.urandom(MIB), 0
    while True:
        with open(os.path.join(OUTPUT_DIR, "part-%d" % number), "wb") as file:
            for _ in range(64):
                file.write(part)
                # Slow enough that a watcher which looks once a second keeps the host's disk from filling up.
                time.sleep(0.005)
        number += 1


def wrong_shape(_):
    shape = read_input(512)[2]
    shape = (shape[0] + 1, *shape[1:])
    write_mask(shape, bytes(voxel_count(shape)))


def wrong_labels(params):
    mask({**params, "label": UNLISTED_LABEL})


def object_array(_):
    shape = read_input(512)[2]
    # Whoever unpickles this runs a command.
    write_archive(OUTPUT, "segs.npy", [npy("|O", False, shape), b"cos\nsystem\n(S'touch /tmp/unpickled'\ntR."])


def network(params):
    """Exits 3 unless every attempt to reach something fails for want of a network."""
    from reach import reaches_anything

    if reaches_anything(params["port"], params["host"]):
        end(EXIT_ESCAPED, "network_reached")
    mask(params)


def slow(params):
    import time

    started, seconds = time.monotonic(), params["seconds"]
    while (passed := time.monotonic() - started) < seconds:
        progress(passed / seconds)
        time.sleep(PROGRESS_INTERVAL_S)
    mask(params)


def huge_npz(_):
    """2 GiB of zeros in 9 MB, with honest sizes and checksum."""
    part = bytes(MIB)
    rows = BOMB_BYTES // 2**20
    write_archive(OUTPUT, "segs.npy", _then([npy("|u1", False, (rows - 1, 1024, 1024))], part, rows - 1))


def _then(first, part, times):
    yield from first
    for _ in range(times):
        yield part


def fifo(_):
    os.mkfifo(OUTPUT)


def stderr_flood(params):
    line = b"x" * 1023 + b"\n"
    for _ in range(STDERR_FLOOD_BYTES // len(line)):
        os.write(2, line)
    mask(params)


def read_prompts():
    """The prompts as they lie in the input, and their letters alone, which may name a file."""
    with open(os.path.join(INPUT_DIR, "input.npz"), "rb") as file:
        entry = members(file).get("text_prompts.npy")
        secret = read_member(file, entry, MIB) if entry else b""
    return secret, bytes(byte for byte in secret if chr(byte).isalnum() and byte < 128)[-160:].decode("ascii")


def leak(params):
    """Repeats the prompts wherever a model can write text, and goes on as asked."""
    secret, name = read_prompts()
    os.write(1, secret + b"\n")
    os.write(2, secret + b"\n")
    with open(os.path.join(OUTPUT_DIR, "progress.jsonl"), "ab") as file:
        file.write(b'{"fraction": 0.5, "step": "' + secret.hex().encode() + b'"}\n' + secret + b"\n")
    with open(os.path.join(OUTPUT_DIR, "metrics.json"), "wb") as file:
        file.write(secret)
    with open(os.path.join(OUTPUT_DIR, name), "wb") as file:
        file.write(secret)
    BEHAVIOURS[params["then"]](params)


def raise_error(_):
    """A traceback that quotes the prompts, and last a reason that does."""
    _, name = read_prompts()
    raise RuntimeError('%s\n{"code": 1, "reason": "%s"}' % (name, name))


def write_prompts(_):
    """An archive whose only member is named by the prompts and holds them."""
    secret, name = read_prompts()
    write_archive(OUTPUT, name, [secret])


def oom_unless_small(params):
    (mask if params["size"] == "small" else eat_memory)(params)


BEHAVIOURS = {
    "mask": mask, "noop": noop, "exit": exit_with_code, "hang": hang, "eat_memory": eat_memory,
    "fork_bomb": fork_bomb, "write_nothing": write_nothing, "write_garbage": write_garbage,
    "write_links": write_links, "write_too_much": write_too_much, "wrong_shape": wrong_shape,
    "wrong_labels": wrong_labels, "object_array": object_array, "network": network, "slow": slow,
    "huge_npz": huge_npz, "fifo": fifo, "stderr_flood": stderr_flood, "leak": leak,
    "oom_unless_small": oom_unless_small, "raise_error": raise_error, "write_prompts": write_prompts,
}


def main():
    try:
        params = read_params()
        BEHAVIOURS[params["behaviour"]](params)
    except (BadArchive, KeyError, ValueError, IndexError):
        end(EXIT_INPUT_REJECTED, "input_unreadable")
    end(0, "")
