/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the module uses of the kernel beyond the kernel crate's own bindings.
 * The "allow" lines are read by scripts/bindgen.sh; types follow by themselves.
 */
#include <linux/etherdevice.h>
#include <linux/if_packet.h>
#include <linux/ethtool.h>
#include <linux/inetdevice.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/netdevice.h>
#include <linux/random.h>
#include <linux/rtnetlink.h>
#include <linux/skbuff.h>
#include <linux/smp.h>
#include <net/genetlink.h>
#include <net/gro.h>
#include <net/addrconf.h>
#include <net/ip_fib.h>
#include <net/ip_tunnels.h>
#include <net/ip6_route.h>
#include <net/ndisc.h>
#include <net/neighbour.h>
#include <net/netdev_rx_queue.h>
#include <net/net_namespace.h>
#include <net/netevent.h>
#include <net/route.h>

#include "helpers.h"
#include "netlink_gen.h"
#include "switchyard_trace.h"

// allow function yard_.*
// allow type yard_.*
// allow var YARD_.*
// allow function rust_do_trace_(connection_new|connection_expire|packet_drop)

// --- devices
// allow function dev_get_by_index(_rcu)?
// allow function dev_get_by_name
// allow function rtnl_(lock|unlock)
// allow function dev_(hold|put|net)
// allow function local_bh_(en|dis)able
// allow function netdev_rx_handler_(un)?register
// allow function netdev_is_rx_handler_busy
// allow function get_random_u64
// allow function (un)?register_netdevice_notifier
// allow function netdev_update_features
// allow function synchronize_net
// allow function (start_poll|poll_state)_synchronize_rcu
// allow type net_device
// allow type netdev_cmd
// allow type netdev_notifier_info
// allow type rx_handler_result
// allow type netdev_priv_flags
// allow type net_device_flags
// allow type netdev_tx
// allow var NOTIFY_DONE
// allow var HH_DATA_MOD
// allow var ETH_(HLEN|ALEN|P_IP|P_IPV6|P_ARP|P_8021Q)
// allow var PACKET_HOST
// allow function skb_pull
// allow function ethtool_op_get_link
// allow function (un)?register_netdev
// allow function smp_call_function_single_async
// allow var IFF_.*
// allow var ARPHRD_ETHER
// allow var NETIF_F_.*

// --- the pseudo device
// allow function alloc_netdev_mqs
// allow function free_netdev
// allow function ether_setup
// allow function netif_napi_add
// allow function netdev_priv
// allow function dev_sw_netstats_[rt]x_add
// allow function dev_core_stats_[rt]x_dropped_inc
// allow function netif_set_real_num_queues
// allow type ethtool_channels
// allow function netif_receive_skb
// allow function napi_(enable|disable|complete_done)
// allow function __napi_schedule
// allow function napi_schedule_prep
// allow function eth_mac_addr
// allow function eth_validate_addr
// allow type net_device_ops
// allow type ethtool_ops
// allow type ethtool_drvinfo

// --- buffers
// allow function __pskb_pull_tail
// allow function pskb_expand_head
// allow function skb_(push|pull|put|ensure_writable)
// allow function pskb_trim_rcsum
// allow function skb_(share_check|orphan|scrub_packet|is_gso)
// allow function skb_(get_hash|cow_head|reserve)
// allow function skb_dst(_set)?
// allow function ip_(do_fragment|hdr)
// allow function skb_is_gso(_tcp|_sctp)?
// allow function __skb_gso_segment
// allow type rtable
// allow function skb_(reset|set)_(mac|network)_header
// allow function skb_(mac_header|set_transport_header|set_inner_ipproto|gso_reset)
// allow function iptunnel_handle_offloads
// allow function ip(v4|6)_update_pmtu
// allow var SKB_GSO_(IPXIP[46]|UDP_TUNNEL)
// allow var IPPROTO_IP(IP|V6)
// allow function consume_skb
// allow function sk_skb_reason_drop
// allow type sk_buff
// allow type skb_drop_reason
// allow var CHECKSUM_.*

// --- polling
// allow function (en|dis)able_irq
// allow type napi_struct
// allow var NAPI.*_STATE_.*

// --- routes and neighbours
// allow function (un)?register_netevent_notifier
// allow function neigh_xmit
// allow function ip_(route_output_key|rt_put|neigh_gw[46])
// allow function ip6_route_output
// allow function ipv6_(chk_addr|chk_prefix|dev_get_saddr)
// allow function rt6?_nexthop
// allow function dst_(mtu|release)
// allow function neigh_(event_send|ha_snapshot)
// allow function inet_select_addr
// allow function __ip_dev_find
// allow type in_(device|ifaddr)
// allow type netevent_notif_type
// allow var NEIGH_(ARP|ND)_TABLE
// allow var NUD_VALID
// allow var RTN_(UNICAST|LOCAL)
// allow var RTF_(LOCAL|REJECT)
// allow type rt_scope_t
// allow var AF_INET6

// --- namespaces
// allow function (un)?register_pernet_(subsys|device)
// allow type net
// allow var init_net

// --- threads
// allow function kthread_(bind|create_on_node|should_stop|stop)
// allow var TASK_(RUNNING|INTERRUPTIBLE)
// allow function (get|put)_task_struct
// allow function cpu_online
// allow function set_cpus_allowed_ptr
// allow function wake_up_process
// allow function schedule_timeout.*
// allow var jiffies
// allow var __num_online_cpus

// --- generic netlink
// allow function genl_(un)?register_family
// allow function genlmsg_put
// allow function nla_(put|reserve|policy_len|memcpy)
// allow function __nla_(parse|validate)
// allow function netlink_(unicast|has_listeners|set_err|broadcast|broadcast_filtered)
// allow function nlmsg_notify
// allow function __alloc_skb
// allow type genl_.*
// allow type nla_policy
// allow type netlink_ext_ack
// allow type netlink_callback
// allow var NLA_.*
// allow var NLM_F_.*
// allow function do_trace_netlink_extack
// allow function skb_trim
// allow type nlattr
// allow type nlmsghdr
// allow type genlmsghdr
// allow type switchyard_.*
// allow var switchyard_nl_family
// allow var SWITCHYARD_.*
