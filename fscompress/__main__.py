"""``python -m fscompress``, and where the installed program begins."""

try:
    from fscompress.cli.app import main
except KeyboardInterrupt:  # while importing: no traceback for it either
    raise SystemExit(130) from None

__all__ = ["main"]

if __name__ == "__main__":
    main()
