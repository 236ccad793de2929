"""Stage 2, the laptop: a cache -> heads, models, matrices, ablations."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from classify.ablation.ablate import ablate as ablate
    from classify.ablation.grid import read_grid as read_grid
    from classify.cells import cell_rows as cell_rows
    from classify.features import feature_matrix as feature_matrix
    from classify.fit import fit_head as fit_head
    from classify.fit import scores as scores
    from classify.folds import grouped_folds as grouped_folds
    from classify.folds import row_weights as row_weights
    from classify.heads import HEADS as HEADS
    from classify.models import load_model as load_model
    from classify.models import save_model as save_model
    from classify.normalize import Normalize as Normalize
    from classify.predict import predict_cache as predict_cache
    from classify.runs import classify as classify
else:
    from cache.lazy import offer

    HOMES = {  # what `from classify import ...` gives, and where it lives: loaded when it is asked for
        "HEADS": "classify.heads",
        "Normalize": "classify.normalize",
        "ablate": "classify.ablation.ablate",
        "cell_rows": "classify.cells",
        "classify": "classify.runs",
        "feature_matrix": "classify.features",
        "fit_head": "classify.fit",
        "grouped_folds": "classify.folds",
        "load_model": "classify.models",
        "predict_cache": "classify.predict",
        "read_grid": "classify.ablation.grid",
        "row_weights": "classify.folds",
        "save_model": "classify.models",
        "scores": "classify.fit",
    }

    __getattr__, __dir__ = offer(__name__, HOMES)
