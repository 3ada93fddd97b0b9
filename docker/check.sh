#!/bin/sh
# Builds the image of docker/jupyter and tries it: its size, a lesson with the network off, the token, the health check.
#
#     docker/check.sh          with docker; where no engine runs, with the script that DOCKER_WITHOUT_ENGINE names
#
# That script understands "build TAG CONTEXT ARGS", "run TAG ARGS -- COMMAND" and "podman ARGS"; as root, buildah and podman can be
# behind it.
set -eu
cd "$(dirname "$0")/.."
image=gomm-jupyter-check
token=a-token-for-this-check
port=8899
other=${DOCKER_WITHOUT_ENGINE:-../shared/docker-without-engine.sh}

if docker info >/dev/null 2>&1; then
	build() { docker build -t "$image" -f docker/jupyter/Dockerfile .; }
	run() { docker run "$@"; }
	engine() { docker "$@"; }
	name=$image
elif [ -x "$other" ]; then
	build() { "$other" build "$image" . -f docker/jupyter/Dockerfile; }
	run() { "$other" podman run "$@"; }
	engine() { "$other" podman "$@"; }
	name=localhost/$image
else
	echo "docker/check.sh: no docker engine runs here: start one, or name a script that does without by DOCKER_WITHOUT_ENGINE" >&2
	exit 1
fi

echo "== build"
build
echo "== size, by layers"
engine history --no-trunc=false "$name"
bytes=$(engine image inspect --format '{{.Size}}' "$name")
echo "the image takes $((bytes / 1000000)) MB"
[ "$bytes" -le 2500000000 ] || { echo "docker/check.sh: more than 2,500 MB" >&2; exit 1; }

# make setup goes on without the plugin where there is none; here there is one.
if [ "$(uname -m)" = x86_64 ]; then
	echo "== the plugin"
	run --rm --network=none --cap-drop=ALL "$name" bin/gomm doctor | grep "^ok  *XLA plugin"
fi

echo "== lessons 3 and 11, with the network off"
run --rm --network=none --cap-drop=ALL "$name" make check-notebooks LANGUAGES=en ONLY="03|11"

echo "== the server"
container=$(run -d --cap-drop=ALL -e JUPYTER_TOKEN="$token" -p "127.0.0.1:$port:8888" "$name")
trap 'engine rm -f "$container" >/dev/null' EXIT
# The very command that the Dockerfile names.
healthcheck=$(python3 -c "
import json, re, shlex
command = re.search(r'^HEALTHCHECK .*\n +CMD (.*)$', open('docker/jupyter/Dockerfile').read(), re.M).group(1)
print(shlex.join(json.loads(command)))")
health() { engine exec "$container" sh -c "$healthcheck"; }
tries=0
until health 2>/dev/null; do
	tries=$((tries + 1))
	[ $tries -lt 60 ] || { engine logs "$container" >&2; echo "docker/check.sh: JupyterLab did not answer within a minute" >&2; exit 1; }
	sleep 1
done
echo "the health check is well after $tries s"
status() { python3 -c "
import sys, urllib.error, urllib.request
try:
    print(urllib.request.urlopen(sys.argv[1], timeout=10).status)
except urllib.error.HTTPError as e:
    print(e.code)" "$1"; }
without=$(status "http://127.0.0.1:$port/api/contents")
with=$(status "http://127.0.0.1:$port/api/contents?token=$token")
echo "the lessons' folder: $without without the token, $with with it"
[ "$without" = 403 ] && [ "$with" = 200 ] || { echo "docker/check.sh: want 403 and 200" >&2; exit 1; }
user=$(engine exec "$container" id -un)
echo "it runs as the user $user"
[ "$user" = gomm ] || { echo "docker/check.sh: want the user gomm" >&2; exit 1; }
echo "all is well"
