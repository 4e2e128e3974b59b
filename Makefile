# Few targets. `make demo` and `make test` set everything up by themselves; the rest is for those who change the code.
PYTHON ?= python3
BIN := .venv/bin
ARGS ?=

# Tests start some six hundred processes of Python: what one has compiled is kept for the others, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo kind test simulation beside servers traffic people faults image node test-oldest test-long check golden mutate generate bench clean

demo: .venv/ready  ## a real cluster, real models, one promotion and one rollback
	@$(BIN)/python -m demo $(ARGS)

kind: .venv/ready  ## the same on a kind cluster, where there is a Docker engine (docs/kind.md)
	@$(BIN)/python -m demo --cluster=kind $(ARGS)

test: check  ## all tiers, but for what `test-long` has; the longer ones in parts side by side, those with a cluster on a testbed of their own
	@rm -rf .tally
	@$(MAKE) --no-print-directory --keep-going --output-sync=target --jobs=7 image simulation $(PARTS)
	$(BIN)/python -m tests.support.tally test

# Tests mostly wait for scrapes, drains and deadlines: four testbeds keep two cores busy. What no list names is `beside`,
# which needs none, for contracts and `faults` for clusters.
PARTS := beside servers traffic people faults
SERVERS := $(addprefix tests/contract/test_, azureml.py changed_models.py kube.py kube_lease.py loader.py mlflow.py mlflow_registry.py mlflow_writing.py prometheus.py prometheus_access.py prometheus_histograms.py resume.py stores.py templates.py verify.py)
TRAFFIC := $(addprefix tests/cluster/test_, gateways.py grpc.py grpc_gateways.py grpc_routes.py judge.py rehearsal.py rollout.py streams.py)
PEOPLE := $(addprefix tests/cluster/test_, adopted.py interruptions.py midway.py recreated.py refusals.py replicas.py way_back.py)
REGISTRIES := $(addprefix tests/cluster/test_, allowed.py model_sources.py registries.py writing_back.py)
FAULTS := tests/cluster $(addprefix --ignore=, $(TRAFFIC) $(PEOPLE) $(REGISTRIES))

# All whole rollouts by name, each against its transcript: what `check` plays of the simulation, which `test` does whole.
TRANSCRIPTS := tests/simulation/test_golden.py tests/simulation/test_parity.py

# These two only compute: whoever sends requests at a rate beside them goes first.
image simulation: NICE := nice -n 19

image node simulation $(PARTS): .venv/ready
simulation:
	$(NICE) $(BIN)/pytest -q -m "not matrix and not slow" tests/simulation $(addprefix --ignore=, $(TRANSCRIPTS)) $(ARGS)
image:
	$(NICE) $(BIN)/pytest -q tests/image $(ARGS)
node:  ## the chart and whole rollouts on a real kubelet with containerd, in pods of the Dockerfile's image; as root
	$(BIN)/pytest -m slow tests/node $(ARGS)
beside:
	$(BIN)/pytest tests/contract $(addprefix --ignore=, $(SERVERS)) $(ARGS)
servers:
	$(BIN)/pytest tests/readme $(SERVERS) $(ARGS)
traffic:
	$(BIN)/pytest $(TRAFFIC) $(REGISTRIES) $(ARGS)
people:
	$(BIN)/pytest tests/testbed tests/chart $(PEOPLE) $(ARGS)
faults:
	$(BIN)/pytest $(FAULTS) $(ARGS)

# What an API server decides (schemas, rules, admission, who owns a field), the chart, rollouts, and faults.
OLDEST := $(addprefix tests/cluster/test_, crds.py crd_fuzz.py faults.py gitops.py image_volumes.py older_definitions.py quiet.py rollout.py) \
	tests/chart/test_install.py tests/chart/test_combinations.py::test_the_api_server_takes_every_object tests/testbed/test_kubernetes.py

test-oldest: .venv/ready  ## these on the oldest Kubernetes that is supported; half an hour, and as much once where it must be compiled
	$(BIN)/pytest --kubernetes=oldest -m "slow or not slow" -k "not (faults and envoy)" $(OLDEST) $(ARGS)

test-long: .venv/ready  ## rollouts killed and reordered everywhere, every state of a larger small world, every case on both gateways; four hours
	$(BIN)/pytest -q -n 2 -m "matrix or slow" tests/unit tests/simulation
	@rm -rf .tally
	@$(MAKE) --no-print-directory --keep-going --output-sync=target --jobs=4 image node $(PARTS) ARGS="-m slow"
	@$(MAKE) --no-print-directory test-oldest
	$(BIN)/python -m tests.support.tally test-long

check: .venv/ready  ## what to run all the time: linters, types, contracts between rooms, fast tests
	$(BIN)/ruff check -q .
	$(BIN)/ruff format -q --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/pytest -q -n 2 -m "not matrix and not slow" tests/unit $(TRANSCRIPTS)

golden: .venv/ready  ## the transcripts of whole rollouts, and statuses for Argo CD's tests, after a change of behaviour on purpose; the diff is what to review
	CROSSFADE_REWRITE_GOLDEN=1 $(BIN)/pytest -q tests/simulation/test_golden.py tests/simulation/test_argocd.py tests/unit/gitops/test_argocd_fixtures.py

# mutmut wants sources under src/; `results` names the mutants that no test noticed, `ARGS='crossfade.*.kernel.*'` picks a file
mutate: .venv/ready  ## which deliberate mistakes in the judge its tests do not notice; an hour (docs/judge/mutation.md)
	@rm -rf .mutants && mkdir -p .mutants/tests/unit
	@cp -R operator .mutants/src
	@cp -R tests/unit/judge .mutants/tests/unit/judge
	@cp tests/__init__.py .mutants/tests/ && cp tests/unit/__init__.py .mutants/tests/unit/ && cp pyproject.toml .mutants/
	@cd .mutants && nice ../$(BIN)/mutmut run $(ARGS) && ../$(BIN)/mutmut results

generate: .venv/ready  ## crds/, docs/reference/ and the chart's copy from the types; deploy/install.yaml from the chart
	$(BIN)/python -m crossfade.codegen
	$(BIN)/python -m deploy.render

bench: .venv/ready  ## figures against a baseline in the same run
	$(BIN)/python -m bench $(ARGS)

.venv/ready: requirements/dev.txt requirements/uv.txt requirements/build.txt pyproject.toml
	@echo "setting up .venv (locked dependencies, hashes checked)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --build-constraints requirements/build.txt --editable .
	@touch $@

clean:
	rm -rf .venv .tally .mypy_cache .ruff_cache .pytest_cache .hypothesis .mutants
