"""Where everything lies in the mixer's arrays: plain constants, shared by kernels, set-up and tests.

A lane is one row of int64.  ``shape`` is the int64 vector of sizes and offsets that a kernel reads first.
"""

# fields of a lane's row; hashes are 64-bit patterns kept in int64
(
    NODE,  # bits of the current byte under a leading one, 1..255
    OFFSET,  # bytes coded in this lane
    LAST8,  # the last eight bytes, the newest lowest
    WORD0,  # hash of the letters of the current word, 0 outside a word
    WORD1,  # of the word before, and so on
    WORD2,
    WORD_LENGTH,  # bytes since the last byte that is not of a word
    MATCH_AT,  # index into history of the byte predicted, 0 without a match
    MATCH_LENGTH,
    MATCH_MISSES,
    MATCH_BYTE,  # 256 + the predicted byte, 0 without a match
    LINE,  # offset of the current line's first byte
    LINE_BEFORE,
    FIRST_BYTE,  # first byte of the line that is no blank, 0 until then
    INDENT,  # blanks before it
    SHAPE,  # classes of the last six runs of digits or letters, eight bits each
    FIELD,  # number of the field in the line
    FIELD_AT,  # offset of its first byte
    BRACKETS,  # open brackets, the innermost lowest, eight bits each
    TAG,  # hash of the last tag's name
    TAG_STATE,  # 0 outside, 1 in the name, 2 behind the name
    KEY,  # hash of the word before the last colon or equals sign
    POINT0,  # last UTF-8 code point so far, and the one before
    POINT1,
    FOLLOW1,  # bytes that followed the last byte, newest lowest
    FOLLOW2,  # bytes that followed the last two bytes
    MATCH_SLOT,  # index of the match's map, -1 without a match
    MATCH_BIT,
    MATCH_KEY,  # index of the lane's last bytes in the table of links
    NODE_SLOT,  # of the current decision: order-0 map, final weights, two SSE nodes, mixed probability
    FINAL_ROW,
    SSE1_SLOT,
    SSE2_SLOT,
    MIXED_P1,
) = range(34)
FIELDS_HERE = 34  # offsets of the first 32 fields of this line
FIELDS_BEFORE = FIELDS_HERE + 32  # and of the line before
N_FIELDS = 32
SELECTED = FIELDS_BEFORE + N_FIELDS  # rows of the chosen weight sets, at most 8
SET_P1 = SELECTED + 8  # their probabilities
CONTEXTS = SET_P1 + 8  # four blocks of n_contexts follow: hashes, buckets, inherited probabilities, map indices
N_CONTEXT_BLOCKS = 4

# shape
(
    N_BYTES,
    LANES,
    STEP,
    BIT,
    N_DECISIONS,
    ACTIVE,
    N_CHOSEN,
    N_SETS,
    N_NETWORKS,
    WIDTH,  # inputs, padded to a multiple of VECTOR
    TABLE_MASK,
    SSE_MASK,
    LINK_LOG2,
    STRIDE,  # of a lane in history
    MATCH_MAPS,  # offsets in maps
    NODE_MAPS,
    SSE1_MAPS,
    SSE2_MAPS,
    FINAL_WEIGHTS,  # offset in weights
    RATE_FLOOR,  # learning rate of the sets: floor + start * 1024 / (1024 + decisions / 8)
    RATE_START,
    MATCHING,
) = range(22)
CHOSEN_IDS = 24  # 31 places
SET_IDS = 56  # 8 places
SET_OFFSETS = 64  # 8 places: offset in weights of the set with that number
SHAPE_SIZE = 80

MAPS_A_CONTEXT = 1024  # 256 histories times 4 classes of counts
N_MATCH_MAPS = 32
FINAL_WIDTH = 8
VECTOR = 16  # int32 of a cache line
