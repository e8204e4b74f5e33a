# generate.awk - reads the public headers and writes a function for each of theirs that calls it with chosen arguments.
#
#     awk -f generate.awk include/tapir/*.h > calls_list.h
#
# An argument's type, and sometimes its name, says of what kind it is; values.h has the values of each kind, the first a
# sensible one. Options are made field by field, which is written out here. A type that is not known stops the build: give
# it a kind below, and values.h its values.
BEGIN {
    kind["tp_tape*"] = "tape"; kind["consttp_tape*"] = "reader"
    kind["tp_tensor*"] = kind["consttp_tensor*"] = "tensor"
    kind["tp_tensor*const*"] = "tensors"; kind["tp_tensor**"] = "outputs"
    kind["int"] = "int"; kind["int64_t"] = "int64"; kind["uint64_t"] = "uint64"; kind["bool"] = "truth"
    kind["double"] = "double"; kind["size_t"] = "room"; kind["tp_dtype"] = "dtype"; kind["tp_dims"] = "dims"
    kind["constint*"] = "ints"; kind["constint64_t*"] = "int64s"; kind["constdouble*"] = "doubles"
    kind["int64_t*"] = "counts"; kind["void*"] = kind["constvoid*"] = "memory"; kind["char*"] = kind["size_t*"] = "memory"
    kind["constchar*"] = "text"; kind["constchar*const*"] = "texts"; kind["void*const*"] = "memories"
    kind["consttp_dims*"] = "shapes"; kind["tp_dims*"] = "shape_out"
    kind["tp_status"] = kind["tp_reduction"] = kind["tp_scatter_rule"] = kind["tp_scatter_reduction"] = "choice"
    kind["tp_quantile_rule"] = kind["tp_jacobian_mode"] = kind["tp_line_search"] = "choice"
    kind["tp_qr_mode"] = kind["tp_lstsq_driver"] = "choice"
    kind["tp_muon_adjust"] = kind["tp_cyclic_mode"] = "choice"
    kind["tp_snapshot*"] = "snapshot"; kind["double*"] = kind["bool*"] = "memory"; kind["tp_running_mean*"] = kind["consttp_running_mean*"] = "running_mean"; kind["tp_early_stopping*"] = "early_stopping"
    kind["tp_batches"] = "batches"; kind["tp_right_inverse"] = "inverse"; kind["tp_lr_fn"] = "rate"; kind["tp_scale_fn"] = "apply"; kind["tp_schedule*"] = kind["consttp_schedule*"] = "schedule"
    kind["tp_schedule*const*"] = "schedules"
    kind["tp_nonlinearity"] = kind["tp_fan"] = kind["tp_padding_kind"] = kind["tp_pad_mode"] = "choice"
    kind["tp_bag_mode"] = kind["tp_interpolation"] = kind["tp_grid_mode"] = kind["tp_grid_padding"] = "choice"
    kind["tp_module*"] = kind["consttp_module*"] = "module"; kind["tp_module*const*"] = "modules"
    kind["tp_params*"] = kind["consttp_params*"] = "params"; kind["tp_grads*"] = kind["consttp_grads*"] = "grads"
    kind["tp_optim*"] = kind["consttp_optim*"] = "optim"; kind["tp_loader*"] = kind["consttp_loader*"] = "loader"
    kind["tp_dataset*"] = kind["consttp_dataset*"] = "dataset"; kind["tp_dataset*const*"] = "datasets"
    kind["tp_dataset**"] = "parts"; kind["tp_dataset_get_fn"] = "get_sample"; kind["tp_collate_fn"] = "collate"
    kind["tp_data_sampler*"] = kind["consttp_data_sampler*"] = "data_sampler"; kind["tp_sampler_draw_fn"] = "draw_order"
    kind["void(*)(void*)"] = "give_back"
    kind["tp_safetensors*"] = kind["consttp_safetensors*"] = "safetensors"; kind["tp_sampler*"] = "sampler"
    kind["tp_csv_names*"] = "csv_names"; kind["tp_csv_names**"] = "csv_names_out"; kind["tp_csv_header"] = kind["tp_image_mode"] = "choice"
    kind["tp_plot*"] = kind["consttp_plot*"] = "plot"; kind["tp_csv_log*"] = kind["consttp_csv_log*"] = "csv_log"; kind["tp_events*"] = kind["consttp_events*"] = "events"
    kind["consttp_lr_range*"] = "lr_range"; kind["tp_plot_key"] = kind["tp_plot_style"] = "choice"
    kind["tp_rnn_state*"] = kind["consttp_rnn_state*"] = "rnn_state"
    kind["tp_hdf5*"] = kind["consttp_hdf5*"] = "hdf5"; kind["consttp_hdf5_attr*"] = "attrs"; special["tp_hdf5_open path"] = "groups"
    kind["tp_npz*"] = kind["consttp_npz*"] = "npz"
    kind["tp_progress*"] = kind["consttp_progress*"] = "progress"; kind["tp_mark"] = "mark"; kind["tp_scope"] = "scope"; kind["FILE*"] = "file"
    kind["consttp_op*"] = "op"; kind["tp_call*"] = "call"; kind["consttp_module_class*"] = "class"
    kind["tp_function"] = "function"; kind["consttp_function*"] = "functions"; kind["tp_step_function"] = "step"
    kind["tp_hook"] = "hook"; kind["tp_closure"] = "closure"; kind["tp_distance_fn"] = "distance"; kind["tp_module_visitor"] = "visitor"
    kind["tp_submodule_visitor"] = "submodule_visitor"
    kind["tp_forward_pre_hook"] = "forward_pre_hook"; kind["tp_forward_hook"] = "forward_hook"
    kind["tp_backward_hook"] = "backward_hook"
    kind["tp_state_dict*"] = kind["consttp_state_dict*"] = "state_dict"; kind["tp_state_dict*const*"] = "state_dicts"
    kind["tp_warning_handler"] = "handler"; kind["double(*)(double,void*)"] = "apply"
    kind["consttp_call*"] = "call"; kind["consttp_vjp*"] = "vjp"; kind["tp_alloc"] = "alloc"
    kind["double(*)(double,double,void*)"] = "map"; kind["void(*)(void*)"] = "deleter"
    kind["structDLManagedTensor*"] = "managed"; kind["structDLManagedTensorVersioned*"] = "managed_versioned"
    # What is made of printf's arguments cannot be called so.
    variadic["tp_fail"] = variadic["tp_call_fail"] = variadic["tp_warn"] = 1
    # As many calls as are asked for.
    special["tp_checkpoint_steps n_steps"] = special["tp_svd_lowrank niter"] = special["tp_pca_lowrank niter"] = "few"
    special["tp_rnn_forward m"] = "recurrent"; special["tp_rnn_forward x"] = "batch"
    special["tp_rnn_forward lengths"] = "index"
    special["tp_rnn_tanh_cell bias_ih"] = special["tp_rnn_tanh_cell bias_hh"] = "vector"
    special["tp_rnn_relu_cell bias_ih"] = special["tp_rnn_relu_cell bias_hh"] = "vector"
    special["tp_gru_cell weight_ih"] = special["tp_gru_cell weight_hh"] = "three_gates"
    special["tp_gru_cell bias_ih"] = special["tp_gru_cell bias_hh"] = "nine_numbers"
    special["tp_lstm_cell weight_ih"] = special["tp_lstm_cell weight_hh"] = "four_gates"
    special["tp_lstm_cell bias_ih"] = special["tp_lstm_cell bias_hh"] = "twelve_numbers"
    special["tp_mv x"] = special["tp_addmv v"] = "vector"
    special["tp_linalg_solve_tridiagonal dl"] = special["tp_linalg_solve_tridiagonal du"] = "pair"
    special["tp_linalg_solve_tridiagonal d"] = special["tp_linalg_solve_tridiagonal b"] = "vector"
    special["tp_addbmm a"] = special["tp_addbmm b"] = "batch"
    special["tp_confusion_add target"] = special["tp_accuracy target"] = "labels"
    special["tp_confusion_scores counts"] = "table"; special["tp_confusion_scores classes"] = "two"
    special["tp_roc_auc scores"] = special["tp_roc_curve scores"] = "vector"
    special["tp_roc_auc target"] = special["tp_roc_curve target"] = "yes_or_no"
    special["tp_k_fold k"] = "two"; special["tp_k_fold n"] = "three"; special["tp_k_fold fold"] = "few_folds"
    special["tp_k_fold order"] = "order"
    special["tp_nn_adaptive_log_softmax_with_loss classes"] = "nine"
    special["tp_nn_adaptive_log_softmax_with_loss cutoffs"] = "cutoffs"
    special["tp_adaptive_log_softmax_log_prob module"] = special["tp_adaptive_log_softmax_predict module"] = "adaptive"
    special["tp_multi_margin_loss target"] = "labels"
    special["tp_multilabel_margin_loss target"] = "classes"
    special["tp_ctc_loss targets"] = special["tp_ctc_loss input_lengths"] = special["tp_ctc_loss target_lengths"] = "single"
    special["tp_set_rng_state state"] = "state"
    special["tp_read_idx path"] = "idx"
    special["tp_module_get_parameter name"] = "parameter"
    special["tp_module_get_buffer name"] = "buffer"
    special["tp_module_set_param name"] = "parameter"; special["tp_module_set_param x"] = "own_bias"
    n = split("adam adamw sparse_adam adamax nadam radam adagrad adadelta rmsprop rprop asgd lion lamb adafactor muon", other, " ")
    for (i = 1; i <= n; i++) special["tp_optim_" other[i] "_group o"] = other[i]
    special["tp_optim_muon params"] = special["tp_optim_muon_group params"] = "matrices"
    special["tp_optim_option name"] = special["tp_optim_set_option name"] = "option"
    special["tp_schedule_step_metric s"] = "plateau"
    special["tp_snapshot_load path"] = "snapshot_path"; special["tp_snapshot_tensor x"] = "owned"
    special["tp_loader_load_state_dict names"] = "loader_names"; special["tp_loader_load_state_dict tensors"] = "loader_values"
    special["tp_subset indices"] = special["tp_subset_random_sampler indices"] = "few_rows"
    special["tp_subset n"] = special["tp_subset_random_sampler n"] = "side"
    special["tp_random_split lengths"] = "lengths"; special["tp_random_split_fractions fractions"] = "fractions"
    special["tp_weighted_random_sampler weights"] = "vector"
    n = split("random_horizontal_flip random_vertical_flip random_crop random_rotation gaussian_noise random_erasing", other, " ")
    for (i = 1; i <= n; i++) special["tp_" other[i] " x"] = "image2"
    n = split("weight_norm spectral_norm parametrize parametrized remove_parametrizations prune_identity prune_random_unstructured" \
              " prune_l1_unstructured prune_random_structured prune_ln_structured prune_custom_from_mask prune_remove", other, " ")
    for (i = 1; i <= n; i++) special["tp_" other[i] " name"] = "weight_name"
    special["tp_prune_l1_unstructured scores"] = special["tp_prune_ln_structured scores"] = "own_weight"
    special["tp_parametrize by"] = "same"
    special["tp_prune_custom_from_mask mask"] = "own_weight"; special["tp_prune_remove m"] = "pruned"
    special["tp_remove_parametrizations m"] = "parametrized"
    special["tp_prune_global_unstructured modules"] = "networks"; special["tp_prune_global_unstructured names"] = "weight_names"
    special["tp_averaged_update averaged"] = "averaged"; special["tp_vector_to_parameters vector"] = "all_values"
    special["tp_schedule_load_state_dict n"] = "schedule_count"
    special["tp_schedule_load_state_dict names"] = "schedule_names"
    special["tp_schedule_load_state_dict tensors"] = "schedule_values"
    special["tp_safetensors_open path"] = "stored"
    special["tp_npy_load path"] = "array"; special["tp_npz_open path"] = "arrays"
    special["tp_torch_load path"] = "weights"; special["tp_csv_load path"] = "numbers"; special["tp_image_load path"] = "picture"; special["tp_image_save path"] = "picture_path"
    special["tp_plot_images p"] = special["tp_plot_heatmap p"] = special["tp_plot_confusion p"] = "empty_plot"
    special["tp_plot_confusion counts"] = "table"; special["tp_plot_confusion classes"] = "two"
    special["tp_plot_save path"] = special["tp_plot_show path"] = "plot_path"; special["tp_plot_curve y"] = special["tp_plot_scatter y"] = "vector"
    special["tp_plot_curve x"] = special["tp_plot_scatter x"] = special["tp_plot_band x"] = special["tp_plot_band low"] = special["tp_plot_band high"] = "vector"
    special["tp_plot_images x"] = "batch"
    special["tp_csv_log_open path"] = "log_path"; special["tp_events_open directory"] = "events_directory"
    special["tp_from_file path"] = "arrays"; special["tp_from_file_raw path"] = "array"
    special["tp_from_file_raw shape"] = "nothing"; special["tp_to_dlpack x"] = special["tp_to_dlpack_versioned x"] = "detached"
    for (d = 1; d <= 3; d++) # x, weight and bias that fit
        for (i = 0; i < 2; i++) {
            conv = (i ? "conv_transpose" : "conv") d "d"
            special["tp_" conv " x"] = "image" d
            special["tp_" conv " weight"] = "filter" d
            special["tp_" conv " bias"] = "pair"
            special["tp_nn_" conv " kernel"] = "window"
        }
    special["tp_pad x"] = special["tp_pixel_shuffle x"] = special["tp_pixel_unshuffle x"] = "image2"
    special["tp_channel_shuffle x"] = special["tp_interpolate x"] = special["tp_im2col x"] = "image2"
    special["tp_grid_sample x"] = "image2"; special["tp_grid_sample grid"] = "grid"
    special["tp_affine_grid theta"] = "affine"; special["tp_affine_grid size"] = "plane"
    special["tp_col2im x"] = "columns"; special["tp_col2im size"] = "five"; special["tp_col2im kernel"] = "window"
    special["tp_im2col kernel"] = special["tp_nn_unfold kernel"] = special["tp_nn_fold kernel"] = "window"
    special["tp_pad padding"] = "sides"
    special["tp_pixel_shuffle r"] = special["tp_pixel_unshuffle r"] = special["tp_channel_shuffle groups"] = "few"
    for (d = 1; d <= 3; d++) {
        n = split("zero reflection replication circular constant", side, " ")
        for (i = 1; i <= n; i++) special["tp_nn_" side[i] "_pad" d "d padding"] = "window"
        n = split("max_pool avg_pool lp_pool adaptive_max_pool adaptive_avg_pool max_unpool", pool, " ")
        for (i = 1; i <= n; i++) {
            special["tp_" pool[i] d "d x"] = "image" d
            special["tp_" pool[i] d "d indices"] = pool[i] == "max_unpool" ? "map" d : "outputs"
            special["tp_" pool[i] d "d kernel"] = special["tp_nn_" pool[i] d "d kernel"] = "window"
            special["tp_" pool[i] d "d size"] = special["tp_nn_" pool[i] d "d size"] = "window"
        }
    }
    # A result for each pair of them.
    special["tp_hessian n_in"] = special["tp_jacobian n_in"] = special["tp_jacobian n_out"] = "side"
}

{ gsub(/\\$/, ""); gsub(/TP_RESERVED\([0-9]+\);/, ""); if ($0 !~ /^#/) text = text " " $0 }

# text without comments
function bare(s,    out, at, end)
{
    while ((at = index(s, "/*")) > 0) {
        out = out substr(s, 1, at - 1) " "
        s = substr(s, at + 2)
        end = index(s, "*/")
        s = substr(s, end + 2)
    }
    return out s
}

function trim(s) { gsub(/[ \t]+/, " ", s); sub(/^ /, "", s); sub(/ $/, "", s); return s }

# "const tp_tensor *x" -> sets TYPE and NAME
function parse(p,    inside)
{
    p = trim(p)
    if (match(p, /\(\*[a-z_0-9]*\)/)) { # a function: its parameters' names go
        NAME = substr(p, RSTART + 2, RLENGTH - 3)
        inside = substr(p, RSTART + RLENGTH)
        gsub(/double [a-z]+/, "double", inside)
        gsub(/\*[a-z]+/, "*", inside)
        TYPE = substr(p, 1, RSTART - 1) "(*)" inside
    } else {
        match(p, /[A-Za-z_0-9]+$/)
        NAME = substr(p, RSTART)
        TYPE = substr(p, 1, RSTART - 1)
        if (TYPE == "") { TYPE = NAME; NAME = "" }
    }
    gsub(/ /, "", TYPE)
}

function kind_of(type, name, where, counted,    k)
{
    if ((where " " name) in special) return special[where " " name]
    if (type ~ /^consttp_[a-z_0-9]*_options\*$/) { k = type; gsub(/^const|\*$/, "", k); if (k in fields) return k }
    if (!(type in kind)) {
        printf "test/calls/generate.awk: %s takes %s \"%s\", a type that has no kind yet:\n", where, type, name > "/dev/stderr"
        print "    add it to the list at the top, and its values to test/calls/values.h" > "/dev/stderr"
        failed = 1
        exit 1
    }
    k = kind[type]
    if (k == "int" && name ~ /^dim1$|^end_dim$/) return "second"
    if (k == "int" && counted && name ~ /^[nm]$|^n_/) return "count"
    if (k == "int" && name == "max") return "max"
    if (k == "tensor" && name == "pivots") return "pivots"
    if (k == "tensor" && name ~ /^(index|indices|times|sorter|fweights)$/) return "index"
    if (k == "tensor" && name ~ /^(mask|condition)$/) return "mask"
    if (k == "text" && name == "path") return "path"
    if (k == "text" && name == "index" && counted) return "places"
    if (k == "text" && name == "equation") return "equation"
    return k
}

# The fields of options as a list "kind field;kind field"; of an array its first element.
function struct_of(body, name,    n, i, part, m, j, names, list, counted, base, element)
{
    counted = body ~ /\*/
    n = split(body, part, ";")
    for (i = 1; i <= n; i++) {
        if (trim(part[i]) == "") continue
        m = split(part[i], names, ",")
        element = sub(/\[[0-9]+\] *$/, "", names[1]) ? "[0]" : ""
        parse(names[1])
        NAME = NAME element
        base = TYPE
        list = list kind_of(TYPE, NAME, name, counted) " " NAME ";"
        for (j = 2; j <= m; j++) list = list kind_of(base, trim(names[j]), name, counted) " " trim(names[j]) ";"
    }
    fields[name] = list
}

function write_struct(name,    n, i, part, p, total)
{
    n = split(fields[name], part, ";")
    printf "static inline const %s *get_%s(int v)\n{\n    static %s o;\n", name, name, name
    print "    memset(&o, 0, sizeof o);\n    if (v == 0)\n        return NULL;\n    v -= 2;"
    total = "2"
    for (i = 1; i < n; i++) {
        split(part[i], p, " ")
        printf "    if (v >= 0 && v < N_%s)\n        o.%s = get_%s(v);\n    v -= N_%s;\n", p[1], p[2], p[1], p[1]
        total = total " + N_" p[1]
    }
    printf "    return &o;\n}\nKIND(%s, %s)\n\n", name, total
}

function write_call(declaration,    open, head, name, ret, args, n, i, part, depth, c, arg, k, kinds, call, made, counted, outs)
{
    match(declaration, /tp_[A-Za-z_0-9]+ *\(/)
    name = substr(declaration, RSTART, RLENGTH - 1)
    ret = trim(substr(declaration, 1, RSTART - 1))
    gsub(/ /, "", ret)
    args = substr(declaration, RSTART + RLENGTH)
    sub(/\)[^)]*$/, "", args)
    if (declaration ~ /TP_PRINTF/ || args ~ /\.\.\./) {
        if (name in variadic) return
        print "test/calls/generate.awk: " name " takes what it likes: name it in `variadic`" > "/dev/stderr"
        failed = 1
        exit 1
    }
    n = 0
    arg = ""
    depth = 0
    for (i = 1; i <= length(args); i++) {
        c = substr(args, i, 1)
        depth += (c == "(") - (c == ")")
        if (c == "," && depth == 0) { part[++n] = arg; arg = "" } else arg = arg c
    }
    if (trim(arg) != "" && trim(arg) != "void") part[++n] = arg
    counted = args ~ /\*const|const int \*|const int64_t \*|\*\*|const tp_dims \*|const tp_function \*/
    outs = args ~ /tp_tensor \*\*/
    for (i = 1; i <= n; i++) {
        parse(part[i])
        k = kind_of(TYPE, NAME, name, counted)
        kinds = kinds (i > 1 ? ", " : "") "&kind_" k
        made = made "    __auto_type a" i " = get_" k "(v[" i - 1 "]);\n"
        call = call (i > 1 ? ", a" : "a") i
    }
    printf "static void call_%s(const int *v)\n{\n    (void)v;\n%s    made();\n", name, made
    if (ret == "tp_tensor*") printf "    judge_tensor(%s(%s));\n", name, call
    else if (ret == "tp_status") printf "    judge_status(%s(%s));\n", name, call
    else if (ret ~ /^tp_(params|module|optim|schedule|snapshot|plot|csv_log|events|grads|loader|dataset|data_sampler|safetensors|npz|hdf5|state_dict)\*$/) printf "    judge_object(%s(%s));\n", name, call
    else if (ret ~ /^structDL/) printf "    judge_%s(%s(%s));\n", kind[ret], name, call
    else if (ret == "int" && outs) printf "    judge_parts(%s(%s));\n", name, call
    else if (ret == "void") printf "    %s(%s);\n", name, call
    else printf "    (void)%s(%s);\n", name, call
    print "}"
    table[++calls] = sprintf("    {\"%s\", call_%s, %d, {%s}},", name, name, n, kinds == "" ? "NULL" : kinds)
}

END {
    if (failed) exit 1
    print "/* Made by generate.awk. */"
    text = bare(text)
    rest = text
    while (match(rest, /typedef struct *\{[^}]*\} *tp_[a-z_0-9]*_options;/)) {
        one = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
        body = one; sub(/^[^{]*\{/, "", body); sub(/\}[^}]*$/, "", body)
        name = one; sub(/^.*\} */, "", name); sub(/;$/, "", name)
        struct_of(body, name)
        write_struct(name)
    }
    while (match(text, /TP_API [^;]*;/)) {
        one = substr(text, RSTART + 7, RLENGTH - 8)
        text = substr(text, RSTART + RLENGTH)
        write_call(trim(one))
    }
    print "static const function functions[] = {"
    for (i = 1; i <= calls; i++) print table[i]
    print "};"
}
