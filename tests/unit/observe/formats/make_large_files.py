# mypy: disable-error-code="import-not-found,import-untyped"
"""Writes into files/ with PyTorch or TensorFlow, which are large, each in an environment of its own:

pip install torch numpy; python make_large_files.py torch
pip install tensorflow-cpu; python make_large_files.py tensorflow

What is there was written by torch 2.15.0, tensorflow-cpu 2.21.0 and keras 3.15.1.
"""

import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent / "files"


def _torch() -> None:
    import torch

    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.ReLU())
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    checkpoint = {"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(model.state_dict(), HERE / "state_dict.pt")
    torch.save(model.state_dict(), HERE / "state_dict.old.pt", _use_new_zipfile_serialization=False)
    torch.save(checkpoint, HERE / "checkpoint.pt")
    torch.save(model, HERE / "module.pt")
    torch.jit.save(torch.jit.trace(model.eval(), torch.ones(1, 3)), HERE / "traced.pt")
    torch.jit.save(torch.jit.script(model.eval()), HERE / "scripted.pt")


def _tensorflow() -> None:
    import keras
    import tensorflow as tf

    class Scaled(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = tf.Variable(2.0)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def __call__(self, x: object) -> object:
            return self.weight * x

    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(Scaled(), folder)
        shutil.copy(f"{folder}/saved_model.pb", HERE / "saved_model.pb")
        shutil.copy(f"{folder}/fingerprint.pb", HERE / "fingerprint.pb")
        shutil.copy(f"{folder}/variables/variables.index", HERE / "variables.index")
        shutil.copy(f"{folder}/variables/variables.data-00000-of-00001", HERE / "variables.data")
        (HERE / "model.tflite").write_bytes(tf.lite.TFLiteConverter.from_saved_model(folder).convert())
    for name, layer in (("dense", keras.layers.Dense(2)), ("lambda", keras.layers.Lambda(lambda x: x * 2))):
        model = keras.Sequential([keras.Input((3,)), layer])
        model.save(HERE / f"{name}.keras")
        model.save(HERE / f"{name}.keras.h5")


if __name__ == "__main__":
    {"torch": _torch, "tensorflow": _tensorflow}[sys.argv[1]]()
