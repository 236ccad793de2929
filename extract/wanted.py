"""What is wanted of every frame of a plan; it can be sent to another process or machine and carried out there."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cache.reader import Cache
from extract.embed import Progress
from extract.encoder import load_encoder
from extract.faces import FaceCrop
from extract.prompts import PromptSet
from extract.run import Summary, extract
from extract.video import Sampling
from extract.workers import start_early


@dataclass(frozen=True)
class Wanted:
    """Everything about an extraction but its plan and who carries it out; names as in `extract.run.extract`."""

    roots: tuple[str, ...]
    model: str
    pretrained: str | None
    tokens: tuple[str, ...]
    prompts: tuple[PromptSet, ...]
    sampling: Sampling
    crop: str
    faces: FaceCrop | None
    views: tuple[str, ...]
    thumbnails: int
    selection: dict[str, Any]
    part_rows: int

    def settings(self) -> dict[str, Any]:
        """As JSON holds them: what must be the same when work in shards is taken up again."""
        return {
            "roots": list(self.roots),
            "model": self.model,
            "pretrained": self.pretrained,
            "tokens": " ".join(self.tokens),
            "prompts": " ".join(f"{one.name}:{one.fingerprint()}" for one in self.prompts),
            "sampling": self.sampling.describe(),
            "crop": self.faces.describe() if self.faces else self.crop,
            "views": ",".join(self.views),
            "thumbnails": self.thumbnails,
            **self.selection,
        }

    def __call__(
        self,
        inputs: pd.DataFrame,
        out: Path,
        *,
        device: str,
        workers: int,
        shard: str | None = None,
        reuse: Cache | None = None,
        batch_size: int | None = None,
        progress: Progress | None = None,
        say: Callable[[str], None] = lambda sentence: None,
    ) -> Summary:
        """Load the model onto ``device`` and embed the plan ``inputs``, or a shard of it."""
        start_early(workers)
        encoder = load_encoder(self.model, self.pretrained, device, self.tokens)
        say(f"{encoder.model_name} on {encoder.device}, {encoder.precision}")
        return extract(
            inputs,
            out,
            encoder,
            self.prompts,
            self.sampling,
            crop=self.crop,
            faces=self.faces,
            selection=self.selection,
            views=self.views,
            thumbnails=self.thumbnails,
            shard=shard,
            reuse=reuse,
            batch_size=batch_size,
            part_rows=self.part_rows,
            workers=workers,
            progress=progress,
        )
