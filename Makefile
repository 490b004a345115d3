# make try     install into .venv and run a shell in a container (IMAGE=host needs no download)
# make test    every test this user may run: as root all of them, otherwise the units
# The rest is for people who change cuddy: see docs/architecture.md.

IMAGE ?= host
VENV := .venv
BIN := $(VENV)/bin
SOURCES := pyproject.toml README.md $(wildcard bin/*) $(shell find src -type f ! -name '*.pyc')
NEED_RUN := venv=python3-venv ip=iproute2 nft=nftables
NEED_TEST := $(NEED_RUN) docker-registry=docker-registry skopeo=skopeo busybox-static=busybox-static \
             ps=procps curl=curl openssl=openssl redis-server=redis-server redis-cli=redis-tools \
             dig=bind9-dnsutils git=git newuidmap=uidmap fuse-overlayfs=fuse-overlayfs tcc=tcc gencat=libc6-dev lua5.4=lua5.4 tclsh=tcl sqlite3=sqlite3 zstd=zstd make=make
NEED_PEERS := pasta=passt slirp4netns=slirp4netns dockerd=docker.io podman=podman runc=runc runsc=runsc umoci=umoci
NEED_BROWSER := chromium=chromium
NEED_BENCH := iperf3=iperf3 wrk=wrk redis-benchmark=redis-tools nsenter=util-linux
PYTEST := CUDDY=$(CURDIR)/$(BIN)/cuddy $(BIN)/python -m pytest

.PHONY: try setup test test-root test-userns check golden recordings corpus docs bench fuzz fuzz-api test-vm shell clean aio

try: $(BIN)/cuddy
	@if [ -t 0 ]; then $(BIN)/cuddy run --rm -it $(IMAGE) sh; \
	else $(BIN)/cuddy run --rm $(IMAGE) sh -c 'echo "pid $$$$ in a container on $$(hostname)"; ls /'; fi

setup: $(VENV)/tests

test: $(VENV)/tests
	@$(if $(ARGS),,CUDDY_TESTS_SESSIONS=$(shell nproc)) $(PYTEST) $(ARGS)

test-root: $(VENV)/tests
	@$(PYTEST) tests/kernel tests/cli $(ARGS)

# The command line's tests with containers whose users are not the host's unless they say otherwise;
# what that cannot pass, and why, is in tests/userns_expected.py.
test-userns: $(VENV)/tests
	@$(if $(ARGS),,CUDDY_TESTS_SESSIONS=$(shell nproc)) CUDDY_TESTS_CONFIG=$(CURDIR)/tests/userns.toml \
	 $(PYTEST) $(or $(ARGS),tests/cli)

# A hundred kills of each command that changes the image store or a volume, a thousand among
# containers, long races in volumes, a crowd of a hundred with published ports, and one of clients of
# servers that are killed; CUDDY_TESTS_SEED repeats a run.
soak: $(VENV)/tests
	@CUDDY_TESTS_KILLS=100 CUDDY_TESTS_CROWD=100 $(PYTEST) tests/cli/test_killed_images.py \
	 tests/cli/test_killed_lives.py tests/cli/test_network_crowd.py tests/api/test_killed_servers.py \
	 tests/cli/test_volume_races.py tests/cli/test_volume_verbs.py \
	 tests/cli/test_build_run.py tests/cli/test_build_mounts.py $(ARGS)

check: $(VENV)/tests
	$(BIN)/ruff check src tests bench fuzz examples
	$(BIN)/ruff format --check src tests bench fuzz examples
	$(BIN)/mypy
	$(BIN)/mypy --strict examples
	$(PYTEST) -q tests/test_architecture.py tests/test_docs.py tests/test_startup.py

golden: $(VENV)/tests
	CUDDY_UPDATE_GOLDEN=1 $(PYTEST) -q tests/unit

# Asks the real docker again what it prints; see tests/record.py and its neighbours.
recordings: $(VENV)/tests
	$(BIN)/python tests/record.py
	$(BIN)/python tests/record_inspect.py
	$(BIN)/python tests/record_flags.py
	$(BIN)/python tests/record_containers.py
	$(BIN)/python tests/record_networks.py
	$(BIN)/python tests/record_builds.py
	$(BIN)/python tests/record_dockerfiles.py
	$(BIN)/python tests/record_copy.py

# Builds the projects of tests/corpus beside docker's and podman's builders, and says what differs.
corpus: $(VENV)/tests
	@CUDDY=$(CURDIR)/$(BIN)/cuddy $(BIN)/python tests/compare_builds.py $(ARGS)

# The library for event loops, of the one without.
aio: $(VENV)/tests
	$(BIN)/python tests/make_aio.py

docs: $(VENV)/tests
	$(BIN)/python docs/commands/generate.py
	$(BIN)/python docs/commands/compatibility.py

bench: $(VENV)/tests
	@.ci/need $(NEED_BENCH)
	@$(BIN)/python -m bench --cuddy $(BIN)/cuddy $(ARGS)

# Five minutes of foreign bytes for every parser: see fuzz/__init__.py and decision 0111.
fuzz: $(VENV)/tests
	@$(BIN)/pip install --quiet --disable-pip-version-check '.[fuzz]' || echo "going on without atheris" >&2
	@$(BIN)/python -m fuzz $(ARGS)

# A quarter of an hour of requests to the API that are wrong in one place, and such as schemathesis
# thinks of; CUDDY_TESTS_FUZZ_ONLY=/build asks only what has that in its path.
fuzz-api: $(VENV)/tests
	@CUDDY_TESTS_FUZZ=$(or $(CUDDY_TESTS_FUZZ),300) $(PYTEST) tests/api/test_fuzz.py -s $(ARGS)

# The suites in a virtual machine with another kernel and cgroup version 2 alone; hours of emulation,
# or ARGS="tests/runtime -k cgroup".
test-vm: $(VENV)/tests
	@.ci/need mmdebstrap=mmdebstrap qemu-system-x86_64=qemu-system-x86 mkfs.ext4=e2fsprogs
	@$(BIN)/python tests/vm.py $(ARGS)

shell: $(BIN)/cuddy
	@mkdir -p .try
	@echo "a namespace of its own, a Home in .try: 'cuddy run -it host sh', 'exit' when done"
	@PATH="$(CURDIR)/$(BIN):$$PATH" CUDDY_ROOT=$(CURDIR)/.try/root CUDDY_RUNROOT=$(CURDIR)/.try/run \
	unshare --mount --net --pid --fork --kill-child --mount-proc $${SHELL:-sh}

clean:
	rm -rf $(VENV) build dist .try .mypy_cache .ruff_cache .pytest_cache .hypothesis

# What is installed is a copy, as users have it: anything changed in src/ installs again.
$(BIN)/cuddy: $(SOURCES)
	@.ci/need $(NEED_RUN)
	@[ -x $(BIN)/pip ] || python3 -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check .
	@touch $@

$(VENV)/tests: $(BIN)/cuddy
	@.ci/need $(NEED_TEST)
	@.ci/need $(NEED_PEERS) || echo "going on without: tests against other engines are skipped" >&2
	@.ci/need $(NEED_BROWSER) || echo "going on without: tests of the dashboard are skipped" >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check '.[test]'
	@touch $@
