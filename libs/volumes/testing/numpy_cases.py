"""Writes files as real NumPy clients do, and reads back what this library wrote. Used by numpy.spec.ts.

    python numpy_cases.py write FOLDER    makes *.npz inputs and cases.json
    python numpy_cases.py check FOLDER    compares rebuilt inputs and masks, prints {"checked": N}
"""

import io
import json
import pickle
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np

warnings.simplefilter("error")

SHAPE = (3, 4, 5)
PROMPTS = {"1": "CT imaging of the liver", "2": "Läsion – groß", "instance_label": 0}
VOLUME = np.arange(60).reshape(SHAPE) * 4


def npy_bytes(array):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def prompts_npy(protocol, numpy_1):
    """text_prompts.npy with a pickle of the given protocol, with the module names of NumPy 1 if asked for."""
    array = np.array(PROMPTS, dtype=object)
    header = npy_bytes(array)[: 128]
    assert header.endswith(b"\n")
    body = pickle.dumps(array, protocol=protocol)
    if numpy_1:
        # Same length rules as a pickler of NumPy 1: a GLOBAL is a line, a string carries its length.
        body = body.replace(b"cnumpy._core.multiarray\n", b"cnumpy.core.multiarray\n")
        name_2, name_1 = b"numpy._core.multiarray", b"numpy.core.multiarray"
        body = body.replace(b"\x8c" + bytes([len(name_2)]) + name_2, b"\x8c" + bytes([len(name_1)]) + name_1)
        if protocol >= 4:
            frame = int.from_bytes(body[3:11], "little") - 1
            body = body[:3] + frame.to_bytes(8, "little") + body[11:]
    assert pickle.loads(body).item() == PROMPTS
    return header + body


def inputs():
    for dtype in ["u1", "i2", "u2", "i4", "u4", "f4", "f8"]:
        for order in "<>":
            if dtype != "u1" or order == "<":
                yield f"{dtype}-{'little' if order == '<' else 'big'}", {"imgs": VOLUME.astype(order + dtype)}
    yield "i1", {"imgs": (VOLUME // 2).astype("i1")}
    yield "fortran", {"imgs": np.asfortranarray(VOLUME.astype("f4"))}
    yield "fortran-big", {"imgs": np.asfortranarray(VOLUME.astype(">i2"))}
    yield "transposed", {"imgs": VOLUME.astype("u1").T}
    yield "normalized", {"imgs": (VOLUME / 255).astype("f4")}
    yield "normalized-fortran-big", {"imgs": np.asfortranarray((VOLUME / 255).astype(">f8"))}
    yield "extras", {"imgs": VOLUME.astype("u1"), "boxes": np.array([{"z_min": np.int64(3)}] * 2), "gts": VOLUME}
    yield "spacing", {"imgs": VOLUME.astype("u1"), "spacing": np.array([0.846, 0.846, 5.0])}
    yield "spacing-int", {"imgs": VOLUME.astype("u1"), "spacing": np.array([1, 1, 5])}
    yield "prompts", {"imgs": VOLUME.astype("u1"), "text_prompts": PROMPTS}
    scalars = {np.str_("1"): np.str_("short"), "2": np.str_("y" * 300), "instance_label": np.int64(1)}
    yield "numpy-scalars", {"imgs": VOLUME.astype("u1"), "text_prompts": scalars}
    yield "small-scalars", {"imgs": VOLUME.astype("u1"), "text_prompts": {"9": "a", "instance_label": np.uint8(1)}}
    yield "one-prompt", {"imgs": VOLUME.astype("u1"), "text_prompts": {"200": "z" * 999}}
    yield "many-prompts", {"imgs": VOLUME.astype("u1"), "text_prompts": {str(i): f"organ {i}" for i in range(64, 0, -1)}}


def write(folder):
    names = []
    for name, arrays in inputs():
        np.savez(folder / f"{name}.stored.npz", **arrays)
        np.savez_compressed(folder / f"{name}.deflated.npz", **arrays)
        names += [f"{name}.stored", f"{name}.deflated"]
    for protocol in [2, 3, 4, 5]:
        for numpy_1 in [False, True]:
            name = f"protocol-{protocol}-numpy-{1 if numpy_1 else 2}"
            with zipfile.ZipFile(folder / f"{name}.npz", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("imgs.npy", npy_bytes(VOLUME.astype("u1")))
                archive.writestr("text_prompts.npy", prompts_npy(protocol, numpy_1))
            names.append(name)
    masks = {
        "bool": VOLUME > 100,
        "int64": (VOLUME // 100).astype("i8"),
        "int64-big": (VOLUME // 100).astype(">i8"),
        "int32-fortran": np.asfortranarray((VOLUME // 100).astype("i4")),
        "uint8": (VOLUME // 100).astype("u1"),
    }
    for name, mask in masks.items():
        np.savez_compressed(folder / f"mask-{name}.npz", segs=mask)
    (folder / "cases.json").write_text(json.dumps({"inputs": names, "masks": list(masks)}))


def plain(prompts):
    return {"instance_label": 0} | {str(k): int(v) if k == "instance_label" else str(v) for k, v in prompts.items()}


def check_input(folder, name):
    source = np.load(folder / f"{name}.npz", allow_pickle=True)
    rebuilt = np.load(folder / f"{name}.rebuilt.npz", allow_pickle=True)
    imgs = source["imgs"]
    expected = imgs * imgs.dtype.type(255) if name.startswith("normalized") else imgs
    assert rebuilt["imgs"].dtype.newbyteorder("=") == imgs.dtype.newbyteorder("="), name
    assert np.array_equal(rebuilt["imgs"], expected), name
    assert rebuilt["imgs"].flags.f_contiguous == imgs.flags.f_contiguous, name
    assert set(rebuilt.files) == {"imgs", "text_prompts", "spacing"} & set(source.files), name
    if "text_prompts" in source.files:
        prompts = rebuilt["text_prompts"].item()
        assert prompts == plain(source["text_prompts"].item()), name
        assert list(prompts) == sorted(prompts.keys() - {"instance_label"}, key=int) + ["instance_label"], name
        assert all(type(key) is str for key in prompts), name
    if "spacing" in source.files:
        assert rebuilt["spacing"].dtype == np.dtype("<f8") and np.array_equal(rebuilt["spacing"], source["spacing"]), name


def check_mask(folder, name):
    import nibabel

    mask = np.load(folder / f"mask-{name}.npz")["segs"]
    written = np.load(folder / f"mask-{name}.pred.npz", allow_pickle=False)
    assert written.files == ["segs"] and written["segs"].dtype == np.uint8, name
    assert np.array_equal(written["segs"], mask), name
    for geometry in json.loads((folder / "geometries.json").read_text()):
        image = nibabel.load(folder / f"mask-{name}.{geometry['name']}.nii.gz")
        assert np.array_equal(np.asarray(image.dataobj).transpose(2, 1, 0), mask), name
        assert image.get_data_dtype() == np.uint8
        if geometry["affine"] is None:
            assert image.header["sform_code"] == 0 and image.header["qform_code"] == 0
            assert np.array_equal(image.header.get_zooms(), np.array(geometry["spacing"] or [1, 1, 1], dtype="f4"))
            continue
        affine = np.array(geometry["affine"])
        assert np.array_equal(image.affine, affine.astype("f4")), geometry["name"]
        sform, code = image.header.get_sform(coded=True)
        assert code == 2 and np.array_equal(sform, affine.astype("f4"))
        qform, code = image.header.get_qform(coded=True)
        assert (code == 2) == geometry["rigid"], geometry["name"]
        if geometry["rigid"]:
            assert np.allclose(qform, affine, atol=1e-3), geometry["name"]


def check(folder):
    cases = json.loads((folder / "cases.json").read_text())
    for name in cases["inputs"]:
        check_input(folder, name)
    for name in cases["masks"]:
        check_mask(folder, name)
    for path in folder.glob("zip64*.npz"):
        assert np.array_equal(np.load(path)["segs"], VOLUME.astype("u1"))
    print(json.dumps({"checked": len(cases["inputs"]) + len(cases["masks"])}))


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](Path(sys.argv[2]))
