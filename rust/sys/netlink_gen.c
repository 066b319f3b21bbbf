// SPDX-License-Identifier: ((GPL-2.0 WITH Linux-syscall-note) OR BSD-3-Clause)
/* Do not edit directly, auto-generated from: */
/*	Documentation/netlink/specs/switchyard.yaml */
/* YNL-GEN kernel source */
/* To regenerate run: scripts/netlink-gen.sh */

#include <net/netlink.h>
#include <net/genetlink.h>

#include "netlink_gen.h"

#include <uapi/switchyard_netlink.h>

/* Integer value ranges */
static const struct netlink_range_validation switchyard_a_service_timeout_range = {
	.max	= 86400ULL,
};

static const struct netlink_range_validation switchyard_a_service_affinity_range = {
	.max	= 86400ULL,
};

static const struct netlink_range_validation switchyard_a_destination_weight_range = {
	.max	= 65535ULL,
};

static const struct netlink_range_validation switchyard_a_destination_drain_deadline_range = {
	.max	= 604800ULL,
};

static const struct netlink_range_validation switchyard_a_claim_idle_timeout_range = {
	.min	= 1ULL,
	.max	= 10000000ULL,
};

static const struct netlink_range_validation switchyard_a_switch_connection_limit_range = {
	.min	= 1ULL,
	.max	= 33554432ULL,
};

static const struct netlink_range_validation switchyard_a_switch_fragment_memory_limit_range = {
	.max	= 1073741824ULL,
};

static const struct netlink_range_validation switchyard_a_switch_fragment_timeout_range = {
	.min	= 1ULL,
	.max	= 60000ULL,
};

static const struct netlink_range_validation switchyard_a_state_timeout_milliseconds_range = {
	.min	= 1ULL,
	.max	= 86400000ULL,
};

/* Common nested types */
const struct nla_policy switchyard_change_nl_policy[SWITCHYARD_A_CHANGE_DESTINATION + 1] = {
	[SWITCHYARD_A_CHANGE_KIND] = NLA_POLICY_MAX(NLA_U32, 3),
	[SWITCHYARD_A_CHANGE_SERVICE] = NLA_POLICY_NESTED(switchyard_service_settings_nl_policy),
	[SWITCHYARD_A_CHANGE_DESTINATION] = NLA_POLICY_NESTED(switchyard_destination_settings_nl_policy),
};

const struct nla_policy switchyard_destination_settings_nl_policy[SWITCHYARD_A_DESTINATION_LOWER_LIMIT + 1] = {
	[SWITCHYARD_A_DESTINATION_SERVICE] = NLA_POLICY_NESTED(switchyard_service_key_nl_policy),
	[SWITCHYARD_A_DESTINATION_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_DESTINATION_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_DESTINATION_WEIGHT] = NLA_POLICY_FULL_RANGE(NLA_U32, &switchyard_a_destination_weight_range),
	[SWITCHYARD_A_DESTINATION_FORWARDING] = NLA_POLICY_MAX(NLA_U32, 3),
	[SWITCHYARD_A_DESTINATION_ENCAPSULATION] = NLA_POLICY_MAX(NLA_U32, 1),
	[SWITCHYARD_A_DESTINATION_ENCAPSULATION_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_DESTINATION_STATE] = NLA_POLICY_MAX(NLA_U32, 2),
	[SWITCHYARD_A_DESTINATION_DRAIN_DEADLINE] = NLA_POLICY_FULL_RANGE(NLA_U32, &switchyard_a_destination_drain_deadline_range),
	[SWITCHYARD_A_DESTINATION_UPPER_LIMIT] = { .type = NLA_U32, },
	[SWITCHYARD_A_DESTINATION_LOWER_LIMIT] = { .type = NLA_U32, },
};

const struct nla_policy switchyard_service_key_nl_policy[SWITCHYARD_A_SERVICE_LAST_PORT + 1] = {
	[SWITCHYARD_A_SERVICE_PROTOCOL] = { .type = NLA_U8, },
	[SWITCHYARD_A_SERVICE_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_SERVICE_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_SERVICE_PREFIX_LENGTH] = NLA_POLICY_RANGE(NLA_U8, 1, 128),
	[SWITCHYARD_A_SERVICE_LAST_PORT] = { .type = NLA_BE16, },
};

const struct nla_policy switchyard_service_settings_nl_policy[SWITCHYARD_A_SERVICE_AFFINITY_PREFIX6 + 1] = {
	[SWITCHYARD_A_SERVICE_PROTOCOL] = { .type = NLA_U8, },
	[SWITCHYARD_A_SERVICE_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_SERVICE_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_SERVICE_SCHEDULER] = NLA_POLICY_MAX(NLA_U32, 7),
	[SWITCHYARD_A_SERVICE_TIMEOUT] = NLA_POLICY_FULL_RANGE(NLA_U32, &switchyard_a_service_timeout_range),
	[SWITCHYARD_A_SERVICE_PREFIX_LENGTH] = NLA_POLICY_RANGE(NLA_U8, 1, 128),
	[SWITCHYARD_A_SERVICE_LAST_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_SERVICE_ONE_PACKET] = NLA_POLICY_MAX(NLA_U8, 1),
	[SWITCHYARD_A_SERVICE_RESET_AT_EXPIRY] = NLA_POLICY_MAX(NLA_U8, 1),
	[SWITCHYARD_A_SERVICE_FALLBACK] = NLA_POLICY_MAX(NLA_U32, 1),
	[SWITCHYARD_A_SERVICE_AFFINITY] = NLA_POLICY_FULL_RANGE(NLA_U32, &switchyard_a_service_affinity_range),
	[SWITCHYARD_A_SERVICE_AFFINITY_PREFIX4] = NLA_POLICY_RANGE(NLA_U8, 1, 32),
	[SWITCHYARD_A_SERVICE_AFFINITY_PREFIX6] = NLA_POLICY_RANGE(NLA_U8, 1, 128),
};

const struct nla_policy switchyard_state_timeout_nl_policy[SWITCHYARD_A_STATE_TIMEOUT_MILLISECONDS + 1] = {
	[SWITCHYARD_A_STATE_TIMEOUT_STATE] = NLA_POLICY_MAX(NLA_U32, 8),
	[SWITCHYARD_A_STATE_TIMEOUT_MILLISECONDS] = NLA_POLICY_FULL_RANGE(NLA_U32, &switchyard_a_state_timeout_milliseconds_range),
};

/* SWITCHYARD_CMD_SERVICE_GET - do */
static const struct nla_policy switchyard_service_get_nl_policy[SWITCHYARD_A_SERVICE_LAST_PORT + 1] = {
	[SWITCHYARD_A_SERVICE_PROTOCOL] = { .type = NLA_U8, },
	[SWITCHYARD_A_SERVICE_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_SERVICE_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_SERVICE_PREFIX_LENGTH] = NLA_POLICY_RANGE(NLA_U8, 1, 128),
	[SWITCHYARD_A_SERVICE_LAST_PORT] = { .type = NLA_BE16, },
};

/* SWITCHYARD_CMD_SERVICE_ADD - do */
static const struct nla_policy switchyard_service_add_nl_policy[SWITCHYARD_A_SERVICE_AFFINITY_PREFIX6 + 1] = {
	[SWITCHYARD_A_SERVICE_PROTOCOL] = { .type = NLA_U8, },
	[SWITCHYARD_A_SERVICE_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_SERVICE_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_SERVICE_SCHEDULER] = NLA_POLICY_MAX(NLA_U32, 7),
	[SWITCHYARD_A_SERVICE_TIMEOUT] = NLA_POLICY_FULL_RANGE(NLA_U32, &switchyard_a_service_timeout_range),
	[SWITCHYARD_A_SERVICE_PREFIX_LENGTH] = NLA_POLICY_RANGE(NLA_U8, 1, 128),
	[SWITCHYARD_A_SERVICE_LAST_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_SERVICE_ONE_PACKET] = NLA_POLICY_MAX(NLA_U8, 1),
	[SWITCHYARD_A_SERVICE_RESET_AT_EXPIRY] = NLA_POLICY_MAX(NLA_U8, 1),
	[SWITCHYARD_A_SERVICE_FALLBACK] = NLA_POLICY_MAX(NLA_U32, 1),
	[SWITCHYARD_A_SERVICE_AFFINITY] = NLA_POLICY_FULL_RANGE(NLA_U32, &switchyard_a_service_affinity_range),
	[SWITCHYARD_A_SERVICE_AFFINITY_PREFIX4] = NLA_POLICY_RANGE(NLA_U8, 1, 32),
	[SWITCHYARD_A_SERVICE_AFFINITY_PREFIX6] = NLA_POLICY_RANGE(NLA_U8, 1, 128),
};

/* SWITCHYARD_CMD_SERVICE_SET - do */
static const struct nla_policy switchyard_service_set_nl_policy[SWITCHYARD_A_SERVICE_AFFINITY_PREFIX6 + 1] = {
	[SWITCHYARD_A_SERVICE_PROTOCOL] = { .type = NLA_U8, },
	[SWITCHYARD_A_SERVICE_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_SERVICE_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_SERVICE_SCHEDULER] = NLA_POLICY_MAX(NLA_U32, 7),
	[SWITCHYARD_A_SERVICE_TIMEOUT] = NLA_POLICY_FULL_RANGE(NLA_U32, &switchyard_a_service_timeout_range),
	[SWITCHYARD_A_SERVICE_PREFIX_LENGTH] = NLA_POLICY_RANGE(NLA_U8, 1, 128),
	[SWITCHYARD_A_SERVICE_LAST_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_SERVICE_ONE_PACKET] = NLA_POLICY_MAX(NLA_U8, 1),
	[SWITCHYARD_A_SERVICE_RESET_AT_EXPIRY] = NLA_POLICY_MAX(NLA_U8, 1),
	[SWITCHYARD_A_SERVICE_FALLBACK] = NLA_POLICY_MAX(NLA_U32, 1),
	[SWITCHYARD_A_SERVICE_AFFINITY] = NLA_POLICY_FULL_RANGE(NLA_U32, &switchyard_a_service_affinity_range),
	[SWITCHYARD_A_SERVICE_AFFINITY_PREFIX4] = NLA_POLICY_RANGE(NLA_U8, 1, 32),
	[SWITCHYARD_A_SERVICE_AFFINITY_PREFIX6] = NLA_POLICY_RANGE(NLA_U8, 1, 128),
};

/* SWITCHYARD_CMD_SERVICE_DEL - do */
static const struct nla_policy switchyard_service_del_nl_policy[SWITCHYARD_A_SERVICE_LAST_PORT + 1] = {
	[SWITCHYARD_A_SERVICE_PROTOCOL] = { .type = NLA_U8, },
	[SWITCHYARD_A_SERVICE_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_SERVICE_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_SERVICE_PREFIX_LENGTH] = NLA_POLICY_RANGE(NLA_U8, 1, 128),
	[SWITCHYARD_A_SERVICE_LAST_PORT] = { .type = NLA_BE16, },
};

/* SWITCHYARD_CMD_DESTINATION_GET - do */
static const struct nla_policy switchyard_destination_get_do_nl_policy[SWITCHYARD_A_DESTINATION_PORT + 1] = {
	[SWITCHYARD_A_DESTINATION_SERVICE] = NLA_POLICY_NESTED(switchyard_service_key_nl_policy),
	[SWITCHYARD_A_DESTINATION_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_DESTINATION_PORT] = { .type = NLA_BE16, },
};

/* SWITCHYARD_CMD_DESTINATION_GET - dump */
static const struct nla_policy switchyard_destination_get_dump_nl_policy[SWITCHYARD_A_DESTINATION_SERVICE + 1] = {
	[SWITCHYARD_A_DESTINATION_SERVICE] = NLA_POLICY_NESTED(switchyard_service_key_nl_policy),
};

/* SWITCHYARD_CMD_DESTINATION_ADD - do */
static const struct nla_policy switchyard_destination_add_nl_policy[SWITCHYARD_A_DESTINATION_LOWER_LIMIT + 1] = {
	[SWITCHYARD_A_DESTINATION_SERVICE] = NLA_POLICY_NESTED(switchyard_service_key_nl_policy),
	[SWITCHYARD_A_DESTINATION_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_DESTINATION_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_DESTINATION_WEIGHT] = NLA_POLICY_FULL_RANGE(NLA_U32, &switchyard_a_destination_weight_range),
	[SWITCHYARD_A_DESTINATION_FORWARDING] = NLA_POLICY_MAX(NLA_U32, 3),
	[SWITCHYARD_A_DESTINATION_ENCAPSULATION] = NLA_POLICY_MAX(NLA_U32, 1),
	[SWITCHYARD_A_DESTINATION_ENCAPSULATION_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_DESTINATION_STATE] = NLA_POLICY_MAX(NLA_U32, 2),
	[SWITCHYARD_A_DESTINATION_DRAIN_DEADLINE] = NLA_POLICY_FULL_RANGE(NLA_U32, &switchyard_a_destination_drain_deadline_range),
	[SWITCHYARD_A_DESTINATION_UPPER_LIMIT] = { .type = NLA_U32, },
	[SWITCHYARD_A_DESTINATION_LOWER_LIMIT] = { .type = NLA_U32, },
};

/* SWITCHYARD_CMD_DESTINATION_SET - do */
static const struct nla_policy switchyard_destination_set_nl_policy[SWITCHYARD_A_DESTINATION_LOWER_LIMIT + 1] = {
	[SWITCHYARD_A_DESTINATION_SERVICE] = NLA_POLICY_NESTED(switchyard_service_key_nl_policy),
	[SWITCHYARD_A_DESTINATION_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_DESTINATION_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_DESTINATION_WEIGHT] = NLA_POLICY_FULL_RANGE(NLA_U32, &switchyard_a_destination_weight_range),
	[SWITCHYARD_A_DESTINATION_FORWARDING] = NLA_POLICY_MAX(NLA_U32, 3),
	[SWITCHYARD_A_DESTINATION_ENCAPSULATION] = NLA_POLICY_MAX(NLA_U32, 1),
	[SWITCHYARD_A_DESTINATION_ENCAPSULATION_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_DESTINATION_STATE] = NLA_POLICY_MAX(NLA_U32, 2),
	[SWITCHYARD_A_DESTINATION_DRAIN_DEADLINE] = NLA_POLICY_FULL_RANGE(NLA_U32, &switchyard_a_destination_drain_deadline_range),
	[SWITCHYARD_A_DESTINATION_UPPER_LIMIT] = { .type = NLA_U32, },
	[SWITCHYARD_A_DESTINATION_LOWER_LIMIT] = { .type = NLA_U32, },
};

/* SWITCHYARD_CMD_DESTINATION_DEL - do */
static const struct nla_policy switchyard_destination_del_nl_policy[SWITCHYARD_A_DESTINATION_PORT + 1] = {
	[SWITCHYARD_A_DESTINATION_SERVICE] = NLA_POLICY_NESTED(switchyard_service_key_nl_policy),
	[SWITCHYARD_A_DESTINATION_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_DESTINATION_PORT] = { .type = NLA_BE16, },
};

/* SWITCHYARD_CMD_APPLY - do */
static const struct nla_policy switchyard_apply_nl_policy[SWITCHYARD_A_APPLY_CHANGE + 1] = {
	[SWITCHYARD_A_APPLY_CHANGE] = NLA_POLICY_NESTED(switchyard_change_nl_policy),
};

/* SWITCHYARD_CMD_CLAIM_ADD - do */
static const struct nla_policy switchyard_claim_add_nl_policy[SWITCHYARD_A_CLAIM_IDLE_TIMEOUT + 1] = {
	[SWITCHYARD_A_CLAIM_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[SWITCHYARD_A_CLAIM_IFNAME] = { .type = NLA_NUL_STRING, .len = 15, },
	[SWITCHYARD_A_CLAIM_QUEUE] = { .type = NLA_U32, },
	[SWITCHYARD_A_CLAIM_CPU] = { .type = NLA_U32, },
	[SWITCHYARD_A_CLAIM_POLICY] = NLA_POLICY_MAX(NLA_U32, 2),
	[SWITCHYARD_A_CLAIM_IDLE_TIMEOUT] = NLA_POLICY_FULL_RANGE(NLA_U32, &switchyard_a_claim_idle_timeout_range),
};

/* SWITCHYARD_CMD_CLAIM_DEL - do */
static const struct nla_policy switchyard_claim_del_nl_policy[SWITCHYARD_A_CLAIM_IFNAME + 1] = {
	[SWITCHYARD_A_CLAIM_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
	[SWITCHYARD_A_CLAIM_IFNAME] = { .type = NLA_NUL_STRING, .len = 15, },
};

/* SWITCHYARD_CMD_CONNECTION_GET - dump */
static const struct nla_policy switchyard_connection_get_nl_policy[SWITCHYARD_A_CONNECTION_CLIENT_PREFIX_LENGTH + 1] = {
	[SWITCHYARD_A_CONNECTION_PROTOCOL] = { .type = NLA_U8, },
	[SWITCHYARD_A_CONNECTION_CLIENT_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_CONNECTION_CLIENT_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_CONNECTION_SERVICE_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_CONNECTION_SERVICE_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_CONNECTION_DESTINATION_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_CONNECTION_DESTINATION_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_CONNECTION_STATE] = NLA_POLICY_MAX(NLA_U32, 8),
	[SWITCHYARD_A_CONNECTION_FORWARDING] = NLA_POLICY_MAX(NLA_U32, 3),
	[SWITCHYARD_A_CONNECTION_SERVICE] = NLA_POLICY_NESTED(switchyard_service_key_nl_policy),
	[SWITCHYARD_A_CONNECTION_CLIENT_PREFIX_LENGTH] = NLA_POLICY_MAX(NLA_U8, 128),
};

/* SWITCHYARD_CMD_SWITCH_SET - do */
static const struct nla_policy switchyard_switch_set_nl_policy[SWITCHYARD_A_SWITCH_FRAGMENT_TIMEOUT + 1] = {
	[SWITCHYARD_A_SWITCH_CONNECTION_LIMIT] = NLA_POLICY_FULL_RANGE(NLA_UINT, &switchyard_a_switch_connection_limit_range),
	[SWITCHYARD_A_SWITCH_HALF_OPEN_LIMIT] = { .type = NLA_U32, },
	[SWITCHYARD_A_SWITCH_TIMEOUT] = NLA_POLICY_NESTED(switchyard_state_timeout_nl_policy),
	[SWITCHYARD_A_SWITCH_FRAGMENT_MEMORY_LIMIT] = NLA_POLICY_FULL_RANGE(NLA_U32, &switchyard_a_switch_fragment_memory_limit_range),
	[SWITCHYARD_A_SWITCH_FRAGMENT_TIMEOUT] = NLA_POLICY_FULL_RANGE(NLA_U32, &switchyard_a_switch_fragment_timeout_range),
};

/* SWITCHYARD_CMD_CONNECTION_DEL - do */
static const struct nla_policy switchyard_connection_del_nl_policy[SWITCHYARD_A_CONNECTION_ALL + 1] = {
	[SWITCHYARD_A_CONNECTION_PROTOCOL] = { .type = NLA_U8, },
	[SWITCHYARD_A_CONNECTION_CLIENT_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_CONNECTION_CLIENT_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_CONNECTION_SERVICE_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_CONNECTION_SERVICE_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_CONNECTION_DESTINATION_ADDRESS] = NLA_POLICY_MAX_LEN(16),
	[SWITCHYARD_A_CONNECTION_DESTINATION_PORT] = { .type = NLA_BE16, },
	[SWITCHYARD_A_CONNECTION_STATE] = NLA_POLICY_MAX(NLA_U32, 8),
	[SWITCHYARD_A_CONNECTION_FORWARDING] = NLA_POLICY_MAX(NLA_U32, 3),
	[SWITCHYARD_A_CONNECTION_SERVICE] = NLA_POLICY_NESTED(switchyard_service_key_nl_policy),
	[SWITCHYARD_A_CONNECTION_CLIENT_PREFIX_LENGTH] = NLA_POLICY_MAX(NLA_U8, 128),
	[SWITCHYARD_A_CONNECTION_ALL] = { .type = NLA_FLAG, },
};

/* SWITCHYARD_CMD_EXPLAIN - do */
static const struct nla_policy switchyard_explain_nl_policy[SWITCHYARD_A_EXPLAIN_IFINDEX + 1] = {
	[SWITCHYARD_A_EXPLAIN_PACKET] = NLA_POLICY_MAX_LEN(9216),
	[SWITCHYARD_A_EXPLAIN_IFINDEX] = NLA_POLICY_MIN(NLA_U32, 1),
};

/* Ops table for switchyard */
static const struct genl_split_ops switchyard_nl_ops[] = {
	{
		.cmd	= SWITCHYARD_CMD_SWITCH_GET,
		.doit	= switchyard_nl_switch_get_doit,
		.flags	= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SWITCHYARD_CMD_SERVICE_GET,
		.doit		= switchyard_nl_service_get_doit,
		.policy		= switchyard_service_get_nl_policy,
		.maxattr	= SWITCHYARD_A_SERVICE_LAST_PORT,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd	= SWITCHYARD_CMD_SERVICE_GET,
		.dumpit	= switchyard_nl_service_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= SWITCHYARD_CMD_SERVICE_ADD,
		.doit		= switchyard_nl_service_add_doit,
		.policy		= switchyard_service_add_nl_policy,
		.maxattr	= SWITCHYARD_A_SERVICE_AFFINITY_PREFIX6,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SWITCHYARD_CMD_SERVICE_SET,
		.doit		= switchyard_nl_service_set_doit,
		.policy		= switchyard_service_set_nl_policy,
		.maxattr	= SWITCHYARD_A_SERVICE_AFFINITY_PREFIX6,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SWITCHYARD_CMD_SERVICE_DEL,
		.doit		= switchyard_nl_service_del_doit,
		.policy		= switchyard_service_del_nl_policy,
		.maxattr	= SWITCHYARD_A_SERVICE_LAST_PORT,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SWITCHYARD_CMD_DESTINATION_GET,
		.doit		= switchyard_nl_destination_get_doit,
		.policy		= switchyard_destination_get_do_nl_policy,
		.maxattr	= SWITCHYARD_A_DESTINATION_PORT,
		.flags		= GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SWITCHYARD_CMD_DESTINATION_GET,
		.dumpit		= switchyard_nl_destination_get_dumpit,
		.policy		= switchyard_destination_get_dump_nl_policy,
		.maxattr	= SWITCHYARD_A_DESTINATION_SERVICE,
		.flags		= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= SWITCHYARD_CMD_DESTINATION_ADD,
		.doit		= switchyard_nl_destination_add_doit,
		.policy		= switchyard_destination_add_nl_policy,
		.maxattr	= SWITCHYARD_A_DESTINATION_LOWER_LIMIT,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SWITCHYARD_CMD_DESTINATION_SET,
		.doit		= switchyard_nl_destination_set_doit,
		.policy		= switchyard_destination_set_nl_policy,
		.maxattr	= SWITCHYARD_A_DESTINATION_LOWER_LIMIT,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SWITCHYARD_CMD_DESTINATION_DEL,
		.doit		= switchyard_nl_destination_del_doit,
		.policy		= switchyard_destination_del_nl_policy,
		.maxattr	= SWITCHYARD_A_DESTINATION_PORT,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SWITCHYARD_CMD_APPLY,
		.doit		= switchyard_nl_apply_doit,
		.policy		= switchyard_apply_nl_policy,
		.maxattr	= SWITCHYARD_A_APPLY_CHANGE,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd	= SWITCHYARD_CMD_CLAIM_GET,
		.dumpit	= switchyard_nl_claim_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= SWITCHYARD_CMD_CLAIM_ADD,
		.doit		= switchyard_nl_claim_add_doit,
		.policy		= switchyard_claim_add_nl_policy,
		.maxattr	= SWITCHYARD_A_CLAIM_IDLE_TIMEOUT,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SWITCHYARD_CMD_CLAIM_DEL,
		.doit		= switchyard_nl_claim_del_doit,
		.policy		= switchyard_claim_del_nl_policy,
		.maxattr	= SWITCHYARD_A_CLAIM_IFNAME,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SWITCHYARD_CMD_CONNECTION_GET,
		.dumpit		= switchyard_nl_connection_get_dumpit,
		.policy		= switchyard_connection_get_nl_policy,
		.maxattr	= SWITCHYARD_A_CONNECTION_CLIENT_PREFIX_LENGTH,
		.flags		= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd	= SWITCHYARD_CMD_CPU_GET,
		.dumpit	= switchyard_nl_cpu_get_dumpit,
		.flags	= GENL_CMD_CAP_DUMP,
	},
	{
		.cmd		= SWITCHYARD_CMD_SWITCH_SET,
		.doit		= switchyard_nl_switch_set_doit,
		.policy		= switchyard_switch_set_nl_policy,
		.maxattr	= SWITCHYARD_A_SWITCH_FRAGMENT_TIMEOUT,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SWITCHYARD_CMD_CONNECTION_DEL,
		.doit		= switchyard_nl_connection_del_doit,
		.policy		= switchyard_connection_del_nl_policy,
		.maxattr	= SWITCHYARD_A_CONNECTION_ALL,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
	{
		.cmd		= SWITCHYARD_CMD_EXPLAIN,
		.doit		= switchyard_nl_explain_doit,
		.policy		= switchyard_explain_nl_policy,
		.maxattr	= SWITCHYARD_A_EXPLAIN_IFINDEX,
		.flags		= GENL_ADMIN_PERM | GENL_CMD_CAP_DO,
	},
};

static const struct genl_multicast_group switchyard_nl_mcgrps[] = {
	[SWITCHYARD_NLGRP_CONFIG] = { "config", },
	[SWITCHYARD_NLGRP_CLAIMS] = { "claims", },
};

struct genl_family switchyard_nl_family __ro_after_init = {
	.name		= SWITCHYARD_FAMILY_NAME,
	.version	= SWITCHYARD_FAMILY_VERSION,
	.netnsok	= true,
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.split_ops	= switchyard_nl_ops,
	.n_split_ops	= ARRAY_SIZE(switchyard_nl_ops),
	.mcgrps		= switchyard_nl_mcgrps,
	.n_mcgrps	= ARRAY_SIZE(switchyard_nl_mcgrps),
};
