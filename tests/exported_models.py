"""Makes tests/data/onnx: small networks that frameworks exported to ONNX, with orders and their own scores of them.

It runs once, where the frameworks are: `python tests/exported_models.py sklearn torch` with scikit-learn 1.9.1, skl2onnx
1.20.0, torch 2.14.1, onnxscript 0.7.2, onnx 1.23.2 and pandas, and `python tests/exported_models.py keras` with keras 3.15.1,
tensorflow-cpu 2.21.0 and tf2onnx 1.17.0. The tests need none of these.

Each file NAME.onnx has a NAME.json: `features` are the names to give, none where the graph has its own; `orders` are rows of
the inputs, null where one is missing; `scores` are the framework's own.
"""

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent / "data" / "onnx"
NAMES = ("backlog", "wind_mph", "distance_km")
SHOWN = 20
rng = np.random.default_rng(20260930)
x = rng.gamma(2, [9, 4, 300], (600, 3))
late = (x @ [0.05, 0.1, 0.001] + rng.normal(size=600) > 1.7).astype(int)


def without_traces(content):
    """The file without the stack traces of torch's exporter, which have the paths of the machine."""
    import onnx

    model = onnx.load_model_from_string(content)
    for node in model.graph.node:
        kept = [each for each in node.metadata_props if not each.key.endswith("stack_trace")]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    return model.SerializeToString()


def save(name, content, features, orders, scores):
    DATA.mkdir(exist_ok=True)
    (DATA / f"{name}.onnx").write_bytes(content)
    shown = {"features": list(features), "orders": orders, "scores": np.asarray(scores, float).ravel().tolist()}
    (DATA / f"{name}.json").write_text(json.dumps(shown, indent=0) + "\n")


def sklearn():
    import pandas as pd
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    for name, activation, kind, zipmap, labels in (
        ("sklearn_double", "relu", DoubleTensorType, False, late),
        ("sklearn_float", "relu", FloatTensorType, False, late),
        ("sklearn_tanh_zipmap", "tanh", DoubleTensorType, True, np.where(late, "late", "in time")),
        ("sklearn_logistic", "logistic", DoubleTensorType, True, late),
    ):
        network = MLPClassifier((5, 3), activation=activation, max_iter=300, random_state=0)
        # 'in time' < 'late', and 0 < 1: the second class is late.
        pipeline = make_pipeline(StandardScaler(), network).fit(x, labels)
        model = to_onnx(pipeline, initial_types=[("x", kind([None, 3]))], options={"zipmap": zipmap})
        shown = x[:SHOWN]
        save(name, model.SerializeToString(), NAMES, shown.tolist(), pipeline.predict_proba(shown)[:, 1])

    frame = pd.DataFrame(x, columns=NAMES)
    frame["carrier"] = rng.choice(["AA", "DL", "New York Air"], len(x))
    frame["month"] = rng.integers(1, 5, len(x))
    frame.loc[::7, "backlog"] = np.nan
    frame.loc[::11, "wind_mph"] = np.nan
    shown = frame.iloc[:SHOWN].copy()
    shown.loc[3, "carrier"], shown.loc[4, "month"] = "ZZ", 9
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    prepare = ColumnTransformer([("n", numbers, list(NAMES)), ("c", one_hot, ["carrier"]), ("m", one_hot, ["month"])])
    pipeline = make_pipeline(prepare, MLPClassifier((5,), max_iter=300, random_state=0)).fit(frame, late)
    for name, kind in (("sklearn_columns_double", DoubleTensorType), ("sklearn_columns_float", FloatTensorType)):
        types = [(column, kind([None, 1])) for column in NAMES]
        types += [("carrier", StringTensorType([None, 1])), ("month", Int64TensorType([None, 1]))]
        model = to_onnx(pipeline, initial_types=types, options={"zipmap": False})
        orders = [[None if value != value else value for value in row] for row in shown.values.tolist()]
        save(name, model.SerializeToString(), (), orders, pipeline.predict_proba(shown)[:, 1])

    chosen = ColumnTransformer([("n", StandardScaler(), [2, 0]), ("p", "passthrough", [1])])
    pipeline = make_pipeline(chosen, StandardScaler(), MLPClassifier((4,), max_iter=300, random_state=0)).fit(x, late)
    model = to_onnx(pipeline, initial_types=[("x", DoubleTensorType([None, 3]))], options={"zipmap": False})
    save("sklearn_chosen", model.SerializeToString(), NAMES, x[:SHOWN].tolist(), pipeline.predict_proba(x[:SHOWN])[:, 1])


def torch():
    import io

    import torch
    from torch import nn

    class Network(nn.Module):
        def __init__(self, activation, outputs, end):
            super().__init__()
            self.layers = nn.Sequential(nn.Linear(3, 5), activation, nn.Linear(5, 4), activation, nn.Linear(4, outputs))
            self.end = end
            self.register_buffer("mean", torch.tensor(x.mean(0)))
            self.register_buffer("scale", torch.tensor(x.std(0)))

        def forward(self, x):
            return self.end(self.layers((x - self.mean) / self.scale))

    class OfColumns(nn.Module):
        def __init__(self, *given):
            super().__init__()
            self.network = Network(*given)

        def forward(self, backlog, wind_mph, distance_km):
            return self.network(torch.cat([backlog, wind_mph, distance_km], 1)).squeeze(-1)

    networks: dict[str, Any] = {
        "relu": (Network, nn.ReLU(), 1, nn.Sigmoid()),
        "leaky_softmax": (Network, nn.LeakyReLU(0.25), 2, nn.Softmax(1)),
        "gelu": (Network, nn.GELU(), 1, nn.Sigmoid()),
        "gelu_tanh": (Network, nn.GELU("tanh"), 1, nn.Sigmoid()),
        "tanh_logits": (Network, nn.Tanh(), 1, nn.Identity()),
        "columns": (OfColumns, nn.Sigmoid(), 1, nn.Sigmoid()),
    }
    for name, (kind, *given) in networks.items():
        for double in (False, True):
            for dynamo in (False, True):
                torch.manual_seed(1)
                network = kind(*given).eval()
                network = network.double() if double else network.float()
                shown = torch.tensor(x[:SHOWN], dtype=torch.double if double else torch.float)
                columns = kind is OfColumns
                arguments = tuple(shown[:, [at]] for at in range(3)) if columns else (shown,)
                inputs = list(NAMES) if columns else ["x"]
                file = io.BytesIO()
                options: dict[str, Any] = {"input_names": inputs, "output_names": ["score"]}
                if dynamo:
                    orders = torch.export.Dim("orders")
                    shapes = {each: {0: orders} for each in inputs}
                    options |= {"dynamo": True, "dynamic_shapes": shapes, "external_data": False, "verbose": False}
                else:
                    options |= {"dynamo": False, "dynamic_axes": {each: {0: "orders"} for each in inputs}}
                torch.onnx.export(network, arguments, file, **options)
                with torch.no_grad():
                    scores = network(*arguments)
                scores = scores[:, 1] if given[1] == 2 else scores
                full = f"torch_{'dynamo' if dynamo else 'script'}_{name}_{'double' if double else 'float'}"
                save(full, without_traces(file.getvalue()), () if columns else NAMES, shown.tolist(), scores.numpy())


def keras():
    import keras

    keras.utils.set_random_seed(1)
    z = ((x - x.mean(0)) / x.std(0)).astype("float32")
    for name, activation, units, end in (("keras_relu", "relu", 1, "sigmoid"), ("keras_softmax", "tanh", 2, "softmax")):
        network = keras.Sequential(
            [keras.Input((3,), name="x"), keras.layers.Dense(5, activation), keras.layers.Dense(units, end)]
        )
        loss = "binary_crossentropy" if units == 1 else "sparse_categorical_crossentropy"
        network.compile("adam", loss)
        network.fit(z, late, epochs=5, verbose=0)
        path = DATA / f"{name}.onnx"
        network.export(path, format="onnx", verbose=False)
        save(name, path.read_bytes(), NAMES, z[:SHOWN].tolist(), network.predict(z[:SHOWN], verbose=0)[:, -1])


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for each in sys.argv[1:]:
        {"sklearn": sklearn, "torch": torch, "keras": keras}[each]()
