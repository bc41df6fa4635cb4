"""A timer: one number in, a whole sequence out (after Gers, Schraudolph & Schmidhuber 2002, timing)."""

import numpy as np

from engine.tasks.base import Batch, Chance, Loss, Metric, Picture, Shape, Task, every_step


class Timer(Task):
    """The first input names a moment; stay off until it comes, then switch on."""

    name = "timer"
    title = "Timer"
    description = "The first input sets a time, then nothing more comes in: switch on when that time has passed."
    source = "after Gers, Schraudolph & Schmidhuber (2002), Learning precise timing with LSTM recurrent networks"
    shape = Shape.ONE_TO_MANY
    loss = Loss.BINARY
    metric = Metric("steps right", solved=0.98, is_share=True)
    picture = Picture.STRIP
    inputs = ("time set",)
    outputs = ("on",)
    order = 6
    told_at_start = True
    default_length = 20

    def sample(self, generator: np.random.Generator, length: int, batch_size: int) -> Batch:
        switch = generator.integers(0, length, batch_size)
        inputs = np.zeros((length, batch_size, 1), dtype=np.float32)
        inputs[0, :, 0] = (switch + 1) / length
        on = np.arange(length)[:, np.newaxis] >= switch
        return Batch(inputs, on[..., np.newaxis].astype(np.float32), every_step(length, batch_size))

    def chance(self, length: int) -> Chance:
        on = np.arange(1, length + 1) / length  # at step t the timer is on with probability t / T
        with np.errstate(divide="ignore", invalid="ignore"):
            entropy = -np.nan_to_num(on * np.log(on)) - np.nan_to_num((1 - on) * np.log(1 - on))
        return Chance(
            loss=float(entropy.mean()),
            metric=float(np.maximum(on, 1 - on).mean()),
            says="switching on at half-time, whatever was set",
        )
