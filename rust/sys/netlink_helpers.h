/* SPDX-License-Identifier: GPL-2.0 */
/* Functions of netlink_helpers.c: generic-netlink inlines that Rust cannot call. */
#ifndef SWITCHYARD_NETLINK_HELPERS_H
#define SWITCHYARD_NETLINK_HELPERS_H

#include <net/genetlink.h>

struct sk_buff *yard_nl_new(size_t payload);
void yard_nl_free(struct sk_buff *skb);
void yard_nl_end(struct sk_buff *skb, void *hdr);
void yard_nl_cancel(struct sk_buff *skb, void *hdr);
struct nlattr *yard_nl_nest_start(struct sk_buff *skb, int type);
void yard_nl_nest_end(struct sk_buff *skb, struct nlattr *nest);
void yard_nl_trim(struct sk_buff *skb, const void *mark);
struct net *yard_nl_net(const struct genl_info *info);
struct net *yard_nl_dump_net(const struct netlink_callback *cb);
int yard_nl_reply(struct sk_buff *skb, struct genl_info *info);
void yard_nl_check_consistent(struct netlink_callback *cb, void *hdr);
bool yard_nl_has_listeners(struct net *net, unsigned int group);
void yard_nl_multicast(struct net *net, struct sk_buff *skb, unsigned int group);

#endif
