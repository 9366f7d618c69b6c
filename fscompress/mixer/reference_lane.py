"""A lane's past in plain Python, for the reference: what ``contexts.py`` keeps, and the hash of every context.

``>>`` floors; hashes are modulo 2^64.
"""

M64 = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(a: int, b: int) -> int:
    """A 64-bit hash of two numbers."""
    h = (a + GOLDEN) * 0xD6E8FEB86659FD93 & M64
    h = ((h ^ h >> 29) + b) * 0xCA5A826395121157 & M64
    return h ^ h >> 32


class Lane:
    """One lane's past and its current byte."""

    def __init__(self) -> None:
        self.text = bytearray()
        self.node = 1
        self.words = [0, 0, 0]
        self.word_length = self.line = self.line_before = self.first_byte = self.indent = 0
        self.shape = self.field = self.field_at = self.brackets = self.tag = self.tag_state = self.key = 0
        self.points = [0, 0]
        self.follow1 = self.follow2 = 0
        self.match_at = self.match_length = self.match_misses = self.match_byte = self.match_key = 0
        self.fields, self.fields_before = [0] * 32, [0] * 32

    def last(self, n: int) -> int:
        """The last n bytes as a number, the newest lowest."""
        return int.from_bytes(self.text[-n:], "big") if n else 0

    def back(self, k: int) -> int:
        """The byte k places back, 0 before the lane."""
        return self.text[-k] if k <= len(self.text) else 0

    def remember(self, byte: int, follow: dict[tuple[int, int], int]) -> None:
        """Takes in a finished byte."""
        for n in (1, 2):
            key = (n, self.last(n))
            follow[key] = (follow.get(key, 0) << 8 | byte) & 0xFFFFFF
        self.text.append(byte)
        self.follow1, self.follow2 = (follow.get((n, self.last(n)), 0) for n in (1, 2))
        letter = (chr(byte).isascii() and chr(byte).isalpha()) or byte >= 128
        if letter:
            self.word_length += 1
            self.words[0] = mix(self.words[0], byte | 32 if byte < 128 else byte)
        else:
            self.word_length = 0
            if self.words[0]:
                self.words = [0, *self.words[:2]]
            if byte in b":=":
                self.key = self.words[1]
            if byte in b"([{":
                self.brackets = (self.brackets << 8 | byte) & 0xFFFFFFFFFF
            elif byte in b")]}":
                self.brackets >>= 8
        self._remember_line(byte, letter)
        kind = 48 if byte in b"0123456789" else 128 if byte >= 128 else byte
        if letter and byte < 128:
            kind = 97 if byte >= 97 else 65
        if kind not in (48, 97) or kind != self.shape & 255:
            self.shape = (self.shape << 8 | kind) & 0xFFFFFFFFFFFF
        if byte & 0xC0 == 0x80:
            self.points[0] = (self.points[0] << 6 | byte & 63) & 0xFFFFFF
        else:
            self.points = [byte, self.points[0]]

    def _remember_line(self, byte: int, letter: bool) -> None:
        if byte in b"<>":
            self.tag_state = int(byte == 60)
            self.tag = 0 if byte == 60 else self.tag
        elif self.tag_state == 1:
            if letter or byte == 47:
                self.tag = mix(self.tag, byte)
            else:
                self.tag_state = 2
        offset = len(self.text)
        if byte == 10:
            self.fields_before, self.fields = self.fields, [offset] + [0] * 31
            self.line_before, self.line = self.line, offset
            self.first_byte = self.indent = self.field = 0
            self.field_at = offset
            return
        if self.first_byte == 0:
            if byte in b" \t":
                self.indent += 1
            else:
                self.first_byte = byte
        if byte in b",\t;| ":
            self.field = min(self.field + 1, 31)
            self.field_at = self.fields[self.field] = offset

    def hashes(self) -> list[int]:
        """The hash of every context, chosen or not."""
        one, (word, word1, word2) = self.back(1), self.words
        column = len(self.text) - self.line
        above = left_above = same = 0
        place = self.line_before + column
        if place < self.line:
            above = self.text[place]
            left_above = self.text[place - 1] if place else 0
        place = self.fields_before[self.field]
        if place or self.field == 0:
            place += len(self.text) - self.field_at
            same = self.text[place] + 1 if place < self.line else 0
        pair = mix(word, word1)
        contexts = [self.last(n) for n in range(1, 7)]
        contexts += [
            word if word else mix(word1, one),
            pair if word else mix(pair, mix(word2, one)),
            self.shape,
            mix(self.brackets, one),
            mix(self.match_byte, min(self.match_length, 32)) + one * 65537,
            mix(self.brackets & 0xFFFF, self.shape & 0xFFFFFF),
            mix(min(column, 255), above),
            self.last(4) & 0xF8F0F0F0,
            mix(word, self.first_byte + 1000),
            mix(self.follow2 & 0xFFFF, one),
            mix(self.key, self.last(2)),
            mix(word, word2 + 1),
            mix(min(column, 255), one + 256 * min(self.word_length, 3)),
            self.shape & 0xFFFFFFFF,
            mix(same + (self.field << 16), one),
            self.last(3) & 0xFFFF00,
            self.last(4) & 0xFFFFFF00,
            mix(self.follow1, one),
            mix(*self.points),
            mix(one, above | left_above << 8),
            mix(self.tag + self.tag_state, one),
            mix(self.indent, self.first_byte) + one * 7919,
            (self.shape & 0xFFFFFF) << 8 | one,
            self.last(7),
            mix(self.shape & 0xFFFFFFFFFF, self.last(2)),
        ]
        return [mix(i + 1, b & M64) for i, b in enumerate(contexts)]
