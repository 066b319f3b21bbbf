// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel inlines and macros that Rust cannot call.  Nothing here decides anything.
 */
#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <linux/netdevice.h>
#include <linux/netpoll.h>
#include <linux/rtnetlink.h>
#include <linux/sched/task.h>
#include <linux/skbuff.h>
#include <linux/smp.h>
#include <net/arp.h>
#include <net/gro.h>
#include <net/neighbour.h>
#include <net/netdev_lock.h>
#include <net/route.h>
#include <net/sch_generic.h>
#include <net/xfrm.h>

#include "helpers.h"

/* gro_normal_list() calls what modules cannot; this is the same by exported means. */
static void yard_gro_flush(struct gro_node *gro)
{
	if (gro->bitmask)
		__gro_flush(gro, false);
	if (gro->rx_count) {
		netif_receive_skb_list(&gro->rx_list);
		INIT_LIST_HEAD(&gro->rx_list);
		gro->rx_count = 0;
	}
}

/* One poll of a NAPI instance that the caller owns, as __napi_busy_loop() does it. */
int yard_napi_poll(struct napi_struct *napi, int budget)
{
	struct bpf_net_context __bpf_net_ctx, *bpf_net_ctx;
	void *netpoll;
	int work;

	local_bh_disable();
	bpf_net_ctx = bpf_net_ctx_set(&__bpf_net_ctx);
	netpoll = netpoll_poll_lock(napi);
	work = napi->poll(napi, budget);
	netpoll_poll_unlock(netpoll);
	yard_gro_flush(&napi->gro);
	bpf_net_ctx_clear(bpf_net_ctx);
	local_bh_enable();
	return work;
}

/*
 * What ip_forward() does to a buffer's metadata on its way from input to output; makes
 * room, of our own, for out's link-layer header.
 */
bool yard_skb_prepare_forward(struct sk_buff *skb, struct net_device *out)
{
	if (unlikely(skb_cow_head(skb, LL_RESERVED_SPACE(out))))
		return false;
	skb_forward_csum(skb);
	skb_clear_tstamp(skb);
	skb_dst_drop(skb);
	skb_record_rx_queue(skb, raw_smp_processor_id());
	skb->dev = out;
	return true;
}

bool yard_skb_gso_fits(const struct sk_buff *skb, u32 mtu)
{
	return skb_is_gso(skb) && skb_gso_validate_network_len(skb, mtu);
}

/*
 * Whether nothing has to be done to a packet for its device to take it as it is, and nobody has
 * asked to see it on its way: what validate_xmit_skb(), taps and egress hooks look for.
 */
static __always_inline bool yard_is_plain(const struct sk_buff *skb, const struct net_device *dev)
{
	const struct skb_shared_info *info = skb_shinfo(skb);

	/* Without a socket, nobody wants time stamps. */
	if (skb->sk || skb->ip_summed == CHECKSUM_PARTIAL || info->gso_size ||
	    skb_vlan_tag_present(skb) || secpath_exists(skb))
		return false;
	if (skb->data_len && (info->frag_list || !(dev->features & NETIF_F_SG)))
		return false;
	if (!list_empty(&dev->ptype_all) || !list_empty(&dev_net(dev)->ptype_all))
		return false;
#ifdef CONFIG_NET_XGRESS
	if (rcu_access_pointer(dev->tcx_egress))
		return false;
#endif
#ifdef CONFIG_NETFILTER_EGRESS
	if (rcu_access_pointer(dev->nf_hooks_egress))
		return false;
#endif
	return dev->flags & IFF_UP;
}

/* One of several queues: this CPU's own, if nobody has another wish. */
static noinline u32 yard_pick_of_many(struct sk_buff *skb, struct net_device *dev)
{
	const struct net_device_ops *ops = dev->netdev_ops;
	bool wish = ops->ndo_select_queue || dev->num_tc;
	u32 queue = raw_smp_processor_id();

#ifdef CONFIG_XPS
	wish |= rcu_access_pointer(dev->xps_maps[XPS_CPUS]) ||
		rcu_access_pointer(dev->xps_maps[XPS_RXQS]);
	if (wish && skb->sender_cpu - 1 >= (u32)NR_CPUS)
		skb->sender_cpu = queue + 1;
#endif
	if (wish) {
		skb_record_rx_queue(skb, queue);
		queue = ops->ndo_select_queue ? ops->ndo_select_queue(dev, skb, NULL) :
						netdev_pick_tx(dev, skb, NULL);
	}
	return queue % dev->real_num_tx_queues;
}

/*
 * The queue that __dev_queue_xmit() takes, so that packets of both ways stay in order.  A CPU's own
 * takes no hash, and no other CPU writes to it.
 */
static __always_inline struct netdev_queue *yard_pick_queue(struct sk_buff *skb, struct net_device *dev)
{
	u32 queue;

	if (dev->real_num_tx_queues == 1) {
		skb_set_queue_mapping(skb, 0);
		return dev->_tx;
	}
	queue = yard_pick_of_many(skb, dev);
	skb_set_queue_mapping(skb, queue);
	return netdev_get_tx_queue(dev, queue);
}

/* Has a driver that leaves locking to us take a packet, if it can at once. */
static noinline int yard_start_xmit_locked(struct sk_buff *skb, struct net_device *dev,
					   struct netdev_queue *txq)
{
	int rc = NETDEV_TX_BUSY;

	if (unlikely(!__netif_tx_trylock(txq)))
		return rc;
	if (likely(!netif_xmit_frozen_or_stopped(txq)))
		rc = netdev_start_xmit(skb, dev, txq, false);
	__netif_tx_unlock(txq);
	return rc;
}

/*
 * Sends a complete packet: straight to its device if its queueing discipline has nothing to do and
 * would let it pass, else by that.  Bottom halves are disabled.
 */
static __always_inline int yard_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct netdev_queue *txq;
	struct Qdisc *q;
	int rc;

	if (unlikely(!yard_is_plain(skb, dev)))
		goto queue;
	txq = yard_pick_queue(skb, dev);
	q = rcu_dereference_bh(txq->qdisc);
	if (q->enqueue &&
	    (!(q->flags & TCQ_F_CAN_BYPASS) || !qdisc_is_empty(q) || qdisc_is_running(q)))
		goto queue;
	if (!dev->lltx)
		rc = yard_start_xmit_locked(skb, dev, txq);
	else if (unlikely(netif_xmit_frozen_or_stopped(txq)))
		goto queue;
	else
		rc = __netdev_start_xmit(dev->netdev_ops, skb, dev, false);
	if (likely(dev_xmit_complete(rc)))
		return rc;
queue:
	skb_record_rx_queue(skb, raw_smp_processor_id());
	return __dev_queue_xmit(skb, NULL);
}

int yard_skb_xmit(struct sk_buff *skb)
{
	return yard_xmit(skb, skb->dev);
}

/* For a packet that something has to be done to before. */
static noinline int yard_skb_send_slow(struct sk_buff *skb, struct net_device *out, u64 first, u64 last)
{
	if (likely(yard_skb_prepare_forward(skb, out)))
		return yard_skb_send(skb, out, first, last, 0);
	kfree_skb_reason(skb, SKB_DROP_REASON_NOMEM);
	return -ENOMEM;
}

/*
 * The whole way out of a packet whose link-layer header is known: its first and last 8 bytes.  Of
 * out, room is LL_RESERVED_SPACE(), as it was a while ago: drivers that need it see to it again.
 */
int yard_skb_send(struct sk_buff *skb, struct net_device *out, u64 first, u64 last, u32 room)
{
	u8 *header;

	/* None of this is so any more once yard_skb_prepare_forward() has been there. */
	if (unlikely(skb_header_cloned(skb) || skb_headroom(skb) < room ||
		     skb->_skb_refdst || skb->ip_summed == CHECKSUM_COMPLETE))
		return yard_skb_send_slow(skb, out, first, last);
	skb_clear_tstamp(skb);
	skb->dev = out;
	header = __skb_push(skb, ETH_HLEN);
	skb->mac_header = header - skb->head;
	memcpy(header, &first, sizeof(first));
	memcpy(header + ETH_HLEN - sizeof(last), &last, sizeof(last));
	return yard_xmit(skb, out);
}

struct net_device *yard_pseudo_alloc(struct net *net, const char *name, u32 queues,
				     size_t priv, const struct net_device_ops *ops,
				     const struct ethtool_ops *ethtool)
{
	struct net_device *dev;

	dev = alloc_netdev_mqs(priv, name, NET_NAME_ENUM, ether_setup, queues, queues);
	if (!dev)
		return NULL;
	dev_net_set(dev, net);
	dev->netdev_ops = ops;
	dev->ethtool_ops = ethtool;
	dev->flags = IFF_NOARP;
	dev->priv_flags |= IFF_NO_QUEUE | IFF_LIVE_ADDR_CHANGE | IFF_NO_ADDRCONF;
	dev->netns_immutable = true;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_TSTATS;
	/* What comes in has been checked by the device that it came by, or will be. */
	dev->features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_RXCSUM |
			NETIF_F_HIGHDMA | NETIF_F_GSO_SOFTWARE;
	dev->hw_features = dev->features & ~NETIF_F_RXCSUM;
	dev->max_mtu = ETH_MAX_MTU;
	eth_hw_addr_random(dev);
	/* Its queues' locks are held while another device's are taken, never the other way round. */
	netdev_lockdep_set_classes(dev);
	return dev;
}

static void yard_nothing(void *unused)
{
}

/* Waits until every request that smp_call_function_single_async() sent has been served. */
void yard_pseudo_drain(void)
{
	on_each_cpu(yard_nothing, NULL, 1);
}

void yard_set_state(unsigned int state)
{
	set_current_state(state);
}

/* For loops without end: also lets go of what waits in RCU for tasks to sleep. */
void yard_cond_resched(void)
{
	cond_resched_tasks_rcu_qs();
}

u32 yard_this_cpu(void)
{
	return raw_smp_processor_id();
}
