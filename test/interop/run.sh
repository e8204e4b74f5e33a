#!/bin/sh
# Runs a script with a Python that has the modules it names ("# needs: numpy, torch"), on a build; 77 where there is none.
#
# usage: run.sh SCRIPT BUILD
script=$1 build=$2
modules=$(sed -n 's/^# needs: //p' "$script")
for python in python3 /usr/bin/python3; do
    "$python" -c "import ${modules:-sys}" 2> /dev/null && exec env OMP_NUM_THREADS=1 "$python" -W ignore "$script" "$build"
done
echo "no python3 with $modules"
exit 77
