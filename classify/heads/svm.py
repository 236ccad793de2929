"""The SVM head: a margin in the feature space of a Gaussian kernel."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import cholesky, solve_triangular
from sklearn.svm import SVC
from sklearn.utils import check_random_state

from classify.heads.base import Head
from classify.heads.linear_solver import solve, squared_hinge
from classify.stream import Stream, parts

MAX_EXACT = 5_000  # rows of libsvm: their kernel takes 200 MB, and each fit a second or two
MAX_INTEL = 20_000  # rows of scikit-learn-intelex: beyond, it takes longer than the landmarks
LANDMARKS, MAX_LANDMARKS, ROWS_PER_LANDMARK = 3_000, 5_000, 8  # fewer, and the AUC falls behind the exact machine's
MAX_MAPPED = 4 * 10**8  # entries of the map that are kept (1.6 GB); a larger one is made anew in every pass
JITTER = 1e-4  # on the landmarks' kernel: frames of one video are nearly alike, float32 cannot tell them apart
CACHE_MB = 200  # libsvm's: all rows of MAX_EXACT in single precision, twice


class SVM(Head):
    """Support vector machine with a Gaussian (RBF) kernel: exact for few rows, by landmarks for many.

    Rows of positive weight decide which solver fits: up to `MAX_EXACT` libsvm on a kernel that the candidates of one
    gamma share; up to `MAX_INTEL` scikit-learn-intelex where that is installed; else a kernel approximation:
    an eighth of the rows, 3,000 to 5,000, drawn by weight, the features that make their kernel exact (Nystroem), and
    on these the linear machine with C / 2 times the squared hinge loss.

    Parameters
    ----------
    C : float
        Inverse strength of the regularisation.
    relative_gamma : float
        Narrowness of the kernel exp(-gamma |a - b|^2): gamma in units of 1 / (total variance of the training
        features). scikit-learn's "scale" takes the variance of all entries as one list instead, which is far too
        narrow or too wide for embeddings whose mean is longer than their spread.
    random_state : int, optional
        Draws the landmarks.

    Attributes
    ----------
    vectors_ : ndarray, shape (m, D)
        Support vectors or landmarks, less ``centre_``.
    dual_coef_ : ndarray of float64, shape (m,)
    centre_ : ndarray, shape (D,)
    intercept_, gamma_ : float
    solver_ : str
        Which solver fitted it, and on how many rows.

    References
    ----------
    scikit-learn, ``SVC`` (libsvm) and ``Nystroem``; scikit-learn-intelex, ``sklearnex.svm.SVC``.
    C. Williams, M. Seeger, Using the Nystroem method to speed up kernel machines, NIPS 2000.
    """

    GRID: ClassVar[dict[str, list[Any]]] = {"relative_gamma": [0.1, 1.0], "C": [1.0, 10.0, 100.0]}

    def __init__(self, C: float = 10.0, relative_gamma: float = 0.1, random_state: int | None = None) -> None:
        self.C = C
        self.relative_gamma = relative_gamma
        self.random_state = random_state

    @classmethod
    def fit_each(
        cls,
        candidates: Sequence[Mapping[str, Any]],
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        **options: Any,
    ) -> list[Self]:
        """Fit one head for each candidate on the same rows; those of equal gamma share the kernel or the map."""
        heads, checked, codes, weights = cls._validated_once(candidates, X, y, sample_weight, **options)
        alike: dict[tuple[Any, Any], list[Self]] = {}
        for head in heads:
            alike.setdefault((head.relative_gamma, head.random_state), []).append(head)
        for some in alike.values():
            _fit_alike(some, checked, codes, weights)
        return heads

    def _fit(self, X: np.ndarray, codes: np.ndarray, weights: np.ndarray | None) -> None:
        _fit_alike([self], X, codes, weights)

    def _decide(self, X: np.ndarray) -> np.ndarray:
        decisions = np.empty(len(X))
        for part in parts(len(X)):
            decisions[part] = kernel(X[part] - self.centre_, self.vectors_, self.gamma_) @ self.dual_coef_
        return decisions + self.intercept_


class _Expansion(NamedTuple):
    """A decision function: a sum of kernels at some rows, and a constant."""

    rows: np.ndarray
    dual_coef: np.ndarray
    intercept: float
    converged: bool


def kernel(A: np.ndarray, B: np.ndarray, gamma: float) -> np.ndarray:
    """exp(-gamma |a - b|^2) of each row of one matrix with each of another, in their precision.

    Parameters
    ----------
    A : ndarray, shape (n, D)
    B : ndarray, shape (m, D)
        Neither far from the origin, compared to their spread.
    gamma : float

    Returns
    -------
    ndarray, shape (n, m)

    Examples
    --------
    >>> kernel(np.array([[0.0], [1.0]]), np.array([[0.0], [3.0]]), np.log(2)).round(6).tolist()
    [[1.0, 0.001953], [0.5, 0.0625]]
    """
    exponents = A @ B.T
    exponents *= 2 * gamma
    exponents -= gamma * np.einsum("ij,ij->i", A, A)[:, None]
    exponents -= gamma * np.einsum("ij,ij->i", B, B)
    np.minimum(exponents, 0, out=exponents)  # rounding
    return np.exp(exponents, out=exponents)


def _fit_alike(heads: Sequence[SVM], X: np.ndarray, codes: np.ndarray, weights: np.ndarray | None) -> None:
    """Fit heads that differ in C alone."""
    weights = np.ones(len(X)) if weights is None else weights
    if not weights.all():
        X, codes, weights = X[weights > 0], codes[weights > 0], weights[weights > 0]
    centre = np.average(X, axis=0, weights=weights).astype(X.dtype)
    X = X - centre
    spread = np.average(np.einsum("ij,ij->i", X, X), weights=weights)
    gamma = float(heads[0].relative_gamma / (spread if spread > 0 else 1.0))
    if not heads[0].relative_gamma > 0:
        raise ValueError(f"relative_gamma is above 0, not {heads[0].relative_gamma}")
    strengths = [head.C for head in heads]
    if len(X) <= MAX_EXACT:
        solver, found = "libsvm", _by_libsvm(X, codes, weights, gamma, strengths)
    elif len(X) <= MAX_INTEL and (machine := _intel()):
        solver, found = "scikit-learn-intelex", _by_intel(machine, X, codes, weights, gamma, strengths)
    else:
        found = _by_landmarks(X, codes, weights, gamma, strengths, heads[0].random_state)
        solver = f"kernel approximation, {len(found[0].rows)} landmarks, squared hinge loss"
    for head, expansion in zip(heads, found, strict=True):
        head.centre_, head.gamma_ = centre, gamma
        head.vectors_ = X[expansion.rows]
        head.dual_coef_, head.intercept_, head.converged_ = expansion[1:]
        head.n_parameters_ = len(head.dual_coef_) + 1  # one weight a vector, and the intercept
        head.solver_ = f"{solver}, {len(X)} rows"


def _by_libsvm(
    X: np.ndarray, codes: np.ndarray, weights: np.ndarray, gamma: float, strengths: Sequence[float]
) -> list[_Expansion]:
    products = np.empty((len(X), len(X)))
    for part in parts(len(X)):
        products[part] = kernel(X[part], X, gamma)
    # libsvm takes the kernel's entries one by one: a product of matrices makes them many times faster
    machines = [SVC(C=C, kernel="precomputed", cache_size=CACHE_MB).fit(products, codes, weights) for C in strengths]
    return [_expansion(machine) for machine in machines]


def _intel() -> type | None:
    """The machine of scikit-learn-intelex, where that is installed."""
    try:
        import sklearnex.svm
    except ImportError:
        return None
    return sklearnex.svm.SVC


def _by_intel(
    machine: type, X: np.ndarray, codes: np.ndarray, weights: np.ndarray, gamma: float, strengths: Sequence[float]
) -> list[_Expansion]:
    return [_expansion(machine(C=C, gamma=gamma, cache_size=CACHE_MB).fit(X, codes, weights)) for C in strengths]


def _expansion(machine: SVC) -> _Expansion:
    coefs = np.array(machine.dual_coef_[0], float)
    return _Expansion(np.array(machine.support_), coefs, float(machine.intercept_[0]), machine.fit_status_ == 0)


def _by_landmarks(
    X: np.ndarray,
    codes: np.ndarray,
    weights: np.ndarray,
    gamma: float,
    strengths: Sequence[float],
    random_state: int | None,
) -> list[_Expansion]:
    rng = check_random_state(random_state)
    count = min(max(LANDMARKS, len(X) // ROWS_PER_LANDMARK), MAX_LANDMARKS)
    rows = np.sort(rng.choice(len(X), count, replace=False, p=weights / weights.sum()))
    landmarks = X[rows]
    exact = landmarks.astype(float)
    products = kernel(exact, exact, gamma)  # a narrow one of single precision is not positive definite
    products[np.diag_indices(count)] += JITTER
    factor = cholesky(products, lower=True, overwrite_a=True).astype(X.dtype)

    def mapped(block: np.ndarray) -> np.ndarray:
        flat = kernel(block, landmarks, gamma).T  # in Fortran's order: solved where it lies
        return solve_triangular(factor, flat, lower=True, overwrite_b=True, check_finite=False).T

    # Nearly constant over all rows, the map would hardly differ from the intercept, which nothing holds.
    level = mapped(landmarks).mean(axis=0)
    stream = Stream(lambda taken: mapped(X[taken]) - level, np.arange(len(X)), count)
    features = stream if len(X) * count > MAX_MAPPED else np.asarray(stream, X.dtype)
    halves = [C / 2 for C in strengths]  # the square then pulls a row on the boundary as hard as the hinge does
    found = []
    for coef, intercept, converged in solve(features, codes, weights, halves, squared_hinge):
        dual_coef = solve_triangular(factor.T.astype(float), coef, lower=False)
        found.append(_Expansion(rows, dual_coef, intercept - float(level @ coef), converged))
    return found
