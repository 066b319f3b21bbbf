/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace points, by which tracefs, perf and BPF see what the switch decides.  Their fields are those of
 * helpers.h; an entry's begin behind what is common to all events, and lie as they do in Rust's copy.
 */
#define TRACE_SYSTEM switchyard

#if !defined(SWITCHYARD_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SWITCHYARD_TRACE_H

#include <linux/tracepoint.h>

#include "helpers.h"

#define YARD_COPY(from) memcpy((void *)__entry + sizeof(struct trace_entry), from, sizeof(*from))

DECLARE_EVENT_CLASS(yard_connection,
	TP_PROTO(const struct yard_trace_connection *connection), TP_ARGS(connection),
	TP_STRUCT__entry(YARD_TRACE_CONNECTION(__field, __array)),
	TP_fast_assign(YARD_COPY(connection);),
	TP_printk("protocol=%u client=[%pI6c]:%u service=[%pI6c]:%u destination=[%pI6c]:%u forwarding=%s state=%s cause=%s idle_ms=%u",
		  __entry->protocol, __entry->client, __entry->client_port, __entry->service,
		  __entry->service_port, __entry->destination, __entry->destination_port,
		  __entry->forwarding, __entry->state, __entry->cause, __entry->idle_ms)
);

/* A connection began. */
DEFINE_EVENT(yard_connection, connection_new,
	TP_PROTO(const struct yard_trace_connection *connection), TP_ARGS(connection));

/* A connection is over. */
DEFINE_EVENT(yard_connection, connection_expire,
	TP_PROTO(const struct yard_trace_connection *connection), TP_ARGS(connection));

/* A packet did not leave; what is not known of it is 0. */
TRACE_EVENT(packet_drop,
	TP_PROTO(const struct yard_trace_drop *drop), TP_ARGS(drop),
	TP_STRUCT__entry(YARD_TRACE_DROP(__field, __array)),
	TP_fast_assign(YARD_COPY(drop);),
	TP_printk("reason=%s protocol=%u source=[%pI6c]:%u target=[%pI6c]:%u length=%u ifindex=%u",
		  __entry->reason, __entry->protocol, __entry->source, __entry->source_port,
		  __entry->target, __entry->target_port, __entry->length, __entry->ifindex)
);

#endif

/* Outside of the guard: read several times. */
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE switchyard_trace
#include <trace/define_trace.h>
