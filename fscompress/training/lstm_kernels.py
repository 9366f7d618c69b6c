"""The pointwise part of a layer-normalised LSTM cell on a GPU: one kernel forward, one backward (Triton).

They compute what ``LSTMCell.pointwise`` does without zoneout, and its gradient, in float32, a program a few rows.  What
a cell puts out is written at once into the rows that other products read, so that between two products there is one
launch.  They also run without a GPU, in Triton's interpreter: so they are tested
(``tests/training/test_fused_lstm.py``).
"""

import triton
import triton.language as tl

UNITS_A_WARP, LEAST_WARPS, MOST_WARPS = 128, 4, 16  # of a program


@triton.jit
def _norm(x, inside, size, eps):
    """Layer normalisation before gain and bias of x [BLOCK], zero outside; also the reciprocal deviation."""
    centred = tl.where(inside, x - tl.sum(x, 0) / size, 0.0)
    scale = 1.0 / tl.sqrt(tl.sum(centred * centred, 0) / size + eps)
    return centred * scale, scale


@triton.jit
def _norm_gradient(d_n, n, scale, inside, size):
    """Gradient in x of ``_norm`` from that in its result."""
    d_n = tl.where(inside, d_n, 0.0)
    return scale * (d_n - tl.sum(d_n, 0) / size - n * (tl.sum(d_n * n, 0) / size))


@triton.jit
def _plus(f, i, o, g, f2, i2, o2, g2):
    return f + f2, i + i2, o + o2, g + g2


@triton.jit
def _norms(f, i, o, g, inside, size, eps):
    """``_norm`` of four gates: sums that are made together wait for other warps once instead of four times."""
    sum_f, sum_i, sum_o, sum_g = tl.reduce((f, i, o, g), 0, _plus)
    f, i = tl.where(inside, f - sum_f / size, 0.0), tl.where(inside, i - sum_i / size, 0.0)
    o, g = tl.where(inside, o - sum_o / size, 0.0), tl.where(inside, g - sum_g / size, 0.0)
    sum_f, sum_i, sum_o, sum_g = tl.reduce((f * f, i * i, o * o, g * g), 0, _plus)
    scale_f, scale_i = 1.0 / tl.sqrt(sum_f / size + eps), 1.0 / tl.sqrt(sum_i / size + eps)
    scale_o, scale_g = 1.0 / tl.sqrt(sum_o / size + eps), 1.0 / tl.sqrt(sum_g / size + eps)
    return f * scale_f, i * scale_i, o * scale_o, g * scale_g, scale_f, scale_i, scale_o, scale_g


@triton.jit
def _tanh(x):
    return 2.0 * tl.sigmoid(2.0 * x) - 1.0


@triton.jit
def _preactivation(a, projected, row, gate, size, unit, inside, has_projected: tl.constexpr):
    at = row * 4 * size + gate * size + unit
    x = tl.load(a + at, inside, 0.0).to(tl.float32)
    if has_projected:
        x += tl.load(projected + at, inside, 0.0).to(tl.float32)
    return x


@triton.jit
def lstm_forward(
    a, projected, c_old, gate_gain, gate_bias, cell_gain, cell_bias, c_new,
    own, own_stride, reader, reader_stride, out, out_stride,
    eps, size: tl.constexpr, block: tl.constexpr,
    has_projected: tl.constexpr, has_reader: tl.constexpr, has_out: tl.constexpr,
):  # fmt: skip
    """One row a program: c_new float32 [B, H], and h into rows of ``own``, ``reader`` and ``out`` (of their strides).

    ``a`` and ``projected`` are [B, 4H], ``c_old`` float32 [B, H], gains and biases float32 [4, H] and [H].
    """
    row = tl.program_id(0).to(tl.int64)
    unit = tl.arange(0, block)
    inside = unit < size
    f = _preactivation(a, projected, row, 0, size, unit, inside, has_projected)
    i = _preactivation(a, projected, row, 1, size, unit, inside, has_projected)
    o = _preactivation(a, projected, row, 2, size, unit, inside, has_projected)
    g = _preactivation(a, projected, row, 3, size, unit, inside, has_projected)
    f, i, o, g, _, _, _, _ = _norms(f, i, o, g, inside, size, eps)
    f = tl.sigmoid(f * tl.load(gate_gain + unit, inside, 0.0) + tl.load(gate_bias + unit, inside, 0.0))
    unit1, unit2, unit3 = unit + size, unit + 2 * size, unit + 3 * size
    i = tl.sigmoid(i * tl.load(gate_gain + unit1, inside, 0.0) + tl.load(gate_bias + unit1, inside, 0.0))
    o = tl.sigmoid(o * tl.load(gate_gain + unit2, inside, 0.0) + tl.load(gate_bias + unit2, inside, 0.0))
    g = _tanh(g * tl.load(gate_gain + unit3, inside, 0.0) + tl.load(gate_bias + unit3, inside, 0.0))
    c = tl.where(inside, f * tl.load(c_old + row * size + unit, inside, 0.0) + i * g, 0.0)
    n, _ = _norm(c, inside, size, eps)
    h = o * _tanh(n * tl.load(cell_gain + unit, inside, 0.0) + tl.load(cell_bias + unit, inside, 0.0))
    tl.store(c_new + row * size + unit, c, inside)
    tl.store(own + row * own_stride + unit, h, inside)
    if has_reader:
        tl.store(reader + row * reader_stride + unit, h, inside)
    if has_out:
        tl.store(out + row * out_stride + unit, h, inside)


@triton.jit
def lstm_backward(
    a, projected, c_old, gate_gain, gate_bias, cell_gain, cell_bias,
    d_own, own_stride, d_reader, reader_stride, d_out, out_stride,
    d_c, d_a, d_vectors,
    eps, size: tl.constexpr, block: tl.constexpr, rows: tl.constexpr,
    has_projected: tl.constexpr, has_reader: tl.constexpr, has_out: tl.constexpr,
):  # fmt: skip
    """``rows`` rows a program: d_a [B, 4H]; ``d_c`` float32 [B, H] goes from the new c's to the old one's.

    The gradient of h is the sum of what ``own``, ``reader`` and ``out`` got.  A program adds its rows' gradients of
    gains, biases, the cell's gain and its bias to its own row of ``d_vectors`` float32 [programs, 10 H].
    """
    program = tl.program_id(0).to(tl.int64)
    unit = tl.arange(0, block)
    inside = unit < size
    unit1, unit2, unit3 = unit + size, unit + 2 * size, unit + 3 * size
    gain_f, bias_f = tl.load(gate_gain + unit, inside, 0.0), tl.load(gate_bias + unit, inside, 0.0)
    gain_i, bias_i = tl.load(gate_gain + unit1, inside, 0.0), tl.load(gate_bias + unit1, inside, 0.0)
    gain_o, bias_o = tl.load(gate_gain + unit2, inside, 0.0), tl.load(gate_bias + unit2, inside, 0.0)
    gain_g, bias_g = tl.load(gate_gain + unit3, inside, 0.0), tl.load(gate_bias + unit3, inside, 0.0)
    gain_c, bias_c = tl.load(cell_gain + unit, inside, 0.0), tl.load(cell_bias + unit, inside, 0.0)
    zero = tl.zeros([block], tl.float32)
    sum_gain_f, sum_gain_i, sum_gain_o, sum_gain_g, sum_bias_f = zero, zero, zero, zero, zero
    sum_bias_i, sum_bias_o, sum_bias_g, sum_gain_c, sum_bias_c = zero, zero, zero, zero, zero
    for r in range(rows):
        row = program * rows + r
        f = _preactivation(a, projected, row, 0, size, unit, inside, has_projected)
        i = _preactivation(a, projected, row, 1, size, unit, inside, has_projected)
        o = _preactivation(a, projected, row, 2, size, unit, inside, has_projected)
        g = _preactivation(a, projected, row, 3, size, unit, inside, has_projected)
        n_f, n_i, n_o, n_g, scale_f, scale_i, scale_o, scale_g = _norms(f, i, o, g, inside, size, eps)
        f, i = tl.sigmoid(n_f * gain_f + bias_f), tl.sigmoid(n_i * gain_i + bias_i)
        o, g = tl.sigmoid(n_o * gain_o + bias_o), _tanh(n_g * gain_g + bias_g)
        old = tl.load(c_old + row * size + unit, inside, 0.0)
        n_c, scale_c = _norm(tl.where(inside, f * old + i * g, 0.0), inside, size, eps)
        shown = _tanh(n_c * gain_c + bias_c)

        d_h = tl.load(d_own + row * own_stride + unit, inside, 0.0).to(tl.float32)
        if has_reader:
            d_h += tl.load(d_reader + row * reader_stride + unit, inside, 0.0).to(tl.float32)
        if has_out:
            d_h += tl.load(d_out + row * out_stride + unit, inside, 0.0).to(tl.float32)
        d_u = d_h * o * (1.0 - shown * shown)
        d_new = tl.load(d_c + row * size + unit, inside, 0.0)
        d_new += _norm_gradient(d_u * gain_c, n_c, scale_c, inside, size)
        d_f, d_i = d_new * old * f * (1.0 - f), d_new * g * i * (1.0 - i)
        d_o, d_g = d_h * shown * o * (1.0 - o), d_new * i * (1.0 - g * g)
        tl.store(d_c + row * size + unit, d_new * f, inside)
        # zero outside, as they are products with gains that are
        p_f, p_i, p_o, p_g = d_f * gain_f, d_i * gain_i, d_o * gain_o, d_g * gain_g
        all_f, all_i, all_o, all_g = tl.reduce((p_f, p_i, p_o, p_g), 0, _plus)
        along_f, along_i, along_o, along_g = tl.reduce((p_f * n_f, p_i * n_i, p_o * n_o, p_g * n_g), 0, _plus)
        to = d_a + row * 4 * size
        tl.store(to + unit, scale_f * (p_f - all_f / size - n_f * (along_f / size)), inside)
        tl.store(to + unit1, scale_i * (p_i - all_i / size - n_i * (along_i / size)), inside)
        tl.store(to + unit2, scale_o * (p_o - all_o / size - n_o * (along_o / size)), inside)
        tl.store(to + unit3, scale_g * (p_g - all_g / size - n_g * (along_g / size)), inside)

        sum_gain_f += d_f * n_f
        sum_gain_i += d_i * n_i
        sum_gain_o += d_o * n_o
        sum_gain_g += d_g * n_g
        sum_bias_f += d_f
        sum_bias_i += d_i
        sum_bias_o += d_o
        sum_bias_g += d_g
        sum_gain_c += d_u * n_c
        sum_bias_c += d_u
    total = d_vectors + program * 10 * size + unit
    _add(total, sum_gain_f, inside)
    _add(total + 1 * size, sum_gain_i, inside)
    _add(total + 2 * size, sum_gain_o, inside)
    _add(total + 3 * size, sum_gain_g, inside)
    _add(total + 4 * size, sum_bias_f, inside)
    _add(total + 5 * size, sum_bias_i, inside)
    _add(total + 6 * size, sum_bias_o, inside)
    _add(total + 7 * size, sum_bias_g, inside)
    _add(total + 8 * size, sum_gain_c, inside)
    _add(total + 9 * size, sum_bias_c, inside)


@triton.jit
def _add(at, value, inside):
    """Adds to memory that no other program touches."""
    tl.store(at, tl.load(at, inside, 0.0) + value, inside)


def block_of(size: int) -> int:
    """Units that a program has room for: the next power of two."""
    return 1 << (size - 1).bit_length()


def warps_of(size: int) -> int:
    """Warps a program for rows of so many units."""
    return min(max(block_of(size) // UNITS_A_WARP, LEAST_WARPS), MOST_WARPS)
