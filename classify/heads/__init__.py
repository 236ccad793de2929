"""The heads, one file each, and the one place that knows their names."""

from classify.heads.base import Head
from classify.heads.clip_adapter import CLIPAdapter
from classify.heads.cocoop import CoCoOp
from classify.heads.contrastive import Contrastive
from classify.heads.coop import CoOp
from classify.heads.ensemble import Ensemble
from classify.heads.knn import KNN
from classify.heads.linear_probe import LinearProbe
from classify.heads.linear_svm import LinearSVM
from classify.heads.logistic import Logistic
from classify.heads.mlp import MLP
from classify.heads.prompt_fusion import PromptFusion
from classify.heads.svm import SVM
from classify.heads.zero_shot import ZeroShot

HEADS: dict[str, type[Head]] = {
    "logistic": Logistic,
    "linear_probe": LinearProbe,
    "linear_svm": LinearSVM,
    "svm": SVM,
    "mlp": MLP,
    "knn": KNN,
    "zero_shot": ZeroShot,
    "prompt_fusion": PromptFusion,
    "clip_adapter": CLIPAdapter,
    "coop": CoOp,
    "cocoop": CoCoOp,
    "contrastive": Contrastive,
    "ensemble": Ensemble,
}
