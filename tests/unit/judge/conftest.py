"""A profile for `make mutate`: the same examples for every mutant, and no search for the smallest that fails."""

from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "mutate",
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
