// SPDX-License-Identifier: GPL-2.0
/*
 * Generic-netlink inlines that Rust cannot call.  Nothing here decides anything.
 */
#include <net/genetlink.h>
#include <net/sock.h>

#include "netlink_gen.h"
#include "netlink_helpers.h"

struct sk_buff *yard_nl_new(size_t payload)
{
	return genlmsg_new(payload, GFP_KERNEL);
}

void yard_nl_free(struct sk_buff *skb)
{
	nlmsg_free(skb);
}

void yard_nl_end(struct sk_buff *skb, void *hdr)
{
	genlmsg_end(skb, hdr);
}

void yard_nl_cancel(struct sk_buff *skb, void *hdr)
{
	genlmsg_cancel(skb, hdr);
}

struct nlattr *yard_nl_nest_start(struct sk_buff *skb, int type)
{
	return nla_nest_start(skb, type);
}

void yard_nl_nest_end(struct sk_buff *skb, struct nlattr *nest)
{
	nla_nest_end(skb, nest);
}

void yard_nl_trim(struct sk_buff *skb, const void *mark)
{
	nlmsg_trim(skb, mark);
}

struct net *yard_nl_net(const struct genl_info *info)
{
	return genl_info_net(info);
}

struct net *yard_nl_dump_net(const struct netlink_callback *cb)
{
	return sock_net(cb->skb->sk);
}

int yard_nl_reply(struct sk_buff *skb, struct genl_info *info)
{
	return genlmsg_reply(skb, info);
}

void yard_nl_check_consistent(struct netlink_callback *cb, void *hdr)
{
	genl_dump_check_consistent(cb, hdr);
}

bool yard_nl_has_listeners(struct net *net, unsigned int group)
{
	return genl_has_listeners(&switchyard_nl_family, net, group);
}

void yard_nl_multicast(struct net *net, struct sk_buff *skb, unsigned int group)
{
	genlmsg_multicast_netns(&switchyard_nl_family, net, skb, 0, group, GFP_KERNEL);
}
