#!/usr/bin/env bash
# Sets up what the tests need, then runs linters, type checks and all tests.
#
#   ./test.sh                    everything that needs no cloud
#   ./test.sh tests/app -k users only these (arguments go to pytest; linters are left out)
#   ./test.sh cloud              those on a real OpenStack, which devcloud/up brings up on this machine
#   ./test.sh shapes             those of other shapes of clouds, for hours: a newer OpenStack, which devcloud/second
#                                brings up beside the first one; what takes many minutes on that; Debian 13
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/venv.sh
source scripts/venv.sh
# The tests start hundreds of processes of Python. Where bytecode may not be kept, each compiles all
# that it imports.
unset PYTHONDONTWRITEBYTECODE

# require_packages COMMAND:PACKAGE ... installs what is missing with apt when root; says what to install otherwise.
require_packages() {
    local pair missing=()
    for pair in "$@"; do
        PATH=$PATH:/usr/sbin command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "The tests need packages that are not installed. Install them, and run again:" >&2
        echo "    sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        return 1
    fi
    echo "Installing ${missing[*]} ..."
    apt-get update -qq
    # RUNLEVEL=1 keeps the packages from starting services of their own: the tests start theirs.
    RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# make_environment makes the environment of the tests.
make_environment() {
    # Most of it is never loaded, and what is loaded is compiled then: to compile all takes longer.
    make_venv requirements-dev.txt --no-compile || return
    # What the tests load is compiled here, once: processes that begin together would each do it.
    [ -e tests/__pycache__ ] || .venv/bin/pytest --collect-only -qq >/dev/null || true
}

# set_up COMMAND:PACKAGE ... makes that environment while packages are installed.
set_up() {
    make_environment &
    local making=$!
    # Both say what is missing, so the second is waited for, whatever the first one says.
    require_packages "$@" || { wait $making || true; return 1; }
    wait $making
}

packages=(nginx:nginx redis-server:redis-server shellcheck:shellcheck haproxy:haproxy keepalived:keepalived
    chromium-headless-shell:chromium-headless-shell
    openssl:openssl systemd-analyze:systemd ssh:openssh-client
    promtool:prometheus amtool:prometheus-alertmanager
    prometheus-node-exporter:prometheus-node-exporter prometheus-nginx-exporter:prometheus-nginx-exporter
    prometheus-postgres-exporter:prometheus-postgres-exporter prometheus-redis-exporter:prometheus-redis-exporter
    wrk:wrk node:nodejs npm:npm)
# Machines in containers, which only root can start.
if [ "$(id -u)" = 0 ]; then
    packages+=(systemd-nspawn:systemd-container debootstrap:debootstrap ip:iproute2
        dnsmasq:dnsmasq-base)
fi
cloud_packages=(ssh:openssh-client ip:iproute2 chromium-headless-shell:chromium-headless-shell influxd:influxdb
    cloudkitty-api:cloudkitty-api cloudkitty-processor:cloudkitty-processor)
# What needs no guest, and nothing of the first cloud on this machine.
without_guests=(tests/cloud/stack/test_{lock,spread,standing,given_network,given_router,ipv6,resources,repair}.py)
if [ "${1:-}" = shapes ]; then
    set_up "${cloud_packages[@]}" "${packages[@]}" debootstrap:debootstrap
    # Each part runs, whatever came of those before it.
    failed=0
    {
        devcloud/second up &&
            OS_CLIENT_CONFIG_FILE=${DEVCLOUD_HOME:-/var/lib/devcloud}-second/root/etc/openstack/clouds.yaml \
                .venv/bin/pytest "${without_guests[@]}"
    } || failed=$?
    devcloud/second down || failed=$?
    # In one process: while guests are on a provider network, others may have no way out.
    { devcloud/up --fake-hosts --objects --load-balancers && .venv/bin/pytest tests/cloud --large -m large; } || failed=$?
    .venv/bin/pytest -n 2 --dist loadfile tests/roles tests/cluster --large \
        -k "debian-13 or test_newer_system or test_major" || failed=$?
    exit $failed
fi
if [ "${1:-}" = cloud ]; then
    set_up "${cloud_packages[@]}"
    devcloud/up --fake-hosts --objects --load-balancers
    if [ $# -gt 1 ]; then
        exec .venv/bin/pytest tests/cloud "${@:2}"
    fi
    # One process for what boots guests, and two for all else.
    exec .venv/bin/pytest -n 3 --dist loadfile tests/cloud
fi
set_up "${packages[@]}"

if [ $# -gt 0 ]; then
    exec .venv/bin/pytest "$@"
fi
lint() {
    .venv/bin/ruff check .
    .venv/bin/ruff format --check .
    shellcheck --external-sources deploy.sh test.sh .ci/run scripts/* bench/{run,grow,monitor,fuzz,release,change,database} devcloud/{up,down,status,logs,image,second,agent/ebtables}
    .venv/bin/mypy
}

# They need a minute of a processor, and the tests wait now and then.
# The image that containers boot takes one processor two minutes. What needs it begins later, and waits
# for it, or says why there is none.
if [ "$(id -u)" = 0 ]; then
    .venv/bin/python -c 'from tests.cluster import container; container.missing() or container.image()' >/dev/null 2>&1 &
fi

lint_output=$(mktemp)
trap 'rm -f "$lint_output"' EXIT
lint >"$lint_output" 2>&1 &
linting=$!
failed=0
# Four processes on two cores: most tests wait most of their time. What shares something costly stays
# in one process, and the longest begin first: tests/side_by_side.py.
.venv/bin/pytest -n 4 --dist loadfile --ignore=tests/cloud || failed=$?
wait $linting || failed=$?
echo "Linters and type checks:"
cat "$lint_output"
exit $failed
