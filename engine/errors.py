"""The errors a user can cause. Each message is one sentence that says what to do."""


class ExperimentError(ValueError):
    """A configuration outside its range, or a link that does not describe one."""


class SeriesError(ExperimentError):
    """A data series that can't be read, or that is too short to learn from."""


def quoted(value: object, most: int = 40) -> str:
    """`value` as it stands in an error's sentence: in quotes if it is text, and no longer than a reader needs."""
    text = repr(value)
    if len(text) <= most + 2:
        return text
    return f"{text[:most]}…" + (text[0] if isinstance(value, str) else "")
