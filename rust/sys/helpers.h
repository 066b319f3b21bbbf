/* SPDX-License-Identifier: GPL-2.0 */
/* Functions of helpers.c: kernel inlines and macros that Rust cannot call. */
#ifndef SWITCHYARD_HELPERS_H
#define SWITCHYARD_HELPERS_H

#include <linux/netdevice.h>

/* A macro with casts, which bindgen cannot see through. */
static const gfp_t YARD_GFP_ATOMIC = GFP_ATOMIC;

/* Ticks in a second. bindgen would take the macro for user space's, whose HZ is 100. */
enum { YARD_HZ = HZ };

/* What switchyard_trace.h tells of a connection, and of a packet that was dropped. */
struct yard_trace_connection {
	u8 client[16], service[16], destination[16];
	u16 family, client_port, service_port, destination_port;
	u32 service_id, destination_id, idle_ms;
	u8 protocol, forwarding[8], state[16], cause[16];
};

struct yard_trace_drop {
	u8 source[16], target[16];
	u16 family, source_port, target_port;
	u32 code, length, ifindex;
	u8 protocol, reason[24];
};

int yard_napi_poll(struct napi_struct *napi, int budget);
void yard_napi_kick(struct napi_struct *napi);
bool yard_skb_prepare_forward(struct sk_buff *skb, struct net_device *out);
bool yard_skb_gso_fits(const struct sk_buff *skb, u32 mtu);
int yard_skb_xmit(struct sk_buff *skb);
int yard_skb_send(struct sk_buff *skb, struct net_device *out, const void *header);
void yard_skb_swap_ethernet(struct sk_buff *skb);
void yard_skb_forget_offloads(struct sk_buff *skb);
struct net_device *yard_pseudo_alloc(struct net *net, const char *name, u32 queues,
				     size_t priv, const struct net_device_ops *ops,
				     const struct ethtool_ops *ethtool);
void yard_pseudo_drain(void);
void yard_set_interruptible(void);
void yard_set_running(void);
void yard_cond_resched(void);
u32 yard_this_cpu(void);

#endif
