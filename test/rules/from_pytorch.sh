#!/bin/sh
# doc/from-pytorch.md is what the headers say.
# shellcheck disable=SC2046 # words are wanted
awk -f doc/from-pytorch.awk include/tapir/*.h | diff doc/from-pytorch.md - ||
    { echo 'make doc/from-pytorch.md brings it up to date'; exit 1; }
