"""crossprobe's command line: `python pipeline.py COMMAND --help`. Wiring only; heavy imports stay inside commands."""

import contextlib
import errno
import json
import shlex
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from cache.errors import InputError, InterruptedWork, choose

app = typer.Typer(
    help="Cross-manipulation deepfake detection on cached CLIP features: extract once, classify at once.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cache_app = typer.Typer(help="Look into feature caches and prove them whole.", no_args_is_help=True)
app.add_typer(cache_app, name="cache")

Out = Annotated[Path, typer.Option("--out", help="Where the result goes.", show_default=False)]
CacheFile = Annotated[Path, typer.Argument(help="A feature cache (.h5).", show_default=False)]
With = Annotated[list[Path] | None, typer.Option("--with", help="An addition made for this cache.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]

TO_COME = {"tune": "tunes the encoder", "lare": "adds LaRE's reconstruction errors"}  # sections of recipes
OF_THE_PROTOCOL = ("split", "test_size", "disjoint", "drop_crossing", "allow_leak", "threshold")


@app.command()
def extract(
    data: Annotated[
        list[Path],
        typer.Argument(help="Root of the data set; several: reals from one, fakes from another.", show_default=False),
    ],
    out: Annotated[Path | None, typer.Option(help="The cache to make.", show_default=False)] = None,
    model: Annotated[
        str | None,
        typer.Option(help="open_clip architecture, Hugging Face name, model folder, or 'demo'.", show_default=False),
    ] = None,
    pretrained: Annotated[str | None, typer.Option(help="open_clip tag, or a checkpoint file.")] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            help="auto, ffpp, dfd, celebdf, dfdc, df40, deepfakebench, forensynths, genimage, clipping, webdataset, "
            "manifest, folders, unlabelled."
        ),
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="Of a manifest: OURS=THEIRS, as label=is_fake; may be repeated.")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Name of the data set in the cache.")] = None,
    frames: Annotated[int | None, typer.Option(help="Frames of each video, spread evenly.", min=1)] = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second of each video.", min=0.001)] = None,
    prompts: Annotated[list[str] | None, typer.Option(help="Prompt set, or a TOML file; may be repeated.")] = None,
    tokens: Annotated[list[str] | None, typer.Option(help="'cls' adds the class token before projection.")] = None,
    crop: Annotated[
        str | None, typer.Option(help="none: whole frames; given: pictures are face crops; face: find one.")
    ] = None,
    face_model: Annotated[
        Path | None, typer.Option(help="YuNet's ONNX file; by default fetched once.", show_default=False)
    ] = None,
    no_face: Annotated[
        str | None, typer.Option(help="Frames without a face: skip, full (taken whole) or fail.")
    ] = None,
    views: Annotated[
        str | None, typer.Option(help="clean, jpeg-Q, blur-S, resize-N, flip, background; comma-separated: spaces.")
    ] = None,
    thumbnails: Annotated[int | None, typer.Option(help="Keep a small JPEG of each frame, as 96 pixels.")] = None,
    limit: Annotated[int | None, typer.Option(help="At most so many videos of each manipulation.")] = None,
    shard: Annotated[str | None, typer.Option(help="i/n: the i-th of n pieces; `cache merge` joins them.")] = None,
    shards: Annotated[int | None, typer.Option(help="So many pieces, made side by side and joined.", min=1)] = None,
    ray: Annotated[str | None, typer.Option(help="local, auto, HOST:PORT: make the pieces on a Ray cluster.")] = None,
    retry_failed: Annotated[
        Path | None, typer.Option(help="A finished cache: read only what failed there or changed since.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto (every GPU), cpu, cuda:1, or several: cuda:0,cuda:1")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Frames in a batch; 32 on a CPU, on CUDA what fits.", min=1)
    ] = None,
    part_rows: Annotated[int | None, typer.Option(help="Frames in a sealed part.", min=1)] = None,
    workers: Annotated[int | None, typer.Option(help="Processes that decode; all cores by default.", min=0)] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only say what would be read, and its GB and hours.")] = False,
) -> None:
    """Turn a data set into a feature cache; run the same line again and it goes on where it was.

    Example: python pipeline.py extract /data/FF++ --out ffpp.h5 --model ViT-B-32 --pretrained openai --frames 16
    """
    options = given(locals(), "data", "out", "list_")
    if list_:
        _list(data, options)
        return
    if out is None or model is None:
        raise InputError("extract needs --out FILE and --model NAME; with --list neither")
    _extract(data, out, options)


@cache_app.command("info")
def cache_info(cache: CacheFile, with_: With = None, as_json: Json = False) -> None:
    """Say what a cache holds and where its numbers come from.

    Example: python pipeline.py cache info ffpp.h5
    """
    from cache.info import info, lines
    from cache.reader import open_cache

    found = info(open_cache(cache, with_ or ()))
    print(json.dumps(found, indent=2) if as_json else "\n".join(lines(found)))


@cache_app.command("verify")
def cache_verify(
    files: Annotated[list[Path], typer.Argument(help="Caches or additions.", show_default=False)],
) -> None:
    """Find any flipped byte of a cache; exit code 1 if there is one.

    Example: python pipeline.py cache verify ffpp.h5
    """
    from cache.verify import verify

    problems = [problem for file in files for problem in verify(file)]
    print("\n".join(problems) or f"whole: {', '.join(map(str, files))}")
    if problems:
        raise typer.Exit(1)


@cache_app.command("prompts")
def cache_prompts(
    cache: CacheFile,
    out: Out,
    prompts: Annotated[
        list[str], typer.Option("--prompts", "--set", help="Prompt set, or a TOML file; may be repeated.")
    ],
    model: Annotated[str, typer.Option(help="The model that made the cache, named as for `extract`.")],
    pretrained: Annotated[str | None, typer.Option(help="open_clip tag, or a checkpoint file.")] = None,
) -> None:
    """Score further prompts on a finished cache, without its pictures: an addition, for --with.

    Example: python pipeline.py cache prompts x.h5 --prompts mine.toml --model ViT-B-32 --pretrained openai --out y.h5
    """
    from extract.encoder import load_encoder
    from extract.prompts import load_prompt_sets
    from extract.rescore import score_prompts

    score_prompts(cache, out, load_prompt_sets(prompts), load_encoder(model, pretrained))
    print(f"{out} written: use it with `--with {shlex.quote(str(out))}`")


@cache_app.command("merge")
def cache_merge(
    files: Annotated[
        list[Path], typer.Argument(help="Caches, all shards of one, or one and its additions.", show_default=False)
    ],
    out: Out,
) -> None:
    """Join shards, caches of different samples, or a cache and its additions into one cache.

    Example: python pipeline.py cache merge shard1.h5 shard2.h5 --out ffpp.h5
    """
    from cache.merge import merge

    print(f"{out} written: {merge(files, out)} frames of {len(files)} files")


@cache_app.command("subset")
def cache_subset(
    cache: CacheFile,
    out: Out,
    where: Annotated[list[str], typer.Option(help="column=value or column=value1,value2; may be repeated.")],
    with_: With = None,
) -> None:
    """Write the frames that fulfil all conditions as a cache of their own.

    Example: python pipeline.py cache subset ffpp.h5 --where compression=c23 --out c23.h5
    """
    from cache.reader import open_cache
    from cache.subset import subset

    whole = open_cache(cache, with_ or ())
    print(f"{out} written: {subset(whole, out, where)} of {len(whole)} frames")


@cache_app.command("export")
def cache_export(
    cache: CacheFile,
    out: Out,
    form: Annotated[str, typer.Option("--format", help="npy: clip-retrieval's folders; csv: one file.")] = "npy",
    space: Annotated[str | None, typer.Option(help="Feature space, where there are several.")] = None,
    with_: With = None,
) -> None:
    """Write embeddings, sample table and prompt similarities for other programs.

    Example: python pipeline.py cache export ffpp.h5 --out ffpp_npy
    """
    from cache.export import export
    from cache.reader import open_cache

    export(open_cache(cache, with_ or ()), out, form, space)
    print(f"{out} written")


@app.command()
def classify(
    cache: CacheFile,
    out: Out,
    train: Annotated[
        list[str] | None, typer.Option(help="Manipulations to train on, comma-separated; all but those of --test.")
    ] = None,
    test: Annotated[list[str] | None, typer.Option(help="Manipulations to test on; all others by default.")] = None,
    matrix: Annotated[bool, typer.Option("--matrix", help="Train on each manipulation, test on every one.")] = False,
    head: Annotated[
        list[str] | None,
        typer.Option(
            help="logistic, linear_probe, linear_svm, svm, mlp, knn, zero_shot, prompt_fusion, clip_adapter, coop, "
            "cocoop, contrastive, ensemble; comma-separated."
        ),
    ] = None,
    features: Annotated[list[str] | None, typer.Option(help="embedding, cls, prompts; comma-separated.")] = None,
    normalize: Annotated[str | None, typer.Option(help="l2, standard or none.")] = None,
    prompt_set: Annotated[
        str | None,
        typer.Option(help="Which prompts: a set of the cache, or a known one or TOML file to be scored now."),
    ] = None,
    prompt_real: Annotated[list[str] | None, typer.Option(help="A prompt for reals; may be repeated.")] = None,
    prompt_fake: Annotated[list[str] | None, typer.Option(help="A prompt for fakes; may be repeated.")] = None,
    model: Annotated[
        str | None, typer.Option(help="The cache's encoder, where its text tower is needed; named as for `extract`.")
    ] = None,
    pretrained: Annotated[
        str | None, typer.Option(help="open_clip tag, or a checkpoint file, of that encoder.")
    ] = None,
    test_cache: Annotated[
        Path | None, typer.Option(help="Test on this cache of another data set; CACHE gives the training side.")
    ] = None,
    leave_one_out: Annotated[
        bool, typer.Option("--leave-one-out", help="Train on all manipulations but each, test on every one.")
    ] = False,
    split: Annotated[str | None, typer.Option(help="grouped, manipulation, column, ffpp:DIR, or a CSV file.")] = None,
    differ: Annotated[
        list[str] | None, typer.Option(help="What may differ between training and test: crop, view, compression.")
    ] = None,
    test_size: Annotated[float | None, typer.Option(help="Share of the groups to test on.")] = None,
    disjoint: Annotated[str | None, typer.Option(help="identity, scene or video.")] = None,
    drop_crossing: Annotated[
        bool | None, typer.Option("--drop-crossing", help="Deal identities, drop crossing fakes.")
    ] = None,
    allow_leak: Annotated[
        bool | None, typer.Option("--allow-leak", help="Go on with a leaking split, stamped.")
    ] = None,
    where: Annotated[list[str] | None, typer.Option(help="column=value; may be repeated.")] = None,
    frames: Annotated[
        int | None, typer.Option(help="At most so many frames of each video, spread evenly.", min=1)
    ] = None,
    fraction: Annotated[float | None, typer.Option(help="Share of the training groups to train on.")] = None,
    param: Annotated[list[str] | None, typer.Option(help="head.parameter=value, as mlp.epochs=50.")] = None,
    calibrate: Annotated[str | None, typer.Option(help="platt or isotonic: scores become probabilities.")] = None,
    threshold: Annotated[float | None, typer.Option(help="A fixed one, in the place of the folds' choice.")] = None,
    keep_checkpoints: Annotated[
        bool | None, typer.Option("--keep-checkpoints", help="Keep the weights after each epoch.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the split and of the heads.", min=0)] = None,
    with_: With = None,
) -> None:
    """Fit heads on some manipulations, test them on others, report.

    Example: python pipeline.py classify ffpp.h5 --train FaceSwap --test NeuralTextures --head logistic,svm --out runs/a
    """
    _classify(cache, out, given(locals(), "cache", "out"))
    _evaluate(out, as_json=False)


@app.command()
def predict(
    fitted: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A model folder, or the run folder it is in.", show_default=False)
    ],
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...", help="Pictures, videos, folders of them; or a feature cache (.h5).", show_default=False
        ),
    ],
    model: Annotated[
        str | None, typer.Option(help="The encoder of MODEL, named as for `extract`.", show_default=False)
    ] = None,
    pretrained: Annotated[str | None, typer.Option(help="open_clip tag, or a checkpoint file.")] = None,
    frames: Annotated[int | None, typer.Option(help="Frames of each video, spread evenly.", min=1)] = None,
    face_model: Annotated[
        Path | None, typer.Option(help="YuNet's ONNX file; by default fetched once.", show_default=False)
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda:1")] = None,
    as_json: Json = False,
    out: Annotated[Path | None, typer.Option(help="Of a cache: the folder of predictions to make.")] = None,
    differ: Annotated[list[str] | None, typer.Option(help="What may differ from the training: crop, view.")] = None,
    allow_leak: Annotated[
        bool, typer.Option("--allow-leak", help="Of a cache: go on with groups trained on, stamped.")
    ] = False,
    with_: With = None,
) -> None:
    """Score pictures and videos, or a feature cache, by a model; what cannot be judged is listed, not guessed.

    Example: python pipeline.py predict runs/a/FaceSwap/logistic clip.mp4 photos/ --model ViT-B-32 --pretrained openai
    """
    options = given(locals(), "fitted", "paths", "as_json", "out", "differ", "allow_leak", "with_")
    allowed = [part.strip() for one in differ or [] for part in one.split(",")]
    if any(path.suffix == ".h5" for path in paths):
        if len(paths) > 1 or out is None or as_json:
            raise InputError("a feature cache is predicted alone, into a folder: predict MODEL x.h5 --out DIR")
        of_pictures = options.keys() - {"model", "pretrained"}
        if of_pictures:
            raise InputError(f"--{of_pictures.pop().replace('_', '-')} is for pictures and videos, not for a cache")
        _predict_cache(fitted, paths[0], with_ or [], out, options, allowed, allow_leak)
    else:
        if out is not None or with_ or allow_leak:
            raise InputError("--out, --with and --allow-leak are for a feature cache; of pictures print --json")
        _predict_paths(fitted, paths, as_json, allowed, options)


@app.command("import-head")
def import_head(
    weights: Annotated[Path, typer.Argument(help="fc_weights.pth, or safetensors.", show_default=False)],
    cache: Annotated[
        Path, typer.Option(help="A feature cache of OpenAI's ViT-L/14: the encoder that the head is bound to.")
    ],
    out: Out,
) -> None:
    """Make a model of the linear layer that UniversalFakeDetect publishes, for caches of OpenAI's CLIP ViT-L/14.

    Example: python pipeline.py import-head fc_weights.pth --cache ffpp_L14.h5 --out models/ufd
    """
    from cache.reader import open_cache
    from classify.import_head import import_head as convert

    for caveat in convert(weights, open_cache(cache), out):
        say(f"note: {caveat}")
    print(f"{out} written: `python pipeline.py predict {out} ...` goes by the encoder of {cache} alone")


@app.command()
def explain(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN... [SAMPLE_ID...]", help="Run folders with their model; sample_ids.", show_default=False
        ),
    ],
    count: Annotated[int | None, typer.Option(help="Samples of each kind of error and hit.", min=1)] = None,
    cache: Annotated[Path | None, typer.Option(help="The samples' cache; the one of the run's test.")] = None,
    root: Annotated[Path | None, typer.Option(help="Where the data set lies now.", show_default=False)] = None,
    model: Annotated[str | None, typer.Option(help="The cache's encoder, named as for `extract`.")] = None,
    pretrained: Annotated[str | None, typer.Option(help="open_clip tag, or a checkpoint file.")] = None,
    method: Annotated[list[str] | None, typer.Option(help="gradient, occlusion; both by default.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda:1")] = "auto",
    face_model: Annotated[
        Path | None, typer.Option(help="YuNet's ONNX file: finds faces where the cache has no boxes.")
    ] = None,
    differ: Annotated[list[str] | None, typer.Option(help="What may differ from the training: crop, view.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write; RUN/explain by default.")] = None,
    with_: With = None,
) -> None:
    """Show what a run's score hangs on: maps over its worst errors and surest hits, or over the samples named.

    Example: python pipeline.py explain runs/a/FaceSwap/logistic --count 4
    """
    runs = [Path(one) for one in arguments if Path(one).is_dir()]
    named = [one for one in arguments if not Path(one).is_dir()]
    if not runs:
        raise InputError(f"{arguments[0]} is no run folder; explain RUN [SAMPLE_ID ...]")
    options = given(locals(), "arguments", "runs", "named", "out")
    folder = out or runs[0] / "explain"
    print("\n".join(_explain(runs, named, folder, **options)))
    print(f"{folder / 'explain.html'} written")


@app.command()
def evaluate(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUNS | FILE...", help="A run, or a folder of runs; or anybody's scores: CSV, JSON, Parquet.",
            show_default=False,
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="Of files: where runs of them are made.")] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="Of a file: OURS=THEIRS, as score=fake_prob; may be repeated.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Of a file: score from which on it means fake; 0.5 by default.")
    ] = None,
    trained_on: Annotated[list[str] | None, typer.Option(help="Of a file: manipulations trained on.")] = None,
    training: Annotated[Path | None, typer.Option(help="Of a file: list of the training samples.")] = None,
    aggregate: Annotated[str | None, typer.Option(help="Frames to a video, also of runs: mean, median, max.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Cache of the test samples, for pictures in the gallery.")] = None,
    root: Annotated[Path | None, typer.Option(help="The data set, for pictures in the gallery.")] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write each figure as PDF, too.")] = False,
    as_json: Json = False,
    allow_leak: Annotated[bool, typer.Option("--allow-leak", help="Measure runs that leak, stamped.")] = False,
) -> None:  # fmt: skip
    """Measure finished runs anew, or the scores of others, and print a summary.

    Example: python pipeline.py evaluate runs/a

    Example: python pipeline.py evaluate theirs.csv ours.csv --out runs/compared
    """
    of_files = given(locals(), "sources", "out", "aggregate", "cache", "root", "pdf", "as_json", "allow_leak")
    seen = {"aggregate": aggregate, "cache": cache, "root": root, "pdf": pdf, "allow_leak": allow_leak}
    if root is not None and not root.is_dir():
        raise InputError(f"--root {root} is no folder")
    if missing := [str(source) for source in sources if not source.exists()]:
        raise InputError(f"{missing[0]} does not exist: name a folder of runs, or files of scores")
    if grids := [str(source) for source in sources if (source / "grid.json").is_file()]:
        raise InputError(
            f"{grids[0]} holds a grid: `ablate --report {grids[0]}` writes its report; a cell is measured as a run by "
            f"`evaluate {grids[0]}/cells/KEY`"
        )
    files = [source for source in sources if not source.is_dir()]
    if not files:
        if out is not None or of_files or len(sources) > 1:
            raise InputError(
                "one run, or one folder with runs below it, is measured where it lies; --out and the options of files "
                "are for files of scores"
            )
        _evaluate(sources[0], as_json, **seen, command=command_line())
        return
    if len(files) < len(sources):
        raise InputError("name files of scores or one folder of runs, not both; predictions.csv of a run is a file")
    if out is None:
        raise InputError("files of scores become runs in a folder: name it, --out DIR")
    from evaluate.score_runs import make_runs

    make_runs(files, out, **of_files, aggregate=aggregate, command=command_line())
    _evaluate(out, as_json, **seen)


@app.command()
def audit(
    source: Annotated[
        Path, typer.Argument(help="A feature cache, or a CSV with path, label and split.", show_default=False)
    ],
    test_cache: Annotated[Path | None, typer.Option(help="Another cache, which is tested on.")] = None,
    train: Annotated[list[str] | None, typer.Option(help="Manipulations to train on; all by default.")] = None,
    test: Annotated[list[str] | None, typer.Option(help="Manipulations to test on; all others by default.")] = None,
    split: Annotated[str | None, typer.Option(help="grouped, manipulation, column, ffpp:DIR, or a CSV file.")] = None,
    test_size: Annotated[float | None, typer.Option(help="Share of the groups to test on.")] = None,
    disjoint: Annotated[str | None, typer.Option(help="What is promised: identity, scene or video.")] = None,
    drop_crossing: Annotated[
        bool | None, typer.Option("--drop-crossing", help="Deal identities, drop crossing fakes.")
    ] = None,
    where: Annotated[list[str] | None, typer.Option(help="column=value; may be repeated.")] = None,
    column: Annotated[
        list[str] | None, typer.Option(help="Of a CSV: OURS=THEIRS, as label=is_fake; may be repeated.")
    ] = None,
    deep: Annotated[bool | None, typer.Option("--deep", help="Probe background and shuffled labels.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 for a warning, too.")] = False,
    seed: Annotated[int | None, typer.Option(help="Of the split and of the probes.", min=0)] = None,
    with_: With = None,
    as_json: Json = False,
) -> None:
    """Find leaks and shortcuts of a protocol; exit code 3 where there is a leak.

    Example: python pipeline.py audit ffpp.h5 --train FaceSwap --test NeuralTextures
    """
    options = given(locals(), "source", "strict", "as_json")  # before the imports: it reads locals()
    from classify.audit import audit as find_leaks
    from evaluate.audit_findings import audit_exit_code, audit_lines, audit_record

    found = find_leaks(source, **options)
    print(json.dumps(audit_record(found, strict=strict), indent=2) if as_json else "\n".join(audit_lines(found)))
    if code := audit_exit_code(found, strict=strict):
        raise typer.Exit(code)


@app.command()
def ablate(
    grid: Annotated[Path | None, typer.Argument(help="A grid (.toml).", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(help="The folder of the grid's cells.", show_default=False)] = None,
    cache: Annotated[
        list[str] | None, typer.Option(help="A cache: PATH, or NAME=PATH as the grid names it; may be repeated.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list the cells, and say how long they take.")
    ] = False,
    shard: Annotated[str | None, typer.Option(help="i/n: every n-th cell, from the i-th on.")] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes; all cores by default.")] = None,
    backend: Annotated[str | None, typer.Option(help="Of joblib: loky, threading; ray where Ray is installed.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Go on with thousands of cells.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write the report of this folder anew; nothing is fitted.", show_default=False)
    ] = None,
) -> None:
    """Carry out a grid of runs, in parallel; what is there is not run again, and all cells stand in one table.

    Example: python pipeline.py ablate configs/ablations/head_x_feature.toml --cache ffpp.h5 --out runs/grid
    """
    if report is not None:
        if grid is not None or out is not None or dry_run:
            raise InputError("--report DIR stands alone: it reads what is in the folder")
        from classify.ablation.ledger import refreshed

        refreshed(report)
        _report_grid(report)
        return
    if grid is None or (out is None and not dry_run):
        raise InputError("ablate GRID.toml --out DIR; or --report DIR")
    from classify.ablation.grid import MOST, read_grid

    declared = read_grid(grid, cache or (), None if yes else MOST)
    chosen = {
        name: value for name, value in (("jobs", jobs), ("backend", backend), ("shard", shard)) if value is not None
    }
    if dry_run:
        _list_cells(declared, out, jobs, shard or "1/1")
    else:
        _ablate(declared, Path(str(out)), chosen)


@app.command()
def run(
    recipe: Annotated[Path, typer.Argument(help="A recipe (.toml).", show_default=False)],
    data: Annotated[
        list[Path],
        typer.Option(help="Root of the data set; repeated: reals from one, fakes from another.", show_default=False),
    ],
    out: Out,
    mode: Annotated[
        str, typer.Option(help="both; train: extract and fit; test: measure runs that are there.")
    ] = "both",
    model: Annotated[str | None, typer.Option(help="In the place of the recipe's, named as for `extract`.")] = None,
    pretrained: Annotated[str | None, typer.Option(help="open_clip tag, or a checkpoint file.")] = None,
) -> None:
    """Carry out a recipe: extract unless the cache is there, classify, evaluate, report.

    A recipe that holds a published protocol beside the honest one gets a folder for each, and both are compared.

    Example: python pipeline.py run configs/demo.toml --data demo/out/data --out demo/out/run
    """
    choose(dict.fromkeys(("both", "train", "test")), mode, "mode")
    steps = read_recipe(recipe, model, pretrained)
    cache = out / "features.h5"
    extracting = mode != "test" and (all(root.exists() for root in data) or not cache.exists())
    check_recipe(steps, extracting, fitting=mode != "test")
    for section, what in TO_COME.items():
        if section in steps:
            instead = steps[section].get("instead", "a recipe without this section")
            raise InputError(
                f"{recipe.stem} {what} ([{section}]), which this version cannot do yet; what runs today: {instead}"
            )
    if extracting:
        _make_data(steps["data"], data[0])
        _extract(data, cache, steps["extract"])
    elif mode != "test":
        say(f"{', '.join(map(str, data))} is not there: {cache} is taken as it is")
    measured = []
    for folder, options in protocols(steps, out).items():
        if mode != "test":
            _classify(cache, folder, options)
        if mode != "train":
            measured.append(_evaluate(folder, as_json=False))
    if len(measured) > 1:
        from evaluate.protocols import beside

        print(beside(*measured))


def read_recipe(path: Path, model: str | None = None, pretrained: str | None = None) -> dict[str, dict[str, Any]]:
    """The sections of a recipe: ``data``, ``extract``, ``classify``, each with the library's own argument names.

    ``as_published`` holds what a published protocol does otherwise than ``classify``.

    Parameters
    ----------
    model, pretrained : str, optional
        In the place of those of ``extract``; with another model the recipe's weights go.

    Raises
    ------
    InputError
        No TOML file, or another section.
    """
    import tomllib

    try:
        recipe = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"cannot read the recipe {path}: {error}") from error
    steps: dict[str, dict[str, Any]] = {name: {} for name in ("data", "extract", "classify", "as_published")}
    for name, section in recipe.items():
        choose(dict.fromkeys((*steps, *TO_COME)), name, "section of a recipe")
        if not isinstance(section, dict):
            raise InputError(f"{path}: {name} is a section, written [{name}]")
    steps.update(recipe)
    if model is not None:
        steps["extract"] = {name: value for name, value in steps["extract"].items() if name != "pretrained"}
    named = {"model": model, "pretrained": pretrained}
    steps["extract"].update({name: value for name, value in named.items() if value is not None})
    return steps


def check_recipe(steps: dict[str, dict[str, Any]], extracting: bool, fitting: bool = True) -> None:
    """Refuse names and values that the steps do not take, before work that may take hours.

    Parameters
    ----------
    extracting : bool
        Whether pictures are to be read: without, a machine that has no torch can go on from the cache.
    fitting : bool
        Whether heads are to be fitted: they are tried out then, for which some need torch.
    """
    from cache.arguments import check_arguments
    from classify.choices import check_choices
    from classify.runs import classify

    for key in steps["as_published"]:
        choose(dict.fromkeys(OF_THE_PROTOCOL), key, "key of [as_published], which changes the protocol alone,")
    for section in ("classify", "as_published"):
        check_arguments(classify, steps[section], f"[{section}]", given=["cache", "out", "command", "say"])
        options = {**steps["classify"], **steps[section]}
        checked = ("heads", "normalize", "parameters", "calibrate", "threshold")
        if fitting:
            check_choices(**{name: options[name] for name in checked if name in options})
    if extracting:
        from extract.job import extract_folder

        check_arguments(extract_folder, steps["extract"], "[extract]", given=["data", "out", "progress", "say"])
        for key, value in steps["data"].items():
            choose({"demo": None}, key, "key of [data]")
            from demo.generate import make_demo

            if not isinstance(value, dict):
                raise InputError("demo is a section of a recipe, written [data.demo]")
            check_arguments(make_demo, value, "[data.demo]", given=["root"])


def protocols(steps: dict[str, dict[str, Any]], out: Path) -> dict[Path, dict[str, Any]]:
    """Folder and options of each protocol of a recipe: the honest one, and the published one where it is given."""
    encoder: dict[str, Any] = {key: steps["extract"][key] for key in ("model", "pretrained") if key in steps["extract"]}
    honest = {**encoder, **steps["classify"]}
    if not steps["as_published"]:
        return {out: honest}
    return {out / "honest": honest, out / "as_published": {**honest, **steps["as_published"]}}


def _make_data(options: dict[str, Any], data: Path) -> None:
    if "demo" in options:
        from demo.generate import make_demo

        say(f"{data}: faces are drawn where they are not there yet")
        make_demo(data, **options["demo"])


def _extract(data: Path | list[Path], out: Path, options: dict[str, Any]) -> None:
    from extract.job import extract_folder

    with progress_bar("extract") as progress:
        summary = extract_folder(data, out, **options, progress=progress, say=say)
    for note in summary.notes:
        say(f"note: {note}")
    done = "is complete already" if summary.complete_before else f"written in {summary.seconds:.0f} s"
    print(f"{out} {done}: {summary.samples} frames; unreadable files: {len(summary.failures)}")
    for row in summary.failures.head(10).to_dict("records"):
        print(f"  {row['path']} ({row['stage']}): {row['reason']}")
    if len(summary.failures) > 10:
        print(f"  ... `python pipeline.py cache info {shlex.quote(str(out))} --json` lists all")


def _list(data: list[Path], options: dict[str, Any]) -> None:
    from extract.job import list_folder

    made_only = ("shard", "shards", "ray", "retry_failed", "part_rows")
    plan, counts, expected = list_folder(
        data, **{name: value for name, value in options.items() if name not in made_only}, say=say
    )
    print(counts.to_string(index=False))
    for path, reason in plan.skipped[:10]:
        print(f"left out: {path} ({reason})")
    if len(plan.skipped) > 10:
        print(f"left out: {len(plan.skipped) - 10} more")
    if expected is None:
        print("name a --model for an estimate of size and time")
    else:
        print(
            f"about {expected.size / 1e9:.2g} GB and {expected.seconds / 3600:.2g} hours: {expected.rate:.0f} frames/s"
        )
        print(f"(by {expected.timed} frames, spread over all, {expected.unreadable:.1%} of them unreadable)")


def _classify(cache: Path, out: Path, options: dict[str, Any]) -> None:
    from classify.choices import BY_DEFAULT, check_choices, prompt_takers
    from classify.prompts import UNTAKEN
    from classify.runs import classify

    checked = ("heads", "normalize", "parameters", "calibrate", "threshold")
    if any(options.get(name) for name in ("prompt_set", "prompt_real", "prompt_fake")):  # before texts are embedded
        fixed = check_choices(**{name: options[name] for name in checked if name in options})
        if not prompt_takers(options.get("heads", BY_DEFAULT), options.get("features", ()), fixed):
            raise InputError(UNTAKEN)
    classify(cache, out, **_with_prompts(cache, out, options), command=command_line(), say=say)


def _with_prompts(cache: Path, out: Path, options: dict[str, Any]) -> dict[str, Any]:
    """The options, with an addition that holds the prompts which the cache does not hold yet."""
    from cache.reader import open_cache

    named, real, fake = (options.pop(name, None) for name in ("prompt_set", "prompt_real", "prompt_fake"))
    if not (named or real or fake):
        return options
    opened = open_cache(cache, options.get("additions", ()))
    if not (real or fake) and named in opened.prompt_sets():
        return {**options, "prompt_set": named}
    from extract.prompts import PromptSet, load_prompts
    from extract.rescore import bring_prompts

    if not named and not (real and fake):
        raise InputError("--prompt-real and --prompt-fake go together: at least one text for each class")
    if named and (real or fake):
        raise InputError("--prompt-set names prompts, --prompt-real and --prompt-fake spell them out: give one of both")
    prompts = load_prompts(named) if named else PromptSet.of(real or (), fake or ())
    load = partial(_encoder_of, opened.provenance().model, options.get("model"), options.get("pretrained"))
    addition = bring_prompts(opened, prompts, out / "prompts", load)
    additions = [*options.get("additions", ()), *([addition] if addition else [])]
    return {**options, "prompt_set": prompts.name, "additions": additions}


def _encoder_of(made_by: str, model: str | None, pretrained: str | None, device: str = "auto") -> Any:
    """The encoder that made a cache; the demo's is here, any other is named by the user, who may have to fetch it."""
    from extract.encoder import load_encoder

    if model is None and made_by != "demo":
        raise InputError(f"this needs the encoder that made the cache ({made_by}): name it as for extract, --model")
    return load_encoder(model or "demo", pretrained, device)


def _predict_cache(
    fitted: Path, file: Path, additions: list[Path], out: Path, encoder: dict[str, Any], differ: list[str],
    allow_leak: bool,
) -> None:  # fmt: skip
    from cache.reader import open_cache
    from classify.models import load_model
    from classify.predict import give_text_tower, write_predictions

    loaded, cache = load_model(fitted), open_cache(file, additions)
    give_text_tower(loaded, encoder.get("model"), encoder.get("pretrained"))
    for note in write_predictions(loaded, cache, out, differ=differ, allow_leak=allow_leak, command=command_line()):
        say(f"note: {note}")
    print(f"{out} written: {len(cache)} frames scored; `python pipeline.py evaluate {out}` measures them")


def _predict_paths(fitted: Path, paths: list[Path], as_json: bool, differ: list[str], options: dict[str, Any]) -> None:
    from tempfile import TemporaryDirectory

    from cache.reader import open_cache
    from classify.acceptance import check_provenance, made_with, wanted_of_an_extraction
    from classify.models import load_model
    from classify.predict import give_text_tower
    from classify.verdicts import judge, lines
    from extract.predict import embed_paths

    loaded = load_model(fitted)

    def accept(made: Any) -> None:
        for note in check_provenance(loaded, made, differ):
            say(f"note: {note}")

    with TemporaryDirectory() as folder, progress_bar("predict") as progress:
        file = Path(folder) / "predicted.h5"
        wanted = {**wanted_of_an_extraction(loaded), **options, "differ": differ}
        units = embed_paths(paths, file, made_with(loaded), accept, **wanted, progress=progress, say=say)
        give_text_tower(loaded, options.get("model"), options.get("pretrained"))
        records = judge(loaded, open_cache(file), units)
    print(json.dumps(records, indent=2) if as_json else "\n".join(lines(records)))


def _explain(
    runs: list[Path], named: list[str], out: Path, *, count: int = 4, cache: Path | None = None,
    root: Path | None = None, model: str | None = None, pretrained: str | None = None, device: str = "auto",
    methods: list[str] | None = None, face_model: Path | None = None, differ: list[str] | None = None,
    additions: list[Path] | None = None,
) -> list[str]:  # fmt: skip
    from classify.explain import METHODS, explain
    from classify.subjects import choose_rows, open_subjects
    from evaluate.caveats import stamps
    from evaluate.explain_page import Circumstances, check_folder, write_explanations
    from extract.detector import load_yunet
    from extract.layouts.files import check_root
    from extract.reread import reread
    from extract.saliency import Maps

    check_folder(out)
    if root is not None:
        check_root(root)
    subjects, opened = open_subjects(runs, cache, additions or (), model, pretrained, differ or ())
    rows = choose_rows(subjects, opened, named, count)
    encoder = _encoder_of(opened.provenance().model, model, pretrained, device)
    detector = load_yunet(face_model) if face_model else None
    pictures, maps, explained = reread(opened, rows, encoder, root=root, detector=detector), Maps(encoder), {}
    for one in subjects:
        with progress_bar(f"explain {one.name}") as progress:
            explained[one.name] = explain(
                one, opened, pictures, maps, methods=methods or tuple(METHODS), progress=progress
            )
    told = [sentence for one in subjects for sentence in (*stamps(one.run), *one.told)]
    known = Circumstances(opened.provenance().crop, not named, pictures.failed, told, command_line())
    return write_explanations(out, explained, known)


def _ablate(grid: Any, out: Path, options: dict[str, Any]) -> None:
    from classify.ablation.ablate import ablate
    from classify.ablation.ledger import is_reported

    with progress_bar(grid.path.stem, "cells") as progress:
        ended = ablate(grid, out, **options, command=command_line(), say=say, progress=progress)
    titles = {one["key"]: one["axes"] for one in ended.ledger["cells"]}
    for key, error in list(ended.failed.items())[:10]:
        named = ", ".join(f"{name}={value}" for name, value in titles[key].items() if value is not None)
        say(f"failed: {named}: {error}")
    left = sum(one["state"] == "pending" for one in ended.ledger["cells"])
    if left:
        then = f"python pipeline.py ablate --report {shlex.quote(str(out))}"
        print(f"{left:,} of {len(titles):,} cells are left to other shards; when they are done: {then}")
    elif not is_reported(out):
        _report_grid(out)
    else:
        print(f"nothing was left to do; {out / 'report.html'} stands")
    if ended.failed:
        lost = f"{len(ended.failed):,} of {len(titles):,} cells failed"
        raise InterruptedWork(f"{lost}; the report lists them, and the same line tries them again")


def _report_grid(out: Path) -> None:
    from evaluate.ablation.report import write_report

    print("\n".join(write_report(out)))


def _list_cells(grid: Any, out: Path | None, jobs: int | None, shard: str) -> None:
    from classify.ablation.ablate import of_shard
    from classify.ablation.alike import check_samples_match
    from classify.ablation.estimate import estimate
    from classify.ablation.ledger import declare

    if jobs == 0:
        raise InputError("--jobs is 1 or more; left out, as many as there are cores")
    cells, folder = declare(grid), out or Path(".ablate")
    check_samples_match(grid)
    declared = of_shard(cells, shard)
    for one in declared:
        print(f"{one.key}  {one.cell.title()}")
    baseline = grid.cells[grid.baseline].title()
    print(f"{len(declared):,} cells of {', '.join(grid.axes) or 'no axis'}; compared with: {baseline}")
    expected = estimate(grid, declared, folder, -1 if jobs is None else jobs)
    least = "at least" if expected.untimed else "about"
    print(f"{least} {duration(expected.seconds)} for what is not there yet")
    for head, seconds in expected.by_head.items():
        print(f"  {head}: {seconds:.2g} s a cell")
    for head, why in expected.untimed.items():
        print(f"  {head} could not be tried: {why}")


def duration(seconds: float) -> str:
    """A time in words."""
    units = ((86400, "days"), (3600, "hours"), (60, "minutes"))
    size, unit = next(((size, unit) for size, unit in units if seconds >= 2 * size), (1, "seconds"))
    return f"{seconds / size:.0f} {unit}"


def _evaluate(runs: Path, as_json: bool, **options: Any) -> list[dict[str, Any]]:
    from evaluate.console import summarise
    from evaluate.runs import evaluate_tree

    results = evaluate_tree(runs, **options)
    print(json.dumps(results, indent=2) if as_json else summarise(results))
    return results


def given(values: dict[str, Any], *without: str) -> dict[str, Any]:
    """The options that the user gave, by the library's names: what was not given keeps the library's default."""
    names = {"head": "heads", "param": "parameters", "with_": "additions", "column": "columns", "method": "methods"}
    lists = ("train", "test", "head", "features", "tokens", "differ", "trained_on", "method")
    options = {}
    for name, value in values.items():
        if name not in without and value is not None:
            split = name in lists
            options[names.get(name, name)] = (
                [part.strip() for one in value for part in one.split(",")] if split else value
            )
    return options


def command_line() -> str:
    """The command that reproduces this run."""
    return shlex.join(["python", "pipeline.py", *sys.argv[1:]])


def say(sentence: str) -> None:
    """A sentence on what goes on, for the reader of the terminal: standard error, so that results stay alone."""
    print(sentence, file=sys.stderr, flush=True)


@contextlib.contextmanager
def progress_bar(title: str, unit: str = "frames") -> Iterator[Callable[[int, int], None] | None]:
    """A bar with rate and time left on standard error; nothing where that is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, rate="", start=False)

        def update(done: int, total: int) -> None:
            if not bar.tasks[0].started:
                bar.start_task(task)
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, total=total, rate=f"{speed:.3g} {unit}/s" if speed else "")

        yield update


def fail(message: str, code: int) -> NoReturn:
    """End with one sentence on standard error."""
    say(f"error: {message}")
    sys.exit(code)


def main() -> None:
    """Run the command line: exit code 0 done, 1 failed work, 2 bad input, 3 the audit found a leak."""
    try:
        app(standalone_mode=True)
    except InputError as error:
        fail(str(error), 2)
    except InterruptedWork as error:
        fail(str(error), 1)
    except ModuleNotFoundError as error:
        fail(f"{error.name} is not installed; `pip install -e .[extract]` brings all that is used here", 2)
    except OSError as error:  # a path that cannot be, or a disk that fails
        kinds = FileNotFoundError | FileExistsError | NotADirectoryError | PermissionError
        misnamed = isinstance(error, kinds) or error.errno == errno.EROFS
        fail(f"{error.filename or 'the disk'}: {error.strerror or error}", 2 if misnamed else 1)


if __name__ == "__main__":
    main()
