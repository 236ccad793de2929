"""The heads, one file each, and the one place that knows their names."""

from classify.heads.base import Head
from classify.heads.linear_svm import LinearSVM
from classify.heads.logistic import Logistic
from classify.heads.mlp import MLP
from classify.heads.svm import SVM

HEADS: dict[str, type[Head]] = {"logistic": Logistic, "linear_svm": LinearSVM, "svm": SVM, "mlp": MLP}
