#!/bin/sh
# Every module that nn.h makes is in test/unit/modules.def, where all are copied, stored, and their gradients checked.
cd "$(dirname "$0")/../.." || exit 1
status=0
for name in $(sed -n 's/^TP_API tp_module *\*\(tp_nn_[a-z0-9_]*\)(.*/\1/p' include/tapir/nn.h); do
    case $name in tp_nn_append | tp_nn_insert | tp_nn_pop | tp_nn_at) continue ;; esac
    grep -q "$name(" test/unit/modules.def || { echo "$name is missing in test/unit/modules.def"; status=1; }
done
exit $status
