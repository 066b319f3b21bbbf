/* SPDX-License-Identifier: GPL-2.0 */
/*
 * counter.so: a QEMU plugin that counts the instructions executed for one packet.
 *
 *   -plugin file=counter.so,out=FILE[,windows=N][,stores=yes]
 *
 * A window goes from one execution of an address, its begin, to the next: from one packet
 * to the next if that is a function called once for each.  Or it goes to the execution of
 * another address, its end, and what comes between two windows is not counted.  Each CPU
 * has windows of its own.  One in which a third address was executed, such as that of the
 * kernel's entry for interrupts, is none.  The guest names them by executing, as user
 * code, four instructions that mean nothing else:
 *
 *   movabs $0x5357495443485944, %rax
 *   movabs $BEGIN, %rcx           0: counting ends
 *   movabs $END, %rdx             0: none
 *   movabs $INTERRUPT, %rbx       0: none
 *
 * Windows of equal length are taken for the same path.  After N windows (2000) counting
 * ends.  When the guest names marks again, and on exit, FILE.1, FILE.2 ... gets, if
 * something was to be counted,
 *
 *   windows WINDOWS INSTRUCTIONS        all of them together
 *   interrupted WINDOWS 0               not among them
 *   length INSTRUCTIONS WINDOWS         for each length, how many windows had it
 *   cpu CPU INSTRUCTIONS WINDOWS        the same, of one CPU
 *   one ADDRESS COUNT                   an instruction's executions in one window of the
 *                                       commonest length
 *   all ADDRESS COUNT                   its executions in all windows
 *
 * and with stores=yes
 *
 *   lines COUNT                         cache lines of 64 bytes written to in windows
 *   shared ADDRESS COUNT CPUS BY...     one that several CPUs wrote to: how often, how many,
 *                                       and all instructions that did
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
enum { QEMU_PLUGIN_MEM_W = 2 };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id,
		void (*cb)(struct qemu_plugin_tb *tb, void *data), void *data);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
		void (*cb)(unsigned int vcpu, void *data), int flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
		void (*cb)(unsigned int vcpu, uint32_t info, uint64_t vaddr, void *data),
		int flags, int rw, void *data);
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
	uint64_t *marks;	/* that it names: begin, end, interrupt */
	size_t length;
	uint64_t address[];
};

/* Where an instruction has written to. */
struct store {
	uint64_t line, by;
};

/* A cache line that was written to. */
struct line {
	uint64_t number, count, cpus;	/* CPUs as bits */
	size_t n_by;
	uint64_t *by;			/* instructions, without repetition */
};

/* What a CPU has executed since its window began. */
struct window {
	bool open;
	uint64_t length;
	size_t n, room;
	struct block **blocks;	/* as executed: one may be there many times */
	size_t n_stores, room_stores;
	struct store *stores;
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
static bool with_stores;
static struct line *lines;	/* hashed; free places have number 0 */
static size_t n_lines, room_lines;
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

static void write_counts(void);

static struct line *line_of(uint64_t number)
{
	size_t place = number * UINT64_C(0x9e3779b97f4a7c15) >> 32;

	while (lines[place % room_lines].number && lines[place % room_lines].number != number)
		place++;
	return &lines[place % room_lines];
}

static void grow_lines(void)
{
	struct line *old = lines;
	size_t i, n = room_lines;

	room_lines = room_lines * 2 + 4096;
	lines = must(calloc(room_lines, sizeof(*lines)));
	for (i = 0; i < n; i++)
		if (old[i].number)
			*line_of(old[i].number) = old[i];
	free(old);
}

static void count_stores(const struct window *w, unsigned int cpu)
{
	size_t i, j;

	for (i = 0; i < w->n_stores; i++) {
		struct line *line;

		if (n_lines * 2 >= room_lines)
			grow_lines();
		line = line_of(w->stores[i].line);
		n_lines += !line->number;
		line->number = w->stores[i].line;
		line->count++;
		line->cpus |= UINT64_C(1) << cpu;
		for (j = 0; j < line->n_by && line->by[j] != w->stores[i].by; j++)
			;
		if (j < line->n_by)
			continue;
		line->by = must(realloc(line->by, (j + 1) * sizeof(*line->by)));
		line->by[line->n_by++] = w->stores[i].by;
	}
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
	count_stores(w, cpu);
	pthread_mutex_unlock(&lock);
}

static void executed(unsigned int cpu, void *data)
{
	struct block *block = data;
	struct window *w;

	if (block->marks) {
		/* Not when it is translated, which may be done more than once. */
		pthread_mutex_lock(&lock);
		write_counts();
		end = block->marks[1];
		interrupt = block->marks[2];
		begin = block->marks[0];
		pthread_mutex_unlock(&lock);
	}
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
		w->n_stores = 0;
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

static void stored(unsigned int cpu, uint32_t info, uint64_t address, void *instruction)
{
	struct window *w;

	(void)info;
	if (cpu >= CPUS || !window[cpu].open)
		return;
	w = &window[cpu];
	if (w->n_stores == w->room_stores) {
		w->room_stores = w->room_stores * 2 + 4096;
		w->stores = must(realloc(w->stores, w->room_stores * sizeof(*w->stores)));
	}
	w->stores[w->n_stores++] = (struct store){ address >> 6, (uintptr_t)instruction };
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

static void write_lines(FILE *file)
{
	size_t i, j;

	fprintf(file, "lines %zu\n", n_lines);
	for (i = 0; i < room_lines; i++) {
		int cpus = __builtin_popcountll(lines[i].cpus);

		if (cpus > 1) {
			fprintf(file, "shared %" PRIx64 " %" PRIu64 " %d", lines[i].number << 6,
				lines[i].count, cpus);
			for (j = 0; j < lines[i].n_by; j++)
				fprintf(file, " %" PRIx64, lines[i].by[j]);
			fprintf(file, "\n");
		}
		free(lines[i].by);
	}
	free(lines);
	lines = NULL;
	n_lines = room_lines = 0;
}

/* Writes what was counted since the last time, and begins anew; holds the lock. */
static void write_counts(void)
{
	const struct path *commonest = NULL;
	struct block *block;
	char name[4096];
	FILE *file;
	size_t i, j;

	if (!begin)
		return;
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
	if (with_stores)
		write_lines(file);
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
	struct qemu_plugin_insn *insn;
	size_t i, n = qemu_plugin_tb_n_insns(tb);
	struct block *block = must(calloc(1, sizeof(*block) + n * sizeof(block->address[0])));
	uint64_t magic, marks[3];

	(void)data;
	for (i = 0; i < n; i++) {
		insn = qemu_plugin_tb_get_insn(tb, i);
		block->address[i] = qemu_plugin_insn_vaddr(insn);
		if (with_stores)
			qemu_plugin_register_vcpu_mem_cb(insn, stored, QEMU_PLUGIN_CB_NO_REGS,
				QEMU_PLUGIN_MEM_W, (void *)(uintptr_t)block->address[i]);
	}
	block->length = n;
	for (i = 0; i + 3 < n && !(block->address[i] >> 63); i++)
		if (loads(qemu_plugin_tb_get_insn(tb, i), 0xb8, &magic) && magic == MAGIC &&
		    loads(qemu_plugin_tb_get_insn(tb, i + 1), 0xb9, &marks[0]) &&
		    loads(qemu_plugin_tb_get_insn(tb, i + 2), 0xba, &marks[1]) &&
		    loads(qemu_plugin_tb_get_insn(tb, i + 3), 0xbb, &marks[2])) {
			block->marks = must(malloc(sizeof(marks)));
			memcpy(block->marks, marks, sizeof(marks));
		}
	pthread_mutex_lock(&lock);
	block->next = blocks;
	blocks = block;
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
		else if (!strcmp(argv[i], "stores=yes") || !strcmp(argv[i], "stores=on"))
			with_stores = true;
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
