# Sourced by the commands beside it: brings the npm packages, and with them the Node version the project runs on.
# Any Node from 20.19 on can do this; everything after runs on the one in node_modules/.bin.
set -eu
cd "$(dirname "$0")/.."

fail() {
  printf '%s\n' "$1" >&2
  exit 1
}

command -v node >/dev/null 2>&1 || fail 'Node is missing: install Node 20.19 or newer (https://nodejs.org), then run this again.'
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  fail "Node $(node --version) is too old: install Node 20.19 or newer (https://nodejs.org), then run this again."

# npm ci only when the lock file changed since the last one: a second start is quick.
if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
  echo 'Installing npm packages ...'
  npm_log=$(mktemp)
  npm ci --loglevel=error >"$npm_log" 2>&1 || {
    tail -n 15 "$npm_log" >&2
    rm -f "$npm_log"
    fail 'npm ci failed, see above: check the connection to your npm registry, then run this again.'
  }
  rm -f "$npm_log"
  cp package-lock.json node_modules/.installed-lock.json
fi
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
