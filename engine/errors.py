"""The errors a user can cause. Each message is one sentence that says what to do."""


class ExperimentError(ValueError):
    """A configuration outside its range, or a link that does not describe one."""


class SeriesError(ExperimentError):
    """A data series that can't be read, or that is too short to learn from."""
