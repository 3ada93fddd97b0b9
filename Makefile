# What is done often, by name. `make` alone lists it. `make VERBOSE=1 …` shows every command and every test.

GO   ?= go
ARGS ?=# more flags for demo, mnist, fashion, notebook(s), docker and the benchmarks, e.g. ARGS="--seed 2"
Q    := $(if $(VERBOSE),,@)
V    := $(if $(VERBOSE),-v,)

# The pure Go backend is twice as fast with SIMD, an experiment of Go's on amd64. It is set for every command here, so that
# they share one build cache. Set GOEXPERIMENT yourself, perhaps to nothing, and it stays as you set it.
ifeq ($(origin GOEXPERIMENT),undefined)
GOEXPERIMENT := $(shell [ "$$($(GO) env GOARCH 2>/dev/null)" = amd64 ] && GOEXPERIMENT=simd $(GO) env GOEXPERIMENT 2>/dev/null)
endif
export GOEXPERIMENT

# go build records the commit, and fails where git cannot tell it (no repository, another owner).
VCS := $(shell git rev-parse -q --verify HEAD >/dev/null 2>&1 || echo -buildvcs=false)

.DEFAULT_GOAL := help
.PHONY: help need need-go setup build demo mnist fashion understand generate notebook kernel .venv new-venv notebooks check-notebooks check-jupyter \
	docker-jupyter docker-run docker-check test test-go lint bench bench-kernels bench-nanogpt rename clean

help: ## List what make can do
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

setup: build ## Build bin/gomm, fetch the XLA plugin and MNIST: what the rest needs (fast when done)
	$(Q)bin/gomm data plugin || : # where there is none, it has said so, and that the Go backend serves
	$(Q)bin/gomm data mnist

build: need ## Build bin/gomm
	$(Q)$(GO) build $(VCS) -o bin/gomm ./cmd/gomm

demo: setup ## Pretrain CLIP on MNIST, use it zero-shot, fine-tune it: about 5 minutes, in runs/demo
	$(Q)bin/gomm demo --run runs/demo $(ARGS)

mnist: setup ## The same by the full recipe: about a quarter of an hour, in runs/mnist
	$(Q)bin/gomm demo --preset mnist --run runs/mnist $(ARGS)

fashion: setup ## The demo's recipe on Fashion-MNIST, in runs/fashion (ARGS="--preset mnist" for the full one)
	$(Q)bin/gomm data fashion-mnist
	$(Q)bin/gomm demo --data fashion-mnist --run runs/fashion $(ARGS)

understand: setup ## Train and measure every task of understanding scenes, and hold them to their bars: 40 minutes, in runs/understand
	$(Q)bin/gomm reproduce recipes/understand.json $(ARGS)

generate: setup ## Train and measure what draws, writes and finds films, and hold it to its bars, in runs/
	$(Q)bin/gomm reproduce recipes/drawing.json $(ARGS)
	$(Q)bin/gomm reproduce recipes/book.json $(ARGS)
	$(Q)bin/gomm reproduce recipes/films.json $(ARGS)

# LANGUAGES and ONLY choose lessons: make check-notebooks LANGUAGES=en ONLY=03; ARGS="-slow 2s" lists the cells that take longer
LANGUAGES ?= en,zh
ONLY      ?=# a regular expression of lessons
LESSONS    = -lang $(LANGUAGES) $(if $(ONLY),-only '$(ONLY)')
FIRST     := $(if $(filter zh%,$(LC_ALL)$(LC_MESSAGES)$(LANG)),zh,en)
ROOT      := $(if $(filter 0,$(shell id -u)),--allow-root)

notebook: kernel ## Open JupyterLab on the lessons
	$(Q).venv/bin/jupyter lab $(ROOT) --ServerApp.root_dir=notebooks --LabApp.default_url=/lab/tree/$(FIRST)/00-environment.ipynb $(ARGS)

kernel: .venv setup ## Make the kernel "Go · gomm (XLA)" known to the Jupyter in .venv
	$(Q)bin/gomm kernel install

.venv: ## Make .venv, a Python with JupyterLab, from requirements.txt
	$(Q)cmp -s requirements.txt .venv/installed.txt || $(MAKE) --no-print-directory new-venv

new-venv: # with Python's own means; nothing needs root
	@command -v python3 >/dev/null && python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || { \
		echo "make: Jupyter needs Python 3.10 or newer with venv. Install it:" >&2; \
		echo "  Debian, Ubuntu  apt-get install python3 python3-venv" >&2; \
		echo "  Fedora          dnf install python3" >&2; \
		echo "  macOS           brew install python3" >&2; exit 1; }
	@echo "fetching JupyterLab into .venv"
	$(Q)python3 -m venv --clear .venv
	$(Q).venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(Q)cp requirements.txt .venv/installed.txt

notebooks: kernel ## Build all notebooks from tutorials/ and execute them (about half an hour)
	$(Q)$(GO) run $(VCS) ./tutorials/build $(LESSONS) $(ARGS)

check-notebooks: kernel ## Execute all notebooks; fail where one is stale or wrong
	$(Q)$(GO) run $(VCS) ./tutorials/build -check $(LESSONS) $(ARGS)

check-jupyter: kernel ## Try the kernel in JupyterLab, the classic Notebook and the console, in a real Chromium
	$(Q)$(GO) test $(V) -tags jupyter -count=1 ./tutorials/build $(if $(ARGS),-args $(ARGS))

docker-jupyter: ## Build the docker image gomm-jupyter: JupyterLab, kernel, lessons (ARGS="--build-arg PLUGIN=cuda")
	docker build -t gomm-jupyter -f docker/jupyter/Dockerfile $(ARGS) .

docker-run: ## Run the image; JupyterLab prints its address, with its token
	docker run --rm -it -p 127.0.0.1:8888:8888 $(ARGS) gomm-jupyter

docker-check: ## Build the image and try it: a lesson without a network, the token, the health check
	$(Q)docker/check.sh

test: setup ## Run every test
	$(Q)$(GO) test $(V) ./...

test-go: export CGO_ENABLED = 0
test-go: need-go ## Run every test on the pure Go backend, without XLA and without a C compiler
	$(Q)$(GO) run $(VCS) -tags noxla ./cmd/gomm data mnist
	$(Q)$(GO) test $(V) -tags noxla ./...

lint: need ## Check the form of the code: gofmt, go vet, staticcheck
	$(Q)files=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .) && [ -z "$$files" ] || { echo "run gofmt -w on: $$files" >&2; exit 1; }
	$(Q)$(GO) vet -tags jupyter ./... ./.ci/check
	$(Q)$(GO) tool staticcheck -tags jupyter ./... ./.ci/check

bench: setup ## Time a training step of CLIP beside PyTorch's (fetches PyTorch, some gigabytes)
	$(Q)bench/setup.sh
	$(Q)$(GO) run $(VCS) ./bench/clip_step $(ARGS)

bench-nanogpt: setup ## Train PaLM on the book beside nanoGPT's model in PyTorch, and time how both write
	$(Q)bench/setup.sh
	$(Q)$(GO) run $(VCS) ./bench/nanogpt $(ARGS)

bench-kernels: setup ## Time and weigh attention and contrastive loss, lean, plain and PyTorch's: half an hour
	$(Q)bench/setup.sh
	$(Q)$(GO) run $(VCS) ./bench/kernels $(ARGS)

rename: need-go ## Give the module another name: make rename MODULE=example.com/you/gomm
	@[ -n "$(MODULE)" ] || { echo "make rename: say which name: make rename MODULE=example.com/you/gomm" >&2; exit 2; }
	$(Q)old=$$($(GO) list -m) && $(GO) mod edit -module "$(MODULE)" && \
	find . \( -name '*.go' -o -name '*.md' -o -name '*.ipynb' \) -not -path './.git/*' -not -path '*/.venv*/*' \
		-exec grep -l -e "\"$$old/" -e "go doc .*$$old/" {} + | while read -r file; do \
		sed -e "s|\"$$old/|\"$(MODULE)/|g" -e "s|\(go doc \(-src \)*\)$$old/|\1$(MODULE)/|g" "$$file" > "$$file.renamed" && cat "$$file.renamed" > "$$file" && rm "$$file.renamed" || exit 1; \
	done
	$(Q)"$$($(GO) env GOROOT)/bin/gofmt" -w .

clean: ## Remove what was built; runs/ and the caches stay
	$(Q)rm -rf bin

need: need-go
	@for pair in GOOS:GOHOSTOS GOARCH:GOHOSTARCH; do \
		want=$$($(GO) env $${pair%:*}); have=$$($(GO) env $${pair#*:}); [ "$$want" = "$$have" ] || { \
			echo "make: $${pair%:*} is $$want, but this builds for the machine that it runs on, $$have: unset it, or build without make and XLA:" >&2; \
			echo "  CGO_ENABLED=0 go build -tags noxla ./cmd/gomm" >&2; exit 1; }; \
	done
	@cc=$$($(GO) env CC); [ "$$($(GO) env CGO_ENABLED)" = 1 ] || ! command -v "$${cc%% *}" >/dev/null || { \
		echo "make: CGO_ENABLED is 0, but XLA needs cgo: unset CGO_ENABLED, or see make test-go" >&2; exit 1; }
	@out=$$(CGO_ENABLED=1 $(GO) build runtime/cgo 2>&1) && exit 0; echo "$$out" >&2; \
		CGO_ENABLED=0 $(GO) build errors 2>/dev/null || { echo "make: the go command does not work here: see above" >&2; exit 1; }; \
		echo "make: the C compiler ($$($(GO) env CC)), which XLA needs, is missing or does not work: see above. To install one:" >&2; \
		echo "  Debian, Ubuntu  apt-get install gcc libc6-dev" >&2; \
		echo "  Fedora          dnf install gcc" >&2; \
		echo "  macOS           xcode-select --install" >&2; \
		echo "or do without XLA: CGO_ENABLED=0 go build -tags noxla -o bin/gomm ./cmd/gomm" >&2; exit 1

# Where the go command refuses to work, find out whether it is too old, or which of its settings is at fault.
NEEDED   := $(shell sed -n 's/^go //p' go.mod 2>/dev/null)
SETTINGS := GOFLAGS GOWORK GO111MODULE GOTOOLCHAIN GOEXPERIMENT GOROOT GOENV GOPROXY

need-go:
	@command -v $(GO) >/dev/null || { echo "make: no go on the PATH: get Go $(NEEDED) or newer from https://go.dev/dl/" >&2; exit 1; }
	@out=$$($(GO) list -m 2>&1) && exit 0; echo "$$out" >&2; \
	for name in $(SETTINGS); do \
		! env -u $$name $(GO) list -m >/dev/null 2>&1 || { eval "value=\$$$$name"; \
			echo "make: the go command does not work with the setting $$name=$$value: unset it" >&2; exit 1; }; \
	done; \
	! GOENV=off $(GO) list -m >/dev/null 2>&1 || { echo "make: the go command does not work with a setting in $$($(GO) env GOENV): go env -u NAME removes one" >&2; exit 1; }; \
	have=$$(cd / && GOTOOLCHAIN=local GOFLAGS= GO111MODULE= GOWORK=off $(GO) env GOVERSION 2>/dev/null); \
	[ "$$(printf 'go$(NEEDED)\n%s\n' "$$have" | sort -V | head -n 1)" = "go$(NEEDED)" ] || { \
		echo "make: gomm needs Go $(NEEDED) or newer, and this is $${have:-an old one}: https://go.dev/dl/" >&2; exit 1; }; \
	echo "make: the go command does not work here: see above" >&2; exit 1
