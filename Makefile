# The front door. Each target is enough on its own on a fresh Debian: it installs what it needs first (tools/setup).
# Meson and ninja do the work; see tools/README.md and test/README.md for the finer tools behind this.
.POSIX:
.PHONY: help build check demo bench format format-check clean

help:
	@echo 'make build         build/gcc/src/pgseam'
	@echo 'make demo          a migration of a live database, with its application running'
	@echo 'make check         all tests: compilers, sanitizers, format, laws, real servers'
	@echo 'make bench         side by side with other tools'
	@echo 'make format        clang-format the C files; format-check only looks'
	@echo 'make clean         remove build/ but keep the downloaded servers'

build:
	@tools/setup build
	@test -e build/gcc/build.ninja || meson setup build/gcc
	ninja -C build/gcc

check:
	@tools/setup check servers
	@test/run

demo:
	@tools/setup demo
	@$(MAKE) --no-print-directory build
	@demo/run

bench:
	@tools/setup bench
	@$(MAKE) --no-print-directory build
	@bench/run

format:
	@tools/setup format
	@tools/format

format-check:
	@tools/setup format
	@tools/format --check

clean:
	rm -rf build/gcc build/asan build/clang build/results
