/* Python's Protocol Buffers read TensorBoard's files as they are written here, by the fields that TensorFlow's .proto files give
 * them, and nothing is left unknown. Skipped where there are none. */
#define _DEFAULT_SOURCE /* mkdtemp */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapir.h>
#include <unistd.h>

static const char script[] =
    "import sys, struct\n"
    "from google.protobuf import descriptor_pb2 as D, descriptor_pool, message_factory\n"
    "F = D.FieldDescriptorProto\n"
    "T = dict(double=F.TYPE_DOUBLE, float=F.TYPE_FLOAT, int64=F.TYPE_INT64, int32=F.TYPE_INT32, string=F.TYPE_STRING, bytes=F.TYPE_BYTES)\n"
    "# name: field number type, of event.proto, summary.proto, graph.proto, node_def.proto, attr_value.proto, tensor_shape.proto\n"
    "S = dict(Event='wall_time 1 double, step 2 int64, file_version 3 string, graph_def 4 bytes, summary 5 Summary',\n"
    "    Summary='value 1 *Value', Value='tag 1 string, simple_value 2 float, image 4 Image, histo 5 Histogram',\n"
    "    Image='height 1 int32, width 2 int32, colorspace 3 int32, encoded_image_string 4 bytes',\n"
    "    Histogram='min 1 double, max 2 double, num 3 double, sum 4 double, sum_squares 5 double, bucket_limit 6 *double, bucket 7 *double',\n"
    "    GraphDef='node 1 *NodeDef, versions 4 Versions', Versions='producer 1 int32',\n"
    "    NodeDef='name 1 string, op 2 string, input 3 *string, device 4 string, attr 5 *Entry', Entry='key 1 string, value 2 Attr',\n"
    "    Attr='list 1 List, type 6 int32', List='shape 7 *Shape', Shape='dim 2 *Dim', Dim='size 1 int64')\n"
    "f = D.FileDescriptorProto(name='t.proto', package='t', syntax='proto3')\n"
    "for m, fields in S.items():\n"
    "    d = f.message_type.add(name=m)\n"
    "    for x in fields.split(', '):\n"
    "        n, k, t = x.split()\n"
    "        a = d.field.add(name=n, number=int(k), label=F.LABEL_REPEATED if t[0] == '*' else F.LABEL_OPTIONAL)\n"
    "        t = t.lstrip('*')\n"
    "        if t in T: a.type = T[t]\n"
    "        else: a.type, a.type_name = F.TYPE_MESSAGE, '.t.' + t\n"
    "pool = descriptor_pool.DescriptorPool(); pool.Add(f)\n"
    "get = getattr(message_factory, 'GetMessageClass', None) or message_factory.MessageFactory(pool).GetPrototype\n"
    "def known(m):\n"
    "    c = type(m)(); c.CopyFrom(m); c.DiscardUnknownFields(); assert c == m and len(c.SerializeToString()) == m.ByteSize()\n"
    "def parse(name, data):\n"
    "    m = get(pool.FindMessageTypeByName('t.' + name))(); m.ParseFromString(data); known(m); return m\n"
    "b = open(sys.argv[1], 'rb').read(); at = 0; events = []\n"
    "while at < len(b):\n"
    "    n, = struct.unpack_from('<Q', b, at); events.append(parse('Event', b[at + 12:at + 12 + n])); at += 16 + n\n"
    "assert events[0].file_version == 'brain.Event:2'\n"
    "v = events[1].summary.value[0]; assert events[1].step == 5 and v.tag == 'loss' and v.simple_value == 0.25\n"
    "h = events[2].summary.value[0].histo\n"
    "assert (h.min, h.max, h.num, h.sum, h.sum_squares) == (-1, 2, 4, 2, 6) and sum(h.bucket) == 4 and len(h.bucket) == len(h.bucket_limit)\n"
    "g = parse('GraphDef', events[3].graph_def); assert g.versions.producer == 22\n"
    "nodes = {n.name: n for n in g.node}\n"
    "w = nodes['parameters/weight']; assert w.op == 'Parameter'\n"
    "a = {e.key: e.value for e in w.attr}; assert a['T'].type == 1 and [d.size for d in a['_output_shapes'].list.shape[0].dim] == [1, 2]\n"
    "assert all(i.split(':')[0] in nodes for n in g.node for i in n.input) and any('parameters/weight' in n.input for n in g.node)\n"
    "if len(events) > 4:\n"
    "    i = events[4].summary.value[0].image; assert (i.height, i.width, i.colorspace) == (2, 2, 1) and i.encoded_image_string[:4] == b'\\x89PNG'\n";

static char folder[] = "/tmp/tapir_events_XXXXXX", name[100];

static int run(const char *path)
{
    static const char *const pythons[] = {"python3", "/usr/bin/python3"};
    for (int i = 0; i < 2; i++) {
        char command[600];
        snprintf(command, sizeof command, "%s -c 'import google.protobuf' 2> /dev/null", pythons[i]);
        if (system(command) != 0) continue;
        snprintf(name, sizeof name, "%s/script.py", folder);
        snprintf(command, sizeof command, "%s -W ignore %s %s", pythons[i], name, path);
        FILE *f = fopen(name, "w");
        if (f == NULL || fputs(script, f) < 0 || fclose(f) != 0) return 1;
        return system(command) != 0;
    }
    return 77;
}

int main(void)
{
    tp_tape *T = tp_tape_new();
    if (mkdtemp(folder) == NULL) { printf("no folder\n"); return 77; }
    tp_module *m = tp_nn_linear(T, 2, 1, NULL);
    tp_tensor *x = tp_from(T, TP_F32, tp_shape(2, 2), (const float[]){0, 1, 2, -1});
    tp_events *log = tp_events_open(T, folder);
    tp_events_scalar(T, log, "loss", 0.25, 5);
    tp_events_histogram(T, log, "x", x, 5);
    (void)tp_forward(T, m, x);
    tp_events_graph(T, log, m);
    if (tp_events_image(T, log, "x", x, 5) == TP_EUNSUPPORTED) tp_clear_error(T); /* built without libpng */
    int bad = tp_error(T) ? 1 : run(tp_events_path(log));
    if (tp_error(T)) printf("%s\n", tp_error(T));
    if (bad == 77) printf("python3 has no google.protobuf\n");
    tp_events_close(log);
    tp_module_free(m);
    tp_tape_free(T);
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 ? 1 : bad;
}
