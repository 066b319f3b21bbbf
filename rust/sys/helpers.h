/* SPDX-License-Identifier: GPL-2.0 */
/* Functions of helpers.c: kernel inlines and macros that Rust cannot call. */
#ifndef SWITCHYARD_HELPERS_H
#define SWITCHYARD_HELPERS_H

#include <linux/netdevice.h>

/* A macro with casts, which bindgen cannot see through. */
static const gfp_t YARD_GFP_ATOMIC = GFP_ATOMIC;

/* Ticks in a second. bindgen would take the macro for user space's, whose HZ is 100. */
enum { YARD_HZ = HZ };

/*
 * What switchyard_trace.h tells of a connection, and of a packet that was dropped.  Addresses are those
 * of IPv6, into which IPv4's are mapped (RFC 4291, 2.5.5.2); ports are in host order.  There is no padding.
 */
#define YARD_TRACE_CONNECTION(FIELD, ARRAY)						\
	FIELD(u32, service_id) FIELD(u32, destination_id) FIELD(u32, idle_ms)		\
	FIELD(u16, family) FIELD(u16, protocol) FIELD(u16, client_port)			\
	FIELD(u16, service_port) FIELD(u16, destination_port) ARRAY(u8, client, 16)	\
	ARRAY(u8, service, 16) ARRAY(u8, destination, 16) ARRAY(char, forwarding, 10)	\
	ARRAY(char, state, 16) ARRAY(char, cause, 16)
#define YARD_TRACE_DROP(FIELD, ARRAY)							\
	FIELD(u32, code) FIELD(u32, length) FIELD(u32, ifindex) FIELD(u16, family)	\
	FIELD(u16, protocol) FIELD(u16, source_port) FIELD(u16, target_port)		\
	ARRAY(u8, source, 16) ARRAY(u8, target, 16) ARRAY(char, reason, 24)
#define YARD_TRACE_FIELD(type, name) type name;
#define YARD_TRACE_ARRAY(type, name, count) type name[count];
struct yard_trace_connection { YARD_TRACE_CONNECTION(YARD_TRACE_FIELD, YARD_TRACE_ARRAY) };
struct yard_trace_drop { YARD_TRACE_DROP(YARD_TRACE_FIELD, YARD_TRACE_ARRAY) };

int yard_napi_poll(struct napi_struct *napi, int budget);
bool yard_skb_prepare_forward(struct sk_buff *skb, struct net_device *out);
bool yard_skb_gso_fits(const struct sk_buff *skb, u32 mtu);
int yard_skb_xmit(struct sk_buff *skb);
int yard_skb_send(struct sk_buff *skb, struct net_device *out, u64 first, u64 last, u32 room);
struct net_device *yard_pseudo_alloc(struct net *net, const char *name, u32 queues,
				     size_t priv, const struct net_device_ops *ops,
				     const struct ethtool_ops *ethtool);
void yard_pseudo_drain(void);
void yard_set_state(unsigned int state);
void yard_cond_resched(void);
u32 yard_this_cpu(void);

#endif
