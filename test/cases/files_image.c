/* PIL reads the pictures that are written here, and what PIL writes is read as PIL has it. Skipped where there is none. */
#define _DEFAULT_SOURCE /* mkdtemp */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tapir.h>
#include <unistd.h>

/* Of each picture the pixels lie beside it as TYPE HEIGHT WIDTH CHANNELS and numbers. */
static const char script[] =
    "import sys, glob, os\n"
    "from PIL import Image\n"
    "d = sys.argv[1]\n"
    "def pixels(i):\n"
    "    return [v for p in i.getdata() for v in (p if isinstance(p, tuple) else (p,))]\n"
    "for f in sorted(glob.glob(d + '/mine_*.*')):\n"
    "    if f.endswith('.txt'): continue\n"
    "    h, w, c, *v = map(int, open(f + '.txt').read().split())\n"
    "    i = Image.open(f); i.load()\n"
    "    assert i.size == (w, h), (f, i.size)\n"
    "    assert pixels(i) == v, (f, i.mode, pixels(i)[:9], v[:9])\n"
    "def put(name, i, j=None, **k):\n"
    "    i.save(d + '/theirs_' + name, **k)\n"
    "    j = i if j is None else j\n"
    "    v = pixels(j)\n"
    "    with open(d + '/theirs_' + name + '.txt', 'w') as f:\n"
    "        print(j.size[1], j.size[0], len(v) // (j.size[0] * j.size[1]), *v, file=f)\n"
    "w, h = 13, 9\n"
    "rgb = Image.new('RGB', (w, h)); rgb.putdata([(i * 7 % 256, i * 13 % 256, i * 29 % 256) for i in range(w * h)])\n"
    "rgba = rgb.copy(); rgba.putalpha(rgb.convert('L').point(lambda v: 255 - v))\n"
    "gray = rgb.convert('L'); la = rgba.convert('LA'); one = gray.convert('1')\n"
    "few = rgb.quantize(5); many = rgb.quantize(200)\n"
    "wide = Image.new('I', (w, h)); wide.putdata([i * 401 % 65536 for i in range(w * h)])\n"
    "put('rgb.png', rgb); put('rgba.png', rgba); put('gray.png', gray); put('la.png', la)\n"
    "put('one.png', one, one.convert('L')); put('few.png', few, few.convert('RGB')); put('many.png', many, many.convert('RGB'))\n"
    "few.save(d + '/t.png', transparency=2); put('clear.png', few, Image.open(d + '/t.png').convert('RGBA'), transparency=2)\n"
    "put('wide.png', wide); put('wide.pgm', wide); put('rgb.ppm', rgb); put('gray.pgm', gray); put('one.pbm', one, one.convert('L'))\n"
    "os.remove(d + '/t.png')\n";

static char folder[] = "/tmp/tapir_image_XXXXXX", name[300];
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
        snprintf(command, sizeof command, "%s -c 'import PIL' 2> /dev/null", pythons[i]);
        if (system(command) != 0) continue;
        snprintf(command, sizeof command, "%s -W ignore %s/script.py %s", pythons[i], folder, folder);
        FILE *f = fopen(in("script.py"), "w");
        if (f == NULL || fputs(script, f) < 0 || fclose(f) != 0) return 1;
        return system(command) != 0;
    }
    return 77;
}

/* A picture of random pixels, and its numbers, as PIL's: a picture of one channel by its numbers, 16 bits a number. */
static void write_one(tp_tape *T, const char *file, tp_dtype dtype, int channels, const tp_image_options *o)
{
    char text[100];
    tp_tensor *x = tp_randint(T, dtype, tp_shape(channels, 5, 11), 0, dtype == TP_U8 ? 256 : dtype == TP_BOOL ? 2 : 65536);
    if (tp_image_save(T, in(file), x, o) != TP_OK) return;
    snprintf(text, sizeof text, "%s.txt", file);
    FILE *f = fopen(in(text), "w");
    if (f == NULL) return;
    fprintf(f, "5 11 %d", channels);
    for (int i = 0; i < 55; i++)
        for (int k = 0; k < channels; k++) fprintf(f, " %g", tp_item_at(x, k * 55 + i) * (dtype == TP_BOOL ? 255 : 1));
    fclose(f);
}

static int read_one(tp_tape *T, const char *file)
{
    char text[100];
    int h = 0, w = 0, c = 0, v;
    snprintf(text, sizeof text, "%s.txt", file);
    FILE *f = fopen(in(text), "r");
    tp_tensor *x = tp_image_load(T, in(file), TP_IMAGE_UNCHANGED);
    int bad = f == NULL || fscanf(f, "%d %d %d", &h, &w, &c) != 3 || x == NULL || tp_size(x, 0) != c || tp_size(x, 1) != h ||
              tp_size(x, 2) != w;
    for (int i = 0; i < h * w && !bad; i++)
        for (int k = 0; k < c && !bad; k++) bad = fscanf(f, "%d", &v) != 1 || tp_item_at(x, k * h * w + i) != v;
    if (bad) printf("%s: %s\n", file, tp_error(T) ? tp_error(T) : "other pixels");
    if (f) fclose(f);
    return bad;
}

int main(void)
{
    static const char *const theirs[] = {"rgb.ppm", "gray.pgm", "one.pbm", "wide.pgm", "rgb.png", "rgba.png", "gray.png",
                                         "la.png", "one.png", "few.png", "many.png", "clear.png", "wide.png"};
    tp_tape *T = tp_tape_new();
    if (mkdtemp(folder) == NULL) { printf("no folder\n"); return 77; }
    for (int ascii = 0; ascii < 2; ascii++) {
        const tp_image_options o = {.ascii = ascii};
        char file[40];
        static const struct { const char *ending; tp_dtype dtype; int channels; } kinds[] = {
            {"b.pbm", TP_BOOL, 1}, {"g.pgm", TP_U8, 1}, {"w.pgm", TP_I32, 1}, {"p.ppm", TP_U8, 3}};
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
            snprintf(file, sizeof file, "mine_%d%s", ascii, kinds[k].ending);
            write_one(T, file, kinds[k].dtype, kinds[k].channels, &o);
        }
    }
    bool png = true;
    for (int c = 1; c <= 4 && png; c++) {
        char file[40];
        snprintf(file, sizeof file, "mine_%d.png", c);
        write_one(T, file, TP_U8, c, NULL);
        if (tp_error_status(T) == TP_EUNSUPPORTED) { tp_clear_error(T); png = false; } /* built without libpng */
    }
    if (png) write_one(T, "mine_w.png", TP_I32, 1, NULL);
    int bad = tp_error(T) ? 1 : run();
    for (size_t i = 0; i < sizeof theirs / sizeof *theirs && bad == 0 && (png || i < 4); i++) {
        char file[60];
        snprintf(file, sizeof file, "theirs_%s", theirs[i]);
        bad = read_one(T, file);
    }
    if (tp_error(T)) printf("%s\n", tp_error(T));
    if (bad == 77) printf("python3 has no PIL\n");
    tp_tape_free(T);
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 ? 1 : bad;
}
