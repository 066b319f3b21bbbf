/* SPDX-License-Identifier: GPL-2.0 */
/* Functions of helpers.c: kernel inlines and macros that Rust cannot call. */
#ifndef SWITCHYARD_HELPERS_H
#define SWITCHYARD_HELPERS_H

#include <linux/netdevice.h>

struct yard_nexthop {
	struct net_device *dev;
	u32 mtu;
	bool resolved;
	__be32 neighbour;
	u8 source[ETH_ALEN];
	u8 address[ETH_ALEN];
};

void yard_local_bh_disable(void);
void yard_local_bh_enable(void);
int yard_napi_poll(struct napi_struct *napi, int budget);
void yard_napi_kick(struct napi_struct *napi);
int yard_route4(struct net *net, __be32 daddr, int not_dev,
		struct yard_nexthop *hop);
void *yard_netdev_priv(struct net_device *dev);
void yard_dev_hold(struct net_device *dev);
void yard_dev_put(struct net_device *dev);
struct net *yard_dev_net(const struct net_device *dev);
struct sk_buff *yard_skb_share_check(struct sk_buff *skb);
bool yard_skb_prepare_forward(struct sk_buff *skb, struct net_device *out);
bool yard_skb_gso_fits(const struct sk_buff *skb, u32 mtu);
void yard_skb_reset_mac_header(struct sk_buff *skb);
bool yard_skb_reset_network_header(struct sk_buff *skb);
void yard_skb_swap_ethernet(struct sk_buff *skb);
int yard_skb_trim(struct sk_buff *skb, u32 len);
void yard_skb_forget_offloads(struct sk_buff *skb);
bool yard_cpu_online(u32 cpu);
u32 yard_skb_hash(struct sk_buff *skb);
struct net_device *yard_pseudo_alloc(struct net *net, const char *name, u32 queues,
				     size_t priv, const struct net_device_ops *ops,
				     const struct ethtool_ops *ethtool);
void yard_pseudo_napi_add(struct net_device *dev, struct napi_struct *napi,
			  int (*poll)(struct napi_struct *, int));
void yard_pseudo_drain(void);
void yard_count_rx(struct net_device *dev, u32 bytes);
void yard_count_tx(struct net_device *dev, u32 bytes);
void yard_get_task(struct task_struct *task);
void yard_put_task(struct task_struct *task);
void yard_set_interruptible(void);
void yard_set_running(void);
void yard_cond_resched(void);
u32 yard_this_cpu(void);

#endif
