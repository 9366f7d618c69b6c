"""The serialised ONNX graph of one MatMulInteger node, written field by field so that the onnx package is not needed.

Field numbers are those of onnx.proto3 (ModelProto, GraphProto, NodeProto, TensorProto, ValueInfoProto); wire format:
protocol buffers, varint (type 0) and length-delimited (type 2) fields.
"""

import numpy as np
import numpy.typing as npt

_UINT8, _INT8, _INT32 = 2, 3, 6  # TensorProto.DataType
_IR_VERSION, _OPSET = 8, 13


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _value_info(name: bytes, element: int, columns: int) -> bytes:
    rows = _message(1, _message(2, b"m"))  # a symbolic first dimension
    shape = _message(2, rows + _message(1, _number(1, columns)))
    return _message(1, name) + _message(2, _message(1, _number(1, element) + shape))


def matmul_integer_graph(weight: npt.NDArray[np.int8]) -> bytes:
    """y int32 [m, N] = a uint8 [m, K] @ weight int8 [K, N], as a ModelProto."""
    k, n = weight.shape
    tensor = _number(1, k) + _number(1, n) + _number(2, _INT8) + _message(8, b"w") + _message(9, weight.tobytes())
    node = _message(1, b"a") + _message(1, b"w") + _message(2, b"y") + _message(4, b"MatMulInteger")
    values = _message(11, _value_info(b"a", _UINT8, k)) + _message(12, _value_info(b"y", _INT32, n))
    graph = _message(1, node) + _message(2, b"product") + _message(5, tensor) + values
    return _number(1, _IR_VERSION) + _message(7, graph) + _message(8, _number(2, _OPSET))
