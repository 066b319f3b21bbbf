// SPDX-License-Identifier: GPL-2.0
/*
 * Leaks a piece of memory of each kind that the module has: small and large ones of the slab
 * allocator, of vmalloc, and a CPU's own.  For scripts/check.sh --debug, which makes sure that
 * the machine tells of each.
 */

#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

static int __init leak_init(void)
{
	void *small = kmalloc(48, GFP_KERNEL);
	void *large = kmalloc(3000, GFP_KERNEL);
	void __percpu *own = __alloc_percpu(64, 8);
	int i;

	/* Where one such area ends and the next begins is the same address: one may hide the other. */
	for (i = 0; i < 4; i++)
		if (!vmalloc(100000))
			return -ENOMEM;
	return small && large && own ? 0 : -ENOMEM;
}

static void __exit leak_exit(void)
{
}

module_init(leak_init);
module_exit(leak_exit);
MODULE_DESCRIPTION("Leaks memory, for kmemleak to find");
MODULE_LICENSE("GPL");
