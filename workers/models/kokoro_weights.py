"""Kokoro's int8 ONNX weights, as float32 tensors under the names that the PyTorch network gives them.

Dynamic quantisation left ONNX Runtime's usual traces, which are followed here: a quantised tensor `x_quantized` has
its scale in `x_scale`; its zero point is an input of the node that uses it, because equal ones are shared; weights
are per output channel; an LSTM's gates stand in ONNX's order (input, output, forget, cell).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
_QUANTISED = "_quantized"
_OPERATION = re.compile(
    r"/(Conv_quant|ConvTranspose|Conv|Gather_quant|MatMul_quant|MatMul|LSTM_quant|Gemm_MatMul_quant)$"
)
#: Stages that the exporter called as functions, so that their names lost the module they belong to.
_PREDICTOR_STAGES = re.compile(r"^(F0|N|F0_proj|N_proj|shared)\b")
#: ALBERT runs one layer twelve times; from the second time on, the exporter numbered the names.
_REPEATED_LAYER = re.compile(r"(albert_layers\.0\.(?:attention\.)?(?:query|key|value|dense|ffn_output|ffn))_\d+\b")
#: The exporter's own inverse transform; PyTorch computes it.
_INVERSE_STFT = re.compile(r"decoder\.generator\.(istft|stft)\.")


class ConversionError(ValueError):
    """The ONNX file does not hold what the network needs; the message lists what."""


def read_onnx(file: Path) -> dict[str, FloatArray]:
    """All weights of the ONNX export by PyTorch name, float32. Deterministic to the bit."""
    import onnx
    from onnx import numpy_helper

    graph = onnx.load(str(file)).graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights: dict[str, FloatArray] = {}
    for node in graph.node:
        for name, array in _weights_of(node, constants):
            if _INVERSE_STFT.match(name):
                continue
            if name in weights and not np.array_equal(weights[name], array):
                raise ConversionError(f"two different tensors claim to be {name}")
            weights[name] = array
    for name, array in constants.items():
        # What was left in float32 under its own name: biases, norms, and Snake's alphas.
        plain = re.fullmatch(r"(encoder|decoder\.decoder)\.[\w.]+(bias|weight|gamma|beta|alpha[12]\.\d)", name)
        if plain and array.dtype == np.float32:
            weights.setdefault(_torch_name(name), array)
    return weights


def strict(weights: Mapping[str, FloatArray], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, FloatArray]:
    """The tensors that a network with these `shapes` needs, each present of the right shape, and none left over.

    Raises ConversionError listing every tensor that is missing, misshapen or unused.
    """
    unused = sorted(set(weights) - set(shapes))
    missing = [name for name in shapes if name not in weights]
    wrong = [
        f"{name} is {weights[name].shape}, should be {shape}"
        for name, shape in shapes.items()
        if name in weights and weights[name].shape != shape
    ]
    if missing or wrong or unused:
        lines = [*(f"{name} is missing" for name in missing), *wrong, *(f"{name} has no place" for name in unused)]
        raise ConversionError("; ".join(lines))
    return {name: np.ascontiguousarray(weights[name], dtype=np.float32) for name in shapes}


def _weights_of(node: Any, constants: Mapping[str, NDArray[Any]]) -> Iterator[tuple[str, FloatArray]]:
    operation = node.op_type
    if operation == "DynamicQuantizeLSTM":
        yield from _lstm(node, constants)
        return
    if operation not in ("ConvInteger", "MatMulInteger", "Gather", "Conv", "ConvTranspose", "MatMul"):
        return
    tensor = node.input[0] if operation == "Gather" else node.input[1]
    if tensor not in constants or constants[tensor].ndim < 2 or not _OPERATION.search(node.name):
        return
    name = _torch_name(_OPERATION.sub("", node.name).strip("/").replace("/", ".")) + ".weight"
    if operation == "Gather":
        # An embedding is quantised as a whole, with the zero point that the exporter kept for the first of them.
        yield name, _dequantise(constants, tensor, _gather_zero_point(constants), axis=0)
    elif operation == "ConvInteger":
        yield name, _dequantise(constants, tensor, node.input[3], axis=0)
    elif operation == "MatMulInteger":
        yield name, _dequantise(constants, tensor, node.input[3], axis=1).T
    elif operation == "MatMul":
        yield name, constants[tensor].astype(np.float32).T
    else:
        yield name, constants[tensor].astype(np.float32)


def _gather_zero_point(constants: Mapping[str, NDArray[Any]]) -> str:
    return next(n for n in constants if n.endswith("word_embeddings.weight_zero_point"))


def _dequantise(constants: Mapping[str, NDArray[Any]], tensor: str, zero_point: str, axis: int) -> FloatArray:
    """(quantised − zero point) × scale, per tensor or per channel of `axis`."""
    values = constants[tensor].astype(np.float32)
    scale = constants[tensor.removesuffix(_QUANTISED) + "_scale"].astype(np.float32)
    zero = constants[zero_point].astype(np.float32)
    if scale.size > 1:
        along = [1] * values.ndim
        along[axis] = scale.size
        scale, zero = scale.reshape(along), zero.reshape(along)
    result: FloatArray = (values - zero) * scale
    return result


def _lstm(node: Any, constants: Mapping[str, NDArray[Any]]) -> Iterator[tuple[str, FloatArray]]:
    """Inputs: X, W, R, B, lengths, h0, c0, P, W scale, W zero, R scale, R zero; W and R are (directions, in, 4·H)."""
    name = _torch_name(_OPERATION.sub("", node.name).strip("/").replace("/", "."))
    inputs = list(node.input)

    def weight(tensor: str, scale: str, zero: str) -> FloatArray:
        values = constants[tensor].astype(np.float32)
        directions = values.shape[0]
        shape = (directions, 1, -1)
        zeros = constants[zero].astype(np.float32).reshape(shape)
        result: FloatArray = (values - zeros) * constants[scale].astype(np.float32).reshape(shape)
        return result

    into = weight(inputs[1], inputs[8], inputs[9])
    back = weight(inputs[2], inputs[10], inputs[11])
    bias = constants[inputs[3]].astype(np.float32)
    gates = bias.shape[1] // 2
    for direction, suffix in enumerate(("", "_reverse")[: len(into)]):
        yield f"{name}.weight_ih_l0{suffix}", _gates(into[direction].T)
        yield f"{name}.weight_hh_l0{suffix}", _gates(back[direction].T)
        yield f"{name}.bias_ih_l0{suffix}", _gates(bias[direction][:gates])
        yield f"{name}.bias_hh_l0{suffix}", _gates(bias[direction][gates:])


def _gates(rows: FloatArray) -> FloatArray:
    """ONNX's gate order (input, output, forget, cell) to PyTorch's (input, forget, cell, output)."""
    into, out, forget, cell = np.split(rows, 4, axis=0)
    return np.concatenate([into, forget, cell, out], axis=0)


def _torch_name(name: str) -> str:
    """The PyTorch path of an ONNX name: the exporter wrapped the network in an `encoder` and a `decoder`."""
    name = re.sub(r"^decoder\.decoder\.", "decoder.", name)
    if name.startswith("encoder."):
        name = name.removeprefix("encoder.")
        if _PREDICTOR_STAGES.match(name):
            name = f"predictor.{name}"
    name = _REPEATED_LAYER.sub(r"\1", name)
    # Members of a container are named with it: cnn.0.cnn.0.0 and asr_res.asr_res.0
    name = re.sub(r"\b(\w+\.\d+)\.\1\.", r"\1.", name)
    return re.sub(r"\b(asr_res)\.\1\.", r"\1.", name)
