/* PyTorch reads what is written here, and what PyTorch writes is read: tensors of all dtypes, a model, an optimizer. Skipped where
 * there is none. */
#define _DEFAULT_SOURCE /* mkdtemp */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapir.h>
#include <unistd.h>

static const char script[] =
    "import torch, sys, copy, inspect\n"
    "d = sys.argv[1]\n"
    "kinds = [{}]\n"
    "if 'weights_only' in inspect.signature(torch.load).parameters: kinds = [dict(weights_only=True), dict(weights_only=False)]\n"
    "net = torch.nn.Linear(3, 2)\n"
    "for kind in kinds:\n"
    "    t = torch.load(d + '/tensors.pt', **kind)\n"
    "    assert list(t) == ['a', 't', 'i', 'e'], list(t)\n"
    "    assert torch.equal(t['a'], torch.arange(6.).reshape(2, 3)) and torch.equal(t['t'], t['a'].t())\n"
    "    assert t['t'].data_ptr() == t['a'].data_ptr() and t['t'].stride() == (1, 3)\n"
    "    assert t['i'].dtype == torch.int64 and t['i'].shape == () and t['i'] == -2 ** 40\n"
    "    assert t['e'].shape == (0, 4) and t['e'].dtype == torch.float64\n"
    "    net.load_state_dict(torch.load(d + '/net.pt', **kind))\n"
    "    opt = torch.optim.Adam(net.parameters())\n"
    "    torch.save(opt.state_dict(), d + '/own.pt')\n"
    "    try: torch.load(d + '/own.pt', **kind)\n"
    "    except Exception: continue\n" /* 1.13 reads no numbers so, not its own either */
    "    opt.load_state_dict(torch.load(d + '/opt.pt', **kind))\n"
    "    c = torch.load(d + '/parts.pt', **kind)\n"
    "    assert list(c) == ['model', 'optimizer', 'epoch', 'rows'], list(c)\n"
    "    assert type(c['epoch']) is int and c['epoch'] == 5 and torch.equal(c['rows'], torch.ones(2))\n"
    "    o = torch.load(d + '/opt.pt', **kind)\n"
    "    assert c['optimizer']['param_groups'] == o['param_groups'] and list(c['optimizer']['state']) == [0, 1]\n"
    "    assert all(torch.equal(c['optimizer']['state'][0][k], o['state'][0][k]) for k in ('exp_avg', 'exp_avg_sq'))\n"
    "    net.load_state_dict(c['model']); opt.load_state_dict(c['optimizer'])\n"
    "g = opt.param_groups[0]\n"
    "assert g['lr'] == 0.25 and tuple(g['betas']) == (0.9, 0.999), g\n"
    "opt.zero_grad(); net(torch.ones(1, 3)).sum().backward(); opt.step()\n"
    "for new in True, False:\n"
    "    kind = dict(_use_new_zipfile_serialization=new)\n"
    "    n = 'new' if new else 'old'\n"
    "    torch.save(net.state_dict(), d + '/net_%s.pt' % n, **kind)\n"
    "    torch.save(opt.state_dict(), d + '/opt_%s.pt' % n, **kind)\n"
    "    torch.save({'model': net.state_dict(), 'optimizer': opt.state_dict(), 'epoch': 6}, d + '/parts_%s.pt' % n, **kind)\n"
    "    torch.save({str(t).split('.')[1]: (torch.arange(24).reshape(2, 3, 4) % 7).to(t) for t in (torch.float16,\n"
    "        torch.bfloat16, torch.float32, torch.float64, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8)},\n"
    "        d + '/all_%s.pt' % n, **kind)\n"
    "    torch.save({'epoch': 3, 'model': net, 'best': 0.5}, d + '/whole_%s.pt' % n, **kind)\n";

static char folder[] = "/tmp/tapir_torch_XXXXXX", name[100];
static const char *in(const char *file)
{
    snprintf(name, sizeof name, "%s/%s", folder, file);
    return name;
}

static int run(void)
{
    static const char *const pythons[] = {"python3", "/usr/bin/python3"};
    for (int i = 0; i < 2; i++) {
        char command[400];
        snprintf(command, sizeof command, "%s -c 'import torch' 2> /dev/null", pythons[i]);
        if (system(command) != 0) continue;
        FILE *f = fopen(in("script.py"), "w");
        if (f == NULL || fputs(script, f) < 0 || fclose(f) != 0) return 1;
        snprintf(command, sizeof command, "OMP_NUM_THREADS=1 %s -W ignore %s/script.py %s", pythons[i], folder, folder);
        return system(command) != 0;
    }
    return 77;
}

/* One step of both: what torch has afterwards is what there is here. */
static int after_step(tp_tape *T, tp_module *m, tp_optim *o, const char *net, const char *opt)
{
    int            bad = 0;
    tp_state_dict *n = tp_torch_load(T, in(net)), *s = tp_torch_load(T, in(opt)), *mine = tp_module_state_dict(T, m),
                  *state = tp_optim_state_dict(T, o);
    for (int i = 0; mine && i < mine->n; i++)
        bad |= !tp_allclose(T, tp_state_dict_get(n, mine->names[i]), mine->tensors[i], 1e-6, 1e-7, 0);
    for (int i = 0; state && i < state->n; i++) {
        tp_tensor *x = tp_state_dict_get(s, state->names[i]);
        if (strncmp(state->names[i], "state.", 6) == 0)
            bad |= !x || !tp_allclose(T, tp_to(T, x, tp_dtype_of(state->tensors[i])), state->tensors[i], 1e-6, 1e-7, 0);
    }
    if (s) tp_optim_load_state_dict(T, o, s->n, s->names, s->tensors);
    bad |= tp_error(T) != NULL;
    tp_state_dict_free(n);
    tp_state_dict_free(s);
    tp_state_dict_free(mine);
    tp_state_dict_free(state);
    return bad;
}

/* A model, its optimizer and a number, as training scripts save them, have what the two alone have. */
static int parts_as_alone(tp_tape *T, const char *all, const char *net, const char *opt)
{
    tp_state_dict *d = tp_torch_load(T, in(all)), *alone[2] = {tp_torch_load(T, in(net)), tp_torch_load(T, in(opt))};
    int            bad = tp_item(d ? tp_state_dict_get(d, "epoch") : NULL) != 6;
    for (int k = 0; k < 2; k++) {
        tp_state_dict *part = tp_state_dict_part(T, d, k ? "optimizer" : "model");
        bad |= !part || !alone[k] || part->n != alone[k]->n;
        for (int i = 0; !bad && i < part->n; i++)
            bad |= !tp_equal(T, part->tensors[i], tp_state_dict_get(alone[k], part->names[i]));
        tp_state_dict_free(part);
        tp_state_dict_free(alone[k]);
    }
    tp_state_dict_free(d);
    return bad;
}

static int all_dtypes(tp_tape *T, const char *file)
{
    tp_state_dict *d = tp_torch_load(T, in(file));
    int            bad = d == NULL || d->n != 9;
    for (int i = 0; d && i < d->n; i++)
        for (int k = 0; k < 24; k++) bad |= tp_item_at(d->tensors[i], k) != k % 7;
    tp_state_dict_free(d);
    return bad;
}

static void step(tp_tape *T, tp_module *m, tp_optim *o)
{
    tp_optim_zero_grad(o);
    tp_backward(T, tp_sum(T, tp_forward(T, m, tp_ones(T, TP_F32, tp_shape(1, 3)))));
    tp_optim_step(T, o);
}

static int check(tp_tape *T, tp_module *m, tp_optim *o)
{
    int bad = run();
    if (bad) return bad;
    step(T, m, o);
    static const char *const nets[] = {"net_new.pt", "net_old.pt"}, *const opts[] = {"opt_new.pt", "opt_old.pt"},
                             *const alls[] = {"all_new.pt", "all_old.pt"}, *const wholes[] = {"whole_new.pt", "whole_old.pt"},
                             *const parts[] = {"parts_new.pt", "parts_old.pt"};
    for (int k = 0; k < 2 && !bad; k++) {
        bad = after_step(T, m, o, nets[k], opts[k]) | all_dtypes(T, alls[k]) | parts_as_alone(T, parts[k], nets[k], opts[k]);
        if (tp_error(T)) break;
        bad |= tp_torch_load(T, in(wholes[k])) != NULL || tp_error_status(T) != TP_EUNSUPPORTED ||
               strstr(tp_error(T), "torch.nn.modules.linear.Linear") == NULL;
        tp_clear_error(T);
    }
    return bad;
}

int main(void)
{
    tp_tape *T = tp_tape_new();
    if (mkdtemp(folder) == NULL) { printf("no folder\n"); return 77; }
    tp_tensor *a = tp_reshape(T, tp_arange(T, TP_F32, 0, 6, 1), tp_shape(2, 3));
    tp_tensor *x[] = {a, tp_t(T, a), tp_full(T, TP_I64, TP_SCALAR, -0x1p40), tp_zeros(T, TP_F64, tp_shape(0, 4))};
    tp_torch_save(T, in("tensors.pt"), 4, (const char *const[]){"a", "t", "i", "e"}, x);
    tp_module *m = tp_nn_linear(T, 3, 2, NULL);
    tp_optim  *o = tp_optim_adam(T, tp_module_params(m), &(tp_adam_options){.lr = 0.25});
    step(T, m, o);
    tp_state_dict *net = tp_module_state_dict(T, m), *opt = tp_optim_state_dict(T, o);
    if (net) tp_torch_save(T, in("net.pt"), net->n, net->names, net->tensors);
    if (opt) tp_torch_save(T, in("opt.pt"), opt->n, opt->names, opt->tensors);
    tp_tensor     *value[] = {tp_scalar(T, TP_I64, 5), tp_ones(T, TP_F32, tp_shape(2))};
    tp_state_dict  of_value[] = {{1, (const char *const[]){""}, value}, {1, (const char *const[]){""}, value + 1}},
                  *parts[] = {net, opt, of_value, of_value + 1};
    tp_torch_save_parts(T, in("parts.pt"), 4, (const char *const[]){"model", "optimizer", "epoch", "rows"}, parts);
    tp_state_dict_free(net);
    tp_state_dict_free(opt);
    int bad = tp_error(T) ? 1 : check(T, m, o);
    if (tp_error(T)) printf("%s\n", tp_error(T));
    if (bad == 77) printf("python3 has no torch\n");
    tp_optim_free(o);
    tp_module_free(m);
    tp_tape_free(T);
    static const char *const files[] = {"tensors.pt", "net.pt", "opt.pt", "own.pt", "script.py", "net_new.pt", "net_old.pt", "opt_new.pt",
                                        "opt_old.pt", "all_new.pt", "all_old.pt", "whole_new.pt", "whole_old.pt", "parts.pt", "parts_new.pt", "parts_old.pt"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) remove(in(files[i]));
    rmdir(folder);
    return bad;
}
