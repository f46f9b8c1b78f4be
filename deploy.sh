#!/usr/bin/env bash
# From a checkout to a running application: sets up .venv, then runs `skytier up` with the same arguments.
#
#   ./deploy.sh                  on this machine, at http://127.0.0.1:8000
#   ./deploy.sh --port 9000      at another port
#   ./deploy.sh --help           everything `skytier up` takes
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/venv.sh
source scripts/venv.sh
make_venv requirements.txt
checkout=$PWD
cd "$OLDPWD" # relative paths among the arguments, and those that are printed, are the caller's
exec "$checkout/.venv/bin/skytier" up "$@"
