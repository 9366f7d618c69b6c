"""Constants of the integer contract (docs/INTEGER.md) that every engine and the export share.  No library.

``q`` constants are numbers of fraction bits.  Changing one changes what files decode to: it is a new scheme.
"""

SCHEMES = {"fs-lstm": 1, "recurrent": 2}  # of each architecture; written to every model file, others are refused

WEIGHT_MAX = 63  # |w|: 7 bits, so that 255 * 63 * 2 fits the 16-bit sums of AVX2's u8 x s8 product
EMBEDDING_MAX = 127
HIDDEN_MAX = 127  # |h8|
HIDDEN_OFFSET = 128  # a product reads h8 + 128 as u8

MULTIPLIER_MAX = (1 << 31) - 1
PRODUCT_SHIFT = 32  # x = (accumulator * multiplier) >> 32, or by a shift not below LOWEST_SHIFT
LOWEST_SHIFT = 16
X_MAX = (1 << 24) - 1  # |x| of a gate, certified for every row; |c| by saturation
CELL_Q = 16
HIDDEN_Q = 14
GATE_Q = 9  # argument of the sigmoid and tanh tables
GAIN_Q = 27
PROBABILITY_Q = 15  # values of the sigmoid and tanh tables, zoneout weights
LOGIT_Q = 10  # logits in bits (base 2)

NORM_ROOT_SHIFT = 8  # the root is taken of variance << 8
NORM_BITS = 21  # the root is shifted to this many bits before its reciprocal is taken
NORM_RECIPROCAL = 50  # reciprocal = 2**50 // root, so 2**29 < reciprocal <= 2**30

TABLE_SIZE = 1 << 13  # sigmoid, tanh: arguments -8 to 8 in steps of 2**-9
TABLE_HALF = TABLE_SIZE // 2
EXP2_BITS = 22  # largest weight of a byte value
EXP2_SIZE = 1 << LOGIT_Q

P1_BITS = 16  # a p1 is the probability of a one, out of 2**16
P1_MIN = 32
P1_MAX = (1 << P1_BITS) - P1_MIN

MAX_SIZE = 4096  # units of a state; the bounds of the layer normalisation hold up to here
MAX_CELLS = 64  # and groups of states
MAX_COLUMNS = 1 << 16  # of the read-out: 255 * 63 for each fit int32
MAX_WEIGHTS = 1 << 30  # of all cells: a short file of low rank must not ask for more memory than a long one
CANARY_STEPS = 256
