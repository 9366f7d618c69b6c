"""fscompress: a text compressor in which a Fast-Slow LSTM in exact integers drives an arithmetic coder."""

__version__ = "0.1.0"
