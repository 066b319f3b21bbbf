# SPDX-License-Identifier: GPL-2.0
#
# Everything starts here; kbuild itself reads Kbuild.  The work is done in a build
# root that is set up and cached on first use, or right here on a Debian 13 that has
# the packages of scripts/packages.sh.

ENTER := scripts/enter.sh --
PREFIX ?= /usr/local
export KDIR KSRC V T

.DEFAULT_GOAL := module
.PHONY: all module userspace check check-debug fuzz demo bench bench-check bench-record profile vm lint clean install uninstall \
	setup cache-clean distclean-cache help

all: module userspace ## the module and the tools

module: ## the module, switchyard.ko (default); KDIR= for another kernel, V=1
	@$(ENTER) scripts/build.sh module

userspace: ## yardctl and the other tools
	@$(ENTER) scripts/build.sh userspace

check: ## all tests, in a virtual machine where needed; T=NAME for one scenario
	@scripts/check.sh $(T)

check-debug: ## the scenarios on a kernel that looks for faults; T=NAME; builds it once, 15 minutes
	@scripts/check.sh --debug $(T)

fuzz: ## a minute of fuzzing; T=SECONDS
	@$(ENTER) scripts/fuzz.sh $(T)

demo: ## a switch, two servers and clients, shown at work in a virtual machine
	@scripts/demo.sh

bench: ## the measurements, written to selftests/bench/results.json
	@selftests/bench/run.sh

bench-check: ## our instruction counts against the recorded ones, 2 % allowed
	@selftests/bench/check.sh

bench-record: ## record our instruction counts anew, after a change that is meant
	@selftests/bench/check.sh --record

profile: ## instructions by function for one packet of CASE=switchyard-nat-known
	@selftests/bench/profile/run.sh $(CASE)

vm: ## a shell in the virtual machine, with the module and the tools
	@$(ENTER) scripts/build.sh module
	@$(ENTER) scripts/kselftest-install.sh
	@scripts/vm.sh --interactive --wire igb:igb --wire igb:igb --wire virtio-net:virtio-net

lint: ## formatting, lints and the rules of this tree
	@$(ENTER) scripts/lint.sh

clean: ## remove what was built here
	@$(ENTER) scripts/build.sh clean
	@rm -rf build userspace-agent/target

install: ## module for the running kernel, tools and manual pages below PREFIX
	@scripts/install.sh install "$(PREFIX)"

uninstall: ## remove what install put in place
	@scripts/install.sh uninstall "$(PREFIX)"

setup: ## only the set-up: build root, kernel tree, guest image
	@scripts/guest-image.sh

cache-clean: ## remove cached things that no longer belong to this tree
	@scripts/cache.sh stale

distclean-cache: ## remove the whole cache
	@scripts/cache.sh all

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
