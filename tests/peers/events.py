"""What TensorBoard's own reader finds in the event files of a run.

events.py scalars RUN      the scalars are those of RUN/metrics.h5, each step once
events.py hparams RUN      the hyper-parameters, in the plugin's messages
events.py image RUN SIDE   the confusion matrix is a PNG of SIDE x SIDE pixels
"""
import io
import sys

import h5py
import numpy as np
from tensorboard.backend.event_processing import event_accumulator as reader
from tensorboard.plugins.hparams import metadata


def read(run):
    keep = {reader.SCALARS: 0, reader.IMAGES: 0, reader.TENSORS: 0}
    return reader.EventAccumulator(run + "/tensorboard", size_guidance=keep).Reload()


def same(events, tag, steps, values):
    found = events.Scalars(tag)
    assert len(found) > 0, tag
    assert [event.step for event in found] == list(steps), (tag, found)
    # scalars are float32
    np.testing.assert_array_equal(
        np.array([event.value for event in found], np.float32), np.array(values, np.float32), tag
    )
    assert all(event.wall_time > 1e9 for event in found)


def scalars(run):
    events = read(run)
    with h5py.File(run + "/metrics.h5") as file:
        train, test = file["metrics/train"], file["metrics/eval"]
        for name in "loss", "accuracy", "lr", "grad_norm", "images_per_second":
            same(events, "train/" + name, train["step"], train[name])
        for name in "loss", "accuracy":
            same(events, "test/" + name, test["step"], test[name])


def hparams(run):
    content = read(run).PluginTagToContent("hparams")
    start = metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG])
    assert start.hparams["train.batch"].number_value == 50
    assert start.hparams["optim.kind"].string_value == "sgd"
    assert start.hparams["optim.nesterov"].bool_value is False
    assert start.hparams["optim.nesterov"].WhichOneof("kind") == "bool_value"
    assert "parallel.threads" not in start.hparams
    experiment = metadata.parse_experiment_plugin_data(content[metadata.EXPERIMENT_TAG])
    assert {info.name.tag for info in experiment.metric_infos} == {
        "train/loss", "train/accuracy", "test/loss", "test/accuracy"}
    assert {info.name for info in experiment.hparam_infos} == set(start.hparams)
    end = metadata.parse_session_end_info_plugin_data(content[metadata.SESSION_END_INFO_TAG])
    assert end.status == 1 and end.end_time_secs >= start.start_time_secs > 1e9


def image(run, side):
    events = read(run)
    pictures = events.Images("test/confusion")
    assert pictures[-1].step == max(event.step for event in events.Scalars("test/loss"))
    last = pictures[-1]
    assert (last.width, last.height) == (int(side), int(side)), last
    from PIL import Image

    pixels = np.array(Image.open(io.BytesIO(last.encoded_image_string)))
    with h5py.File(run + "/metrics.h5") as file:
        counts = np.array(file["metrics/eval/confusion"][-1], dtype=float)
    cell = int(side) // len(counts)
    assert pixels.shape == (int(side), int(side), 3)
    middle = pixels[cell // 2 :: cell, cell // 2 :: cell].astype(int)
    assert (middle[counts == 0] == 255).all()
    share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    assert (middle[share == 1] == (8, 48, 107)).all()
    red = np.rint(255 + np.sqrt(share) * (8 - 255))
    assert abs(middle[..., 0] - red).max() <= 1


if __name__ == "__main__":
    {"scalars": scalars, "hparams": hparams, "image": image}[sys.argv[1]](*sys.argv[2:])
