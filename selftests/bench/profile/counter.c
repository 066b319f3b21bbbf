/* SPDX-License-Identifier: GPL-2.0 */
/*
 * counter.so: a QEMU plugin that counts the instructions executed for one packet.
 *
 *   -plugin file=counter.so,out=FILE[,windows=N]
 *
 * A window goes from one execution of an address, its begin, to the next: from one packet
 * to the next if that is a function called once for each.  Or it goes to the execution of
 * another address, its end, and what comes between two windows is not counted.  Each CPU
 * has windows of its own.  One in which a third address was executed, such as that of the
 * kernel's entry for interrupts, is none.  The guest names them by executing, as user
 * code, four instructions that mean nothing else:
 *
 *   movabs $0x5357495443485944, %rax
 *   movabs $BEGIN, %rcx
 *   movabs $END, %rdx             0: none
 *   movabs $INTERRUPT, %rbx       0: none
 *
 * Windows of equal length are taken for the same path.  After N windows (2000) counting
 * ends.  When the guest names marks again, and on exit, FILE.1, FILE.2 ... gets
 *
 *   windows WINDOWS INSTRUCTIONS        all of them together
 *   interrupted WINDOWS 0               not among them
 *   length INSTRUCTIONS WINDOWS         for each length, how many windows had it
 *   cpu CPU INSTRUCTIONS WINDOWS        the same, of one CPU
 *   one ADDRESS COUNT                   an instruction's executions in one window of the
 *                                       commonest length
 *   all ADDRESS COUNT                   its executions in all windows
 *
 * Blocks are counted, not single instructions; none ends early but by a fault.  An
 * instruction with a rep prefix counts once for each turn, as in -icount.
 *
 * Debian packages no header for plugins, so what is used of version 7 of the interface
 * (QEMU 11) is declared here.  Another version is refused.
 */

#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION 7
#define MAGIC UINT64_C(0x5357495443485944)

struct qemu_plugin_tb;
struct qemu_plugin_insn;

struct qemu_info {
	const char *target_name;
	struct {
		int min;
		int cur;
	} version;
};

enum { QEMU_PLUGIN_CB_NO_REGS };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
		void (*cb)(struct qemu_plugin_tb *tb, void *data), void *data);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
		void (*cb)(unsigned int vcpu, void *data), int flags, void *data);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*cb)(void *data), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t n);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t size);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

__attribute__((visibility("default"))) int qemu_plugin_version = API_VERSION;

enum { CPUS = 16 };

/* A translated block; the same code may be translated again into another. */
struct block {
	struct block *next;
	uint64_t executions;	/* in closed windows */
	size_t length;
	uint64_t address[];
};

/* What a CPU has executed since its window began. */
struct window {
	bool open;
	uint64_t length;
	size_t n, room;
	struct block **blocks;	/* as executed: one may be there many times */
};

/* A length of windows, and the first window that had it. */
struct path {
	uint64_t length, windows, by_cpu[CPUS];
	size_t n;
	struct block **blocks;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* of all but window */
static struct block *blocks;
static struct window window[CPUS];
static uint64_t begin, end, interrupt;	/* 0 until the guest says */
static uint64_t windows, wanted = 2000, total, interrupted;
static struct path *paths;
static size_t n_paths;
static const char *out;
static unsigned int runs;

static void *must(void *memory)
{
	if (!memory) {
		fputs("counter: out of memory\n", stderr);
		exit(1);
	}
	return memory;
}

static void close_window(unsigned int cpu)
{
	struct window *w = &window[cpu];
	struct path *path = NULL;
	size_t i;

	w->open = false;
	pthread_mutex_lock(&lock);
	for (i = 0; i < n_paths && !path; i++)
		if (paths[i].length == w->length)
			path = &paths[i];
	if (!path) {
		paths = must(realloc(paths, (n_paths + 1) * sizeof(*paths)));
		path = &paths[n_paths++];
		*path = (struct path){ .length = w->length, .n = w->n };
		path->blocks = must(calloc(w->n + 1, sizeof(*path->blocks)));
		memcpy(path->blocks, w->blocks, w->n * sizeof(*path->blocks));
	}
	path->windows++;
	path->by_cpu[cpu]++;
	windows++;
	total += w->length;
	for (i = 0; i < w->n; i++)
		w->blocks[i]->executions++;
	pthread_mutex_unlock(&lock);
}

static void executed(unsigned int cpu, void *data)
{
	struct block *block = data;
	struct window *w;

	if (!begin || windows >= wanted || cpu >= CPUS)
		return;
	w = &window[cpu];
	if (w->open && interrupt && block->address[0] == interrupt) {
		w->open = false;
		__atomic_add_fetch(&interrupted, 1, __ATOMIC_RELAXED);
	}
	if (w->open && block->address[0] == (end ? end : begin))
		close_window(cpu);
	if (block->address[0] == begin) {
		w->open = true;
		w->n = 0;
		w->length = 0;
	}
	if (!w->open)
		return;
	if (w->n == w->room) {
		w->room = w->room * 2 + 4096;
		w->blocks = must(realloc(w->blocks, w->room * sizeof(*w->blocks)));
	}
	w->blocks[w->n++] = block;
	w->length += block->length;
}

/* Whether the instruction is "movabs $VALUE" to a register by its opcode. */
static bool loads(const struct qemu_plugin_insn *insn, uint8_t opcode, uint64_t *value)
{
	uint8_t code[16];

	if (qemu_plugin_insn_data(insn, code, sizeof(code)) != 10 ||
	    code[0] != 0x48 || code[1] != opcode)
		return false;
	memcpy(value, code + 2, sizeof(*value));
	return true;
}

/* Writes what was counted since the last time, and begins anew; holds the lock. */
static void write_counts(void)
{
	const struct path *commonest = NULL;
	struct block *block;
	char name[4096];
	FILE *file;
	size_t i, j;

	snprintf(name, sizeof(name), "%s.%u", out, ++runs);
	file = fopen(name, "w");
	if (!file) {
		perror(name);
		return;
	}
	fprintf(file, "windows %" PRIu64 " %" PRIu64 "\n", windows, total);
	fprintf(file, "interrupted %" PRIu64 " 0\n", interrupted);
	for (i = 0; i < n_paths; i++) {
		fprintf(file, "length %" PRIu64 " %" PRIu64 "\n", paths[i].length, paths[i].windows);
		for (j = 0; j < CPUS; j++)
			if (paths[i].by_cpu[j])
				fprintf(file, "cpu %zu %" PRIu64 " %" PRIu64 "\n", j,
					paths[i].length, paths[i].by_cpu[j]);
		if (!commonest || paths[i].windows > commonest->windows)
			commonest = &paths[i];
	}
	for (i = 0; commonest && i < commonest->n; i++)
		for (j = 0; j < commonest->blocks[i]->length; j++)
			fprintf(file, "one %" PRIx64 " 1\n", commonest->blocks[i]->address[j]);
	for (block = blocks; block; block = block->next)
		for (j = 0; block->executions && j < block->length; j++)
			fprintf(file, "all %" PRIx64 " %" PRIu64 "\n",
				block->address[j], block->executions);
	fclose(file);

	for (block = blocks; block; block = block->next)
		block->executions = 0;
	for (i = 0; i < n_paths; i++)
		free(paths[i].blocks);
	n_paths = 0;
	windows = total = interrupted = 0;
	for (i = 0; i < CPUS; i++)
		window[i].open = false;
}

static void translated(struct qemu_plugin_tb *tb, void *data)
{
	size_t i, n = qemu_plugin_tb_n_insns(tb);
	struct block *block = must(calloc(1, sizeof(*block) + n * sizeof(block->address[0])));
	uint64_t magic, first, last, third;

	(void)data;
	for (i = 0; i < n; i++)
		block->address[i] = qemu_plugin_insn_vaddr(qemu_plugin_tb_get_insn(tb, i));
	block->length = n;
	pthread_mutex_lock(&lock);
	block->next = blocks;
	blocks = block;
	for (i = 0; i + 3 < n && !(block->address[i] >> 63); i++)
		if (loads(qemu_plugin_tb_get_insn(tb, i), 0xb8, &magic) && magic == MAGIC &&
		    loads(qemu_plugin_tb_get_insn(tb, i + 1), 0xb9, &first) &&
		    loads(qemu_plugin_tb_get_insn(tb, i + 2), 0xba, &last) &&
		    loads(qemu_plugin_tb_get_insn(tb, i + 3), 0xbb, &third)) {
			if (begin)
				write_counts();
			end = last;
			interrupt = third;
			begin = first;
		}
	pthread_mutex_unlock(&lock);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, QEMU_PLUGIN_CB_NO_REGS, block);
}

static void finish(void *data)
{
	(void)data;
	pthread_mutex_lock(&lock);
	write_counts();
	pthread_mutex_unlock(&lock);
}

__attribute__((visibility("default")))
int qemu_plugin_install(uint64_t id, const struct qemu_info *info, int argc, char **argv)
{
	if (info->version.cur != API_VERSION) {
		fprintf(stderr, "counter: QEMU's plugin interface is %d, not %d\n",
			info->version.cur, API_VERSION);
		return 1;
	}
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = argv[i] + 4;
		else if (!strncmp(argv[i], "windows=", 8))
			wanted = strtoull(argv[i] + 8, NULL, 0);
		else
			fprintf(stderr, "counter: what is %s?\n", argv[i]);
	}
	if (!out) {
		fputs("counter: out=FILE is missing\n", stderr);
		return 1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated, NULL);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
