"""Write volumes that carry a patient's name in one part of the file each: make_canaries.py FOLDER PROMPT_NAME NAME."""

import struct
import sys
import zipfile
from pathlib import Path

import numpy as np

folder, prompt, name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
volume = np.zeros((6, 20, 30), np.uint8)
volume[2:4, 5:15, 10:20] = 200
prompts = {"1": f"the bright block of {prompt}", "instance_label": 0}


def save(file, asked=prompts, **others):
    np.savez_compressed(folder / f"{file}.npz", imgs=volume, text_prompts=np.array(asked, dtype=object), **others)


def rewrite(file, change):
    """The plain file once more, with each of its members as `change` leaves it."""
    with zipfile.ZipFile(folder / "prompt.npz") as source, zipfile.ZipFile(folder / f"{file}.npz", "w") as target:
        for info in source.infolist():
            data = source.read(info)
            change(target, info)
            target.writestr(info, data, zipfile.ZIP_DEFLATED)


def comment_archive(target, _):
    target.comment = name.encode()


def comment_entry(_, info):
    info.comment = name.encode()


def add_extra(_, info):
    info.extra = struct.pack("<HH", 0x7875, len(name)) + name.encode()


def rename(_, info):
    if info.filename == "imgs.npy":
        info.filename = f"{name}/imgs.npy"


save("prompt")
save("extra-array", note=np.array([name]))
save("extra-array-name", **{name: np.zeros(1)})
save("prompt-key", {name: "the block", "instance_label": 0})
save("prompt-value", {"1": f"{name} [SEP] the block", "instance_label": 0})
save("pickled-object", {"1": {"patient": name}, "instance_label": 0})
rewrite("zip-comment", comment_archive)
rewrite("zip-entry-comment", comment_entry)
rewrite("zip-extra", add_extra)
rewrite("zip-entry-name", rename)
(folder / "trailing.npz").write_bytes((folder / "prompt.npz").read_bytes() + name.encode())
(folder / "no-archive.npz").write_bytes(name.encode() * 10)
np.savez_compressed(folder / "refused.npz", imgs=volume.astype(np.int16) - 1000, text_prompts=np.array(prompts, dtype=object))
dtype = np.dtype([(name, np.uint8)])
np.savez_compressed(folder / "header.npz", imgs=volume.astype(dtype), text_prompts=np.array(prompts, dtype=object))
