"""Files as NumPy writes them, and as it never would."""

import io
import pickle
import zipfile

import numpy as np

# What np.savez of NumPy 2.4.6 wrote for {"1": "Liver in abdominal CT", "3": "Kidney, left", "instance_label": 0}.
MEMBER_OF_NUMPY_2 = (
    b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (), }" + 63 * b" " + b"\n"
    b"\x80\x04\x95\xcc\x00\x00\x00\x00\x00\x00\x00\x8c\x16numpy._core.multiarray\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c"
    b"\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94C\x01b\x94\x87\x94R\x94(K\x01)h\x03\x8c\x05dtype\x94\x93\x94"
    b"\x8c\x02O8\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?t\x94b\x89]\x94}\x94"
    b"(\x8c\x011\x94\x8c\x15Liver in abdominal CT\x94\x8c\x013\x94\x8c\x0cKidney, left\x94\x8c\x0einstance_label\x94K"
    b"\x00uat\x94b."
)
# The same, written by np.savez of NumPy 1.26.4.
MEMBER_OF_NUMPY_1 = (
    b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (), }" + 63 * b" " + b"\n"
    b"\x80\x03cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85q\x02C\x01bq\x03\x87q\x04Rq\x05("
    b"K\x01)cnumpy\ndtype\nq\x06X\x02\x00\x00\x00O8q\x07\x89\x88\x87q\x08Rq\t(K\x03X\x01\x00\x00\x00|q\nNNNJ\xff\xff\xff"
    b"\xffJ\xff\xff\xff\xffK?tq\x0bb\x89]q\x0c}q\r(X\x01\x00\x00\x001q\x0eX\x15\x00\x00\x00Liver in abdominal CTq\x0fX"
    b"\x01\x00\x00\x003q\x10X\x0c\x00\x00\x00Kidney, leftq\x11X\x0e\x00\x00\x00instance_labelq\x12K\x00uatq\x13b."
)


def npy(body, descr="|O", shape=()):
    """A .npy member of any body under any header."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue() + body


def prompts_member(value, protocol=4):
    """`value` as the one element of an object array."""
    return npy(pickle.dumps(np.array(value, dtype=object), protocol=protocol))


def array_member(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    return file.getvalue()


def write_npz(path, members, compression=zipfile.ZIP_DEFLATED):
    """members: bytes by name, exactly as they go into the archive."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def write_case(path, imgs, prompts, **others):
    """An input.npz as a client of the challenge writes it."""
    np.savez_compressed(path, imgs=imgs, text_prompts=np.array(prompts, dtype=object), **others)
