#!/bin/sh
# Makes the lock files requirements/*.txt anew from requirements/*.in with the newest versions. A file
# is resolved under the versions of those before it that share its environment.
set -eu
cd "$(dirname "$0")/../requirements"
uv=${UV:-uv}

oldest=3.10

lock() {
    name=$1
    shift
    echo "requirements/$name.txt"
    "$uv" pip compile --quiet --universal --python-version "$oldest" --generate-hashes \
        --no-header --no-annotate --upgrade "$@" -o "$name.txt.new" "$name.in"
    {
        echo "# Made by \`make lock\` from $name.in; do not edit."
        cat "$name.txt.new"
    } > "$name.txt"
    rm "$name.txt.new"
}

lock lock
lock base
lock local -c base.txt
lock matrix -c base.txt -c local.txt
lock test -c base.txt -c local.txt -c matrix.txt
lock lint -c base.txt -c local.txt -c test.txt
lock wheel -c base.txt -c local.txt -c test.txt -c lint.txt
oldest=3.11 # PyAthena 4.2.1 asks for it
lock pyathena
lock pyathena-test -c pyathena.txt
lock bench
