/* SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause) */
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/switchyard.yaml */
/* YNL-GEN kernel header */
/* To regenerate run: scripts/netlink-gen.sh */

#ifndef _LINUX_SWITCHYARD_GEN_H
#define _LINUX_SWITCHYARD_GEN_H

#include <net/netlink.h>
#include <net/genetlink.h>

#include <uapi/switchyard_netlink.h>

/* Common nested types */
extern const struct nla_policy switchyard_change_nl_policy[SWITCHYARD_A_CHANGE_DESTINATION + 1];
extern const struct nla_policy switchyard_destination_settings_nl_policy[SWITCHYARD_A_DESTINATION_LOWER_LIMIT + 1];
extern const struct nla_policy switchyard_service_key_nl_policy[SWITCHYARD_A_SERVICE_LAST_PORT + 1];
extern const struct nla_policy switchyard_service_settings_nl_policy[SWITCHYARD_A_SERVICE_AFFINITY_PREFIX6 + 1];
extern const struct nla_policy switchyard_state_timeout_nl_policy[SWITCHYARD_A_STATE_TIMEOUT_MILLISECONDS + 1];

int switchyard_nl_switch_get_doit(struct sk_buff *skb, struct genl_info *info);
int switchyard_nl_service_get_doit(struct sk_buff *skb, struct genl_info *info);
int switchyard_nl_service_get_dumpit(struct sk_buff *skb,
				     struct netlink_callback *cb);
int switchyard_nl_service_add_doit(struct sk_buff *skb, struct genl_info *info);
int switchyard_nl_service_set_doit(struct sk_buff *skb, struct genl_info *info);
int switchyard_nl_service_del_doit(struct sk_buff *skb, struct genl_info *info);
int switchyard_nl_destination_get_doit(struct sk_buff *skb,
				       struct genl_info *info);
int switchyard_nl_destination_get_dumpit(struct sk_buff *skb,
					 struct netlink_callback *cb);
int switchyard_nl_destination_add_doit(struct sk_buff *skb,
				       struct genl_info *info);
int switchyard_nl_destination_set_doit(struct sk_buff *skb,
				       struct genl_info *info);
int switchyard_nl_destination_del_doit(struct sk_buff *skb,
				       struct genl_info *info);
int switchyard_nl_apply_doit(struct sk_buff *skb, struct genl_info *info);
int switchyard_nl_claim_get_dumpit(struct sk_buff *skb,
				   struct netlink_callback *cb);
int switchyard_nl_claim_add_doit(struct sk_buff *skb, struct genl_info *info);
int switchyard_nl_claim_del_doit(struct sk_buff *skb, struct genl_info *info);
int switchyard_nl_connection_get_dumpit(struct sk_buff *skb,
					struct netlink_callback *cb);
int switchyard_nl_cpu_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb);
int switchyard_nl_switch_set_doit(struct sk_buff *skb, struct genl_info *info);
int switchyard_nl_connection_del_doit(struct sk_buff *skb,
				      struct genl_info *info);
int switchyard_nl_explain_doit(struct sk_buff *skb, struct genl_info *info);

enum {
	SWITCHYARD_NLGRP_CONFIG,
	SWITCHYARD_NLGRP_CLAIMS,
};

extern struct genl_family switchyard_nl_family;

#endif /* _LINUX_SWITCHYARD_GEN_H */
