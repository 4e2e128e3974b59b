"""Catches gRPC messages of the Open Inference Protocol that nobody else understands: MLServer's client is asked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

CLIENT = """
import sys, grpc
from mlserver.grpc import dataplane_pb2 as messages, dataplane_pb2_grpc as service
stub = service.GRPCInferenceServiceStub(grpc.insecure_channel("127.0.0.1:" + sys.argv[1]))
request = messages.ModelInferRequest(model_name="fraud", id="7")
request.parameters["unknown"].string_param = "to the testbed"
tensor = request.inputs.add(name="input", datatype="FP64", shape=[2, 2])
tensor.contents.fp64_contents.extend([1, 2, 3, 4])
answers = [stub.ModelInfer(request), *stub.ModelStreamInfer(iter([request]))]
print(stub.ServerLive(messages.ServerLiveRequest()).live, stub.ServerReady(messages.ServerReadyRequest()).ready,
      stub.ModelReady(messages.ModelReadyRequest(name="fraud")).ready)
for answer in answers:
    output = answer.outputs[0]
    print(answer.model_name, answer.model_version, output.name, output.datatype, *output.shape,
          *output.contents.int64_contents)
tensor.contents.fp64_contents[2] = 13
try:
    stub.ModelInfer(request)
except grpc.RpcError as error:
    print(error.code().name)
"""
PREDICTION = "fraud 1.0.0 predict INT64 2 1 0 0"


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    behaviour = {"failsWhen": [{"index": 0, "equals": 13}], "stream": {"seconds": 0, "events": 2}}
    path = tmp_path / "model.json"
    path.write_text(json.dumps({"name": "fraud", "version": "1.0.0", **behaviour}))
    return path


def test_mlservers_client_reads_the_programmable_server(model_file: Path, mlserver_environment: Path) -> None:
    server = [sys.executable, "-m", "testbed.servers.v2", "--host", "127.0.0.1", "--port", "0", "--grpc-port", "0"]
    with subprocess.Popen([*server, "--model", str(model_file)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        _, port = (process.stdout.readline().split()[-1] for _ in range(2))
        client = [str(mlserver_environment / "bin" / "python"), "-c", CLIENT, port]
        answer = subprocess.run(client, check=True, capture_output=True, text=True, timeout=300)
        process.terminate()
    assert answer.stdout.splitlines() == ["True True True", *[PREDICTION] * 3, "INTERNAL"]
