"""Forecasting a mixture of two sine waves whose frequencies and phases differ in every sequence."""

import numpy as np

from engine.tasks.base import Batch, Chance, Curve, Loss, Metric, Picture, Role, Shape, Task, every_step

LOWEST, HIGHEST = 0.02, 0.15  # cycles per step


class Waves(Task):
    """At every step, forecast the next value of a sum of two sines."""

    name = "waves"
    title = "Forecast two sine waves"
    description = "Two sine waves of unknown pitch are added: forecast the next value at every step."
    source = "a sum of two sines obeys a linear recurrence of order four (Prony 1795)"
    shape = Shape.MANY_TO_MANY
    loss = Loss.MSE
    metric = Metric("MSE", solved=0.005, is_share=False)
    picture = Picture.CURVES
    inputs = ("value",)
    outputs = ("next value",)
    order = 7
    default_length = 40
    min_length = 5

    def sample(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        frequency = generator.uniform(LOWEST, HIGHEST, (2, batch_size))
        phase = generator.uniform(0, 1, (2, batch_size))
        steps = np.arange(length + 1)[:, np.newaxis, np.newaxis]
        values = np.sin(2 * np.pi * (frequency * steps + phase)).mean(axis=1)[..., np.newaxis].astype(np.float32)
        return Batch(values[:-1], values[1:], every_step(length, batch_size))

    def chance(self, length: int) -> Chance:
        variance = 1 / 4  # two independent sines of random phase, each of amplitude 1/2
        return Chance(loss=variance, metric=variance, says="always forecasting 0")

    def curves(self, batch: Batch, outputs: np.ndarray, sequence: int) -> list[Curve]:
        steps = np.arange(1, batch.length + 1)
        return [
            Curve("next value", Role.TARGET, steps, batch.targets[:, sequence, 0]),
            Curve("forecast", Role.PREDICTION, steps, outputs[:, sequence, 0]),
        ]
