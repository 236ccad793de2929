"""Heads trained by gradient in torch: batches, step sizes, weighted loss; all that is kept are numpy arrays."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from cache.errors import InputError, choose
from classify.heads.epochs import Arrays, Checkpoint, EpochHead, Validation
from classify.heads.pools import pools
from classify.heads.schedules import cosine, plateau
from classify.stream import Matrix, Stream

BLOCK = 16_384  # rows scored at once


class TorchHead(EpochHead):
    """A head trained by gradient in torch; a subclass gives ``_build`` and ``_logits``, and its recipe as attributes.

    Nothing of torch stays in a fitted head: scoring builds the parts anew and fills them from ``state_``. All
    randomness (first weights, order of rows, dropout) follows from ``random_state``; torch's own is left as it was.
    The file of a head bears the name of the head.

    Attributes
    ----------
    optimiser : {"adamw", "sgd"}
    momentum : float
        Of ``sgd``.
    weight_decay : float
    schedule : {"constant", "cosine", "plateau"}
        How ``lr`` moves from epoch to epoch, see `classify.heads.schedules`.
    lr_min : float
        The least step size of a schedule.
    warmup_epochs : int
        First epochs, with step size ``warmup_lr``.
    clip_norm : float or None
        The longest gradient; longer ones are shortened to it.
    batch_size : int
    random_state : int or None
    state_ : dict of ndarray
        All that is trained, by the names that torch gives.
    frozen_ : dict of ndarray
        What the head takes as given: never trained.
    """

    dtypes: ClassVar[list[type]] = [np.float32]
    in_threads: ClassVar[bool] = False  # dropout draws from the one generator of the process

    optimiser: str = "adamw"
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "constant"
    lr_min: float = 0.0
    warmup_epochs: int = 0
    warmup_lr: float = 1e-5
    clip_norm: float | None = None
    batch_size: int
    random_state: int | None

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        validation: Validation | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Self:
        """Fit the head, as `EpochHead.fit` says.

        Raises
        ------
        InputError
            torch is not installed.
        ValueError
            What `EpochHead.fit` refuses, a value of the recipe that is unknown, or weights that run to infinity.
        """
        torch = self._torch()
        with self._threads(torch), torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(check_random_state(self.random_state).randint(2**31 - 1))
            return super().fit(X, y, sample_weight, validation, checkpoint)

    def _build(self, D: int) -> Any:
        """Fresh trainable parts for rows of ``D`` numbers: an ``nn.Module`` made of torch's own ones."""
        raise NotImplementedError

    def _constants(self, D: int) -> Arrays:
        """Arrays that `_logits` takes as given, of what the cache gave; asked for when the head is fitted."""
        return {}

    def _logits(self, parts: Any, frozen: dict[str, Any], X: Any) -> Any:
        """Decision of each row, a tensor (B,); of two logits their difference: fake less real."""
        raise NotImplementedError

    def _loss(self, parts: Any, frozen: dict[str, Any], X: Any, y: Any, weights: Any) -> Any:
        """Mean loss of a batch, each row's times its weight; weights have mean 1 over all rows."""
        bce = self._torch().nn.functional.binary_cross_entropy_with_logits
        return bce(self._logits(parts, frozen, X), y, weight=weights)

    def _threads(self, torch: Any) -> AbstractContextManager[None]:
        return _one_thread(torch)

    @classmethod
    def check_installed(cls) -> None:
        """Refuse to begin without torch."""
        cls._torch()

    @classmethod
    def _torch(cls) -> Any:
        # threads that wait for others spin by default: on busy cores a fit then takes twenty times as long
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        try:
            import torch
        except ImportError as error:
            name = cls.__module__.rpartition(".")[2]
            raise InputError(f"the head {name} needs torch: pip install -e .[extract]") from error
        return torch

    def _start(self, X: Matrix, codes: np.ndarray, weights: np.ndarray) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size is 1 or more, not {self.batch_size}")
        used = weights > 0
        rows = (X, codes, weights / weights[used].mean())
        taken = rows if used.all() else [v.take(used) if isinstance(v, Stream) else v[used] for v in rows]
        self._rows: Any = [values if isinstance(values, Stream) else self._tensor(values) for values in taken]
        self.frozen_ = self._constants(X.shape[1])
        self._parts = self._build(X.shape[1])
        self._trained = [values for values in self._parts.parameters() if values.requires_grad]
        self.n_parameters_ = sum(values.numel() for values in self._trained)
        optimisers = {"adamw": self._adamw, "sgd": self._sgd}
        self._steps = choose(optimisers, self.optimiser, "optimiser")(self._learning_rate(1))

    def _epoch(self, epoch: int, lr: float) -> float:
        torch = self._torch()
        frozen = self._frozen()
        self._steps.param_groups[0]["lr"] = lr
        self._parts.train()
        total = 0.0
        for X, y, weights in self._batches(torch):
            loss = self._loss(self._parts, frozen, X, y, weights)
            self._steps.zero_grad()
            loss.backward()
            if self.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(self._trained, self.clip_norm)
            self._steps.step()
            total += loss.item() * len(X)
        self.state_ = {name: values.numpy() for name, values in self._parts.state_dict().items()}
        if not all(np.isfinite(values).all() for values in self.state_.values()):
            raise ValueError(f"the weights ran to infinity in epoch {epoch}: lr={lr} is too large for these features")
        return total / len(self._rows[0])

    def _batches(self, torch: Any) -> Iterator[tuple[Any, Any, Any]]:
        """Features, classes and weights of each batch of an epoch."""
        X, y, weights = self._rows
        for some, pool in pools(X, y.numpy(), lambda rows: torch.randperm(rows).numpy()):
            features = pool if pool is X else self._tensor(pool)
            labels, shares = y[some], weights[some]
            for rows in torch.randperm(len(features)).split(self.batch_size):
                yield features[rows], labels[rows], shares[rows]

    def _weights(self) -> Arrays:
        return {name: values.copy() for name, values in self.state_.items()}

    def _finish(self, kept: Arrays) -> None:
        self.state_ = kept
        del self._rows, self._parts, self._trained, self._steps

    def _decide(self, X: np.ndarray) -> np.ndarray:
        logits = self._scored(X, lambda parts, rows: self._logits(parts, self._frozen(), rows))
        return logits.astype(np.float64)  # the logistic function of large decisions stays below 1

    def _scored(self, X: np.ndarray, forward: Callable[[Any, Any], Any]) -> np.ndarray:
        """What ``forward`` makes of the rows, block by block, with parts filled from ``state_``, without dropout."""
        torch = self._torch()
        with self._threads(torch), torch.inference_mode():
            with torch.device("meta"):  # no memory, and no random numbers drawn for weights that are replaced
                parts = self._build(X.shape[1])
            parts.load_state_dict({name: self._tensor(values) for name, values in self.state_.items()}, assign=True)
            parts.eval()
            blocks = [forward(parts, self._tensor(X[first : first + BLOCK])) for first in range(0, len(X), BLOCK)]
            return torch.cat(blocks).numpy()

    def _frozen(self) -> dict[str, Any]:
        return {name: self._tensor(values) for name, values in self.frozen_.items()}

    def _tensor(self, values: np.ndarray) -> Any:
        """float32 tensor on the array's own memory where that can be."""
        return self._torch().from_numpy(np.require(values, np.float32, ["C", "W"]))

    def _adamw(self, lr: float) -> Any:
        return self._torch().optim.AdamW(self._trained, lr=lr, weight_decay=self.weight_decay, fused=True)

    def _sgd(self, lr: float) -> Any:
        sgd = self._torch().optim.SGD
        return sgd(self._trained, lr=lr, momentum=self.momentum, weight_decay=self.weight_decay)

    def _learning_rate(self, epoch: int) -> float:
        if isinstance(self.lr, Sequence | np.ndarray):
            return super()._learning_rate(epoch)  # a list is the schedule
        if epoch <= self.warmup_epochs:
            return float(self.warmup_lr)
        schedules = {"constant": self._constant, "cosine": self._cosine, "plateau": self._plateau}
        return choose(schedules, self.schedule, "schedule")(epoch)

    def _constant(self, epoch: int) -> float:
        return float(self.lr)  # type: ignore[arg-type]

    def _cosine(self, epoch: int) -> float:
        after = epoch - self.warmup_epochs  # from its top behind the warm-up, as in the library of CoOp's authors
        return cosine(after, self.epochs, float(self.lr), self.lr_min)  # type: ignore[arg-type]

    def _plateau(self, epoch: int) -> float:
        return plateau(self.history_.get("validation_loss", []), float(self.lr), self.lr_min)  # type: ignore[arg-type]


@contextmanager
def _one_thread(torch: Any) -> Iterator[None]:
    """Run in one thread: faster on networks of this size, and the same sums on every machine's core count."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
