"""The contract at the centre: what a sample is, the feature file, groups and splits, predictions."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cache.errors import InputError as InputError
    from cache.predictions import to_videos as to_videos
    from cache.reader import Cache as Cache
    from cache.reader import open_cache as open_cache
    from cache.splits import assign as assign
    from cache.table import select as select
else:
    from cache.lazy import offer

    HOMES = {  # what `from cache import ...` gives, and where it lives: loaded when it is asked for, for a quick start
        "Cache": "cache.reader",
        "InputError": "cache.errors",
        "assign": "cache.splits",
        "open_cache": "cache.reader",
        "select": "cache.table",
        "to_videos": "cache.predictions",
    }

    __getattr__, __dir__ = offer(__name__, HOMES)
