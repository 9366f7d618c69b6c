"""``fscompress study``: the papers' experiments, on the user's text; a table on stdout, CSV and SVG in a folder."""

import importlib
from pathlib import Path
from typing import Any

import click

from fscompress.cli.console import Console
from fscompress.cli.options import talks
from fscompress.cli.results import show
from fscompress.cli.tables import table
from fscompress.cli.train import DEVICES, fit_to_the_end
from fscompress.corpora import open_corpus
from fscompress.files import STANDARD, check_output, open_output, require_stdout
from fscompress.study.settings import SETTINGS

STUDIES = ("comparison", "gradients", "dynamics", "positions", "cells", "size", "fastgrnn")


@click.command()
@click.argument("name", metavar="NAME", type=click.Choice(STUDIES))
@click.argument("corpus_name", metavar="CORPUS")
@click.option("--paper", is_flag=True, help="The papers' sizes, epochs and validation bytes, for a GPU.")
@click.option("--steps", type=click.IntRange(min=1), help="Optimiser steps of each model, instead of the setting's.")
@click.option("--data", type=click.Path(path_type=Path), help="Folder with enwik8 or the PTB files.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder of results and runs [default: study/CORPUS-SETTING]."
)
@click.option("-f", "--force", is_flag=True, help="Overwrite NAME.csv and NAME.svg.")
@click.option("--device", type=DEVICES, default="auto", show_default=True, help="auto: CUDA where there is one.")
@talks
def study(
    name: str,
    corpus_name: str,
    paper: bool,
    steps: int | None,
    data: Path | None,
    out: Path | None,
    force: bool,
    device: str,
    console: Console,
) -> None:
    """Repeat an experiment of the papers: trains what it compares, prints a table, writes NAME.csv and NAME.svg.

    NAME is one of: comparison (section 4.2), gradients (figure 3), dynamics (figure 4), positions (figure 5), cells
    (alpha, beta, zeta, nu as learnt), size (bytes of the model against bits per byte), fastgrnn (that paper's low-rank
    and sparse cells against an LSTM). CORPUS is as of train.

    A model that the folder holds already is not trained again; an interrupted run is gone on with.
    """
    require_stdout()
    setting = SETTINGS["paper" if paper else "small"]
    folder = out or Path("study") / f"{Path(corpus_name).name}-{setting.name}"
    from fscompress.bench.plot import check
    from fscompress.study.plot import draw
    from fscompress.study.runs import Runs

    figures, picture = folder / f"{name}.csv", folder / f"{name}.svg"
    check(str(picture))
    corpus = open_corpus(corpus_name, data)
    folder.mkdir(parents=True, exist_ok=True)
    for target in (figures, picture):
        check_output(str(target), STANDARD, force, binary=False)

    def fit(trainer: Any) -> None:
        run = trainer.options.out
        console.notice(f"{run}: {trainer.model.n_weights():,} weights, {trainer.progress():.0%} trained")
        fit_to_the_end(trainer, console)

    runs = Runs(setting, corpus, folder / "runs", fit, steps, device)
    outcome = getattr(importlib.import_module(f"fscompress.study.{name}"), name)(runs)
    show(table(outcome.titles, outcome.rows, left={0}))
    for remark in outcome.remarks:
        show(remark)
    for target, content in ((figures, outcome.csv().encode()), (picture, draw(outcome.picture))):
        with open_output(str(target), force=force) as output:
            output.write(content)
    console.notice(f"{figures} and {picture} written")
