# snowflake_pg: build, install and test
#
#   make                release build for the PostgreSQL that PG_CONFIG names
#   make install        install it there (DESTDIR is honoured)
#   make uninstall      remove it again
#   make installcheck   regression tests against a running server
#   make clean          remove what was built and tested; keeps target/tools
#
# These need nothing but a Rust toolchain, make, gcc, libclang, libpq and the headers of PostgreSQL. The others
# find or fetch what they need, and never touch a server that is already there:
#
#   make demo           show the extension at work under load, on a throw-away server
#   make psql           the same set-up, and you in psql
#   make test           everything that is tested, on PostgreSQL 15, 16 and 18
#   make fuzz [SECONDS=60]
#                       feed what reads bytes from outside with bytes that a fuzzer makes up
#   make bench          measure it against sequences and UUIDs
#   make profile [SQL='SELECT ...']
#                       where the time of a statement goes, by perf or callgrind
#   make benchmarks-page RUN=latest
#                       rewrite docs/benchmarks.md and its plots from the results of a run
#   make schema         rewrite the install script in sql/ from the Rust sources
#
# Choose another PostgreSQL with PG_CONFIG=/path/to/pg_config.

EXTENSION = snowflake_pg
DATA = $(sort $(wildcard sql/$(EXTENSION)--*.sql))

# The tests want a server with the settings in tests/pg_regress/regress.conf: the library preloaded and a worker ID.
REGRESS = $(sort $(patsubst tests/pg_regress/sql/%.sql,%,$(wildcard tests/pg_regress/sql/*.sql)))
# Their database has an encoding and a locale of its own, whatever the cluster was made with.
REGRESS_OPTS = --inputdir=tests/pg_regress --no-locale --encoding=UTF8
EXTRA_CLEAN = target/release target/debug target/loom target/pg target/test target/venv $(wildcard target/pg[0-9]*)

PG_CONFIG ?= pg_config
CARGO ?= cargo
pg_version := $(shell $(PG_CONFIG) --version 2>/dev/null | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

# One copy for each PostgreSQL: target/release holds whatever was built last.
library = target/pg$(pg_version)/$(EXTENSION).so

all:

ifneq (,$(wildcard $(PGXS)))
include $(PGXS)

# Cargo knows best what is out of date, so it is always asked. In `sudo make install` root may have no cargo:
# what is built already is installed then. The path is spelled in one way, since another spelling means a rebuild.
all: $(library)
$(library): FORCE
	@if ! command -v $(CARGO) >/dev/null && [ -e $@ ]; then echo "no $(CARGO) here: taking $@ as it is"; exit; fi; \
	set -x; PGRX_PG_CONFIG_PATH="$$($(PG_CONFIG) --bindir)/pg_config" \
	$(CARGO) build --release --locked --no-default-features --features pg$(pg_version) && \
	mkdir -p $(@D) && cp target/release/lib$(EXTENSION).so $@

# PGXS installs the control file and the scripts; the library is ours, because cargo made it.
install: install-library
install-library: $(library)
	mkdir -p '$(DESTDIR)$(pkglibdir)'
	$(INSTALL_SHLIB) $(library) '$(DESTDIR)$(pkglibdir)/'
uninstall: uninstall-library
uninstall-library:
	rm -f '$(DESTDIR)$(pkglibdir)/$(EXTENSION).so'
else
# PGXS comes with the headers of the server.
all install uninstall installcheck:
	@echo "No PostgreSQL server headers found by '$(PG_CONFIG) --pgxs'." >&2
	@echo "Install them (Debian: postgresql-server-dev-NN) or set PG_CONFIG=/path/to/pg_config." >&2
	@exit 1
clean:
	rm -rf $(EXTRA_CLEAN)
endif

demo:
	@demo/run
psql:
	@demo/run psql
test:
	@tools/test
fuzz:
	@tools/fuzz $(SECONDS)
bench:
	@tools/bench
profile:
	@tools/profile $(if $(SQL),"$(SQL)")
benchmarks-page:
	@tools/benchmarks-page $(RUN)
schema:
	@tools/schema write
help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

FORCE:
.PHONY: all install install-library uninstall uninstall-library installcheck clean demo psql test fuzz bench profile benchmarks-page \
	schema help FORCE
