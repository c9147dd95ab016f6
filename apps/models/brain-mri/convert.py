"""Converts the Keras 2.2.4 U-Net of Debian's `invesalius` (brain_mri_t1/model.h5) to ONNX, in the build stage only.

The network: three 2x poolings, float32 (N, 1, D, H, W) in and out, D, H, W multiples of 8; output = brain probability.
Layer list: brain_mri_t1/model.json of the same Debian package, whose InVesalius sources are GPL-2.

usage: python3 convert.py model.h5 model.onnx
"""

import hashlib
import sys

import h5py
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# The weights this conversion was checked with; others must be looked at before they are trusted.
WEIGHTS_SHA256 = "575a85d71aaf8de9c990a01bed7c0afc25edd8a07b52f3dbfc079c0f76be6116"
PARAMETER_COUNT = 793_179
OPSET = 13
IR_VERSION = 8


class Graph:
    """Collects nodes and initializers; every method returns the name of the tensor it made."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes = []
        self.initializers = []
        self.parameter_count = 0

    def _constant(self, name, values):
        self.parameter_count += values.size
        values = np.ascontiguousarray(values, dtype=np.float32)
        self.initializers.append(numpy_helper.from_array(values, name))
        return name

    def _node(self, kind, inputs, name, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def conv(self, source, layer, activation=None):
        kernel, bias = self.weights[layer]
        return self._conv(source, layer, kernel, bias, activation)

    def dense(self, source, layer, activation):
        """A Dense layer on the channel axis is a 1x1x1 convolution."""
        kernel, bias = self.weights[layer]
        return self._conv(source, layer, kernel[None, None, None], bias, activation)

    def _conv(self, source, layer, kernel, bias, activation):
        # Keras: (z, y, x, in, out); ONNX: (out, in, z, y, x).
        kernel = kernel.transpose(4, 3, 0, 1, 2)
        inputs = [source, self._constant(f"{layer}_kernel", kernel), self._constant(f"{layer}_bias", bias)]
        pads = [size // 2 for size in kernel.shape[2:]]
        made = self._node("Conv", inputs, layer, kernel_shape=list(kernel.shape[2:]), pads=pads + pads)
        return self._node(activation, [made], f"{layer}_{activation.lower()}") if activation else made

    def pool(self, source, layer):
        return self._node("MaxPool", [source], layer, kernel_shape=[2, 2, 2], strides=[2, 2, 2])

    def up(self, source, skip, layer, concat):
        # Keras: (z, y, x, out, in); ONNX wants (in, out, z, y, x): the same transpose as for a convolution.
        (kernel,) = self.weights[layer]
        kernel = kernel.transpose(4, 3, 0, 1, 2)
        # TensorFlow's "same" for kernel 5, stride 2 cuts one voxel at the beginning and two at the end.
        made = self._node(
            "ConvTranspose", [source, self._constant(f"{layer}_kernel", kernel)], layer,
            kernel_shape=[5, 5, 5], strides=[2, 2, 2], pads=[1, 1, 1, 2, 2, 2],
        )
        return self._node("Concat", [made, skip], concat, axis=1)


def read_weights(path):
    """Returns {layer: [arrays in Keras' order]}."""
    weights = {}
    with h5py.File(path, "r") as h5:
        root = h5["model_weights"] if "model_weights" in h5 else h5
        for layer in root:
            names = [name.decode() if isinstance(name, bytes) else name for name in root[layer].attrs["weight_names"]]
            if names:
                weights[layer] = [root[layer][name][()] for name in names]
    return weights


def build(weights):
    """Returns the checked ONNX model of {layer: arrays}."""
    g = Graph(weights)
    level1 = g.conv(g.conv("img", "conv3d_1", "Relu"), "conv3d_2", "Relu")
    level2 = g.conv(g.conv(g.pool(level1, "max_pooling3d_1"), "conv3d_3", "Relu"), "conv3d_4", "Relu")
    level3 = g.conv(g.conv(g.pool(level2, "max_pooling3d_2"), "conv3d_5", "Relu"), "conv3d_6", "Relu")
    bottom = g.pool(level3, "max_pooling3d_3")
    up3 = g.conv(g.up(bottom, level3, "conv3d_transpose_1", "concatenate_1"), "conv3d_7", "Relu")
    up2 = g.conv(g.up(up3, level2, "conv3d_transpose_2", "concatenate_2"), "conv3d_8", "Relu")
    up1 = g.conv(g.up(up2, level1, "conv3d_transpose_3", "concatenate_3"), "conv3d_9", "Relu")
    probability = g.dense(g.conv(up1, "conv3d_10"), "dense_1", "Sigmoid")
    if g.parameter_count != PARAMETER_COUNT:
        raise ValueError(f"{g.parameter_count} parameters instead of {PARAMETER_COUNT}: a layer is missing")
    shape = ["n", 1, "d", "h", "w"]
    graph = helper.make_graph(
        g.nodes, "brain_mri_t1",
        [helper.make_tensor_value_info("img", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(probability, TensorProto.FLOAT, shape)],
        g.initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return model


def main(source, target):
    with open(source, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    if digest != WEIGHTS_SHA256:
        sys.exit(f"weights have SHA-256 {digest}: check the new version, then change WEIGHTS_SHA256 in convert.py")
    onnx.save(build(read_weights(source)), target)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
