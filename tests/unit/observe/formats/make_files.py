# mypy: disable-error-code="import-not-found,import-untyped"
"""Writes files/ with the libraries that define the formats; run it by itself, in an environment that has them:

pip install joblib scikit-learn skops onnx safetensors h5py lightgbm xgboost-cpu gguf

What is there was written by joblib 1.6.0, scikit-learn 1.9.1, skops 0.16.0, onnx 1.23.2, safetensors 0.8.0, h5py
3.16.0, lightgbm 4.7.0, xgboost-cpu 3.2.0 and gguf 0.19.0. What PyTorch, TensorFlow and Keras write is made by
make_large_files.py.
"""

import json
import pickle
import warnings
from pathlib import Path

import gguf
import h5py
import joblib
import lightgbm
import numpy as np
import onnx
import skops.io
import xgboost
from safetensors.numpy import save_file
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

HERE = Path(__file__).parent / "files"


def main() -> None:
    """Write them all."""
    warnings.simplefilter("ignore")
    random = np.random.default_rng(0)
    features = random.random((40, 3))
    labels = np.array(["no", "yes"], dtype=object)[(features[:, 0] > 0.5).astype(int)]
    numbers = (features[:, 0] > 0.5).astype(int)
    _sklearn(features, labels, numbers)
    _boosters(features, numbers)
    _tensors()


def _sklearn(features: np.ndarray, labels: np.ndarray, numbers: np.ndarray) -> None:
    scaled = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, labels)
    forest = RandomForestClassifier(3, max_depth=2).fit(features, numbers)
    boosted = GradientBoostingClassifier(n_estimators=2, max_depth=1).fit(features, numbers)
    for name, model in (("scaled", scaled), ("forest", forest), ("boosted", boosted)):
        (HERE / f"{name}.pkl").write_bytes(pickle.dumps(model, 4))
        joblib.dump(model, HERE / f"{name}.joblib")
    (HERE / "scaled.old.pkl").write_bytes(pickle.dumps(scaled, 0))
    for packing in ("zlib", "gzip", "bz2", "xz", "lzma"):
        joblib.dump(scaled, HERE / f"scaled.{packing}.joblib", compress=(packing, 3))
    skops.io.dump(scaled, HERE / "scaled.skops")


def _boosters(features: np.ndarray, numbers: np.ndarray) -> None:
    booster = xgboost.train({"max_depth": 1, "objective": "binary:logistic"}, xgboost.DMatrix(features, numbers), 1)
    for suffix in ("json", "ubj"):
        booster.save_model(HERE / f"xgboost.{suffix}")
    given = {"objective": "binary", "num_leaves": 3, "min_data_in_leaf": 2, "verbose": -1}
    light = lightgbm.train(given, lightgbm.Dataset(features, numbers), 1)
    light.save_model(HERE / "lightgbm.txt")


def _interface() -> onnx.ModelProto:
    """Inputs and outputs of all kinds, weights that are listed as an input, and a node with weights of its own."""
    helper, types = onnx.helper, onnx.TensorProto
    held = helper.make_map_type_proto(types.INT64, helper.make_tensor_type_proto(types.FLOAT, None))
    inputs = [
        helper.make_tensor_value_info("pixels", types.FLOAT, ["batch", 3, None, 4]),
        helper.make_tensor_value_info("city", types.STRING, None),
        helper.make_tensor_value_info("weight", types.DOUBLE, [2, 3]),
    ]
    outputs = [
        helper.make_tensor_value_info("label", types.INT64, []),
        helper.make_value_info("probabilities", helper.make_sequence_type_proto(held)),
        helper.make_value_info(
            "maybe", helper.make_optional_type_proto(helper.make_tensor_type_proto(types.BOOL, [1]))
        ),
    ]
    weight = helper.make_tensor("weight", types.DOUBLE, [2, 3], np.arange(6.0))
    constant = helper.make_tensor("", types.FLOAT, [9], np.zeros(9, np.float32).tobytes(), raw=True)
    node = helper.make_node("Constant", [], ["unused"], value=constant)
    graph = helper.make_graph([node], "g", inputs, outputs, [weight], doc_string="after the weights")
    return helper.make_model(graph, producer_name="crossfade")


def _tensors() -> None:
    weights = np.arange(6, dtype=np.float32).reshape(2, 3)
    save_file({"weight": weights}, HERE / "model.safetensors")
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    told = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = onnx.helper.make_graph([node], "g", told[:1], told[1:])
    onnx.save(onnx.helper.make_model(graph, producer_name="crossfade"), HERE / "model.onnx")
    onnx.save(_interface(), HERE / "interface.onnx")
    writer = gguf.GGUFWriter(str(HERE / "model.gguf"), "llama")
    writer.add_tensor("weight", weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    for name, layer in (("dense", "Dense"), ("lambda", "Lambda")):
        with h5py.File(HERE / f"{name}.h5", "w") as file:
            layers = [{"class_name": layer, "config": {"name": "l"}}]
            file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": layers}})


if __name__ == "__main__":
    main()
