"""``python -m fscompress``: the same as the ``fscompress`` program."""

from fscompress.cli.app import main

if __name__ == "__main__":
    main()
