/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace points, by which tracefs, perf and BPF see what the switch decides.  Addresses are those of
 * IPv6, into which IPv4's are mapped (RFC 4291, 2.5.5.2); ports are in host order.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM switchyard

#if !defined(SWITCHYARD_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define SWITCHYARD_TRACE_H

#include <linux/tracepoint.h>

#include "helpers.h"

#define YARD_CONNECTION_FIELDS							\
	__field(u16, family) __field(u8, protocol)				\
	__array(u8, client, 16) __field(u16, client_port)			\
	__array(u8, service, 16) __field(u16, service_port)			\
	__array(u8, destination, 16) __field(u16, destination_port)		\
	__field(u32, service_id) __field(u32, destination_id)			\
	__array(char, forwarding, 8) __array(char, state, 16)

#define YARD_COPY(from, field)							\
	memcpy(__entry->field, from->field, sizeof(__entry->field));

#define YARD_COPY_END(from, end)						\
	YARD_COPY(from, end) __entry->end##_port = from->end##_port;

#define YARD_CONNECTION_ASSIGN							\
	__entry->family = connection->family;					\
	__entry->protocol = connection->protocol;				\
	YARD_COPY_END(connection, client)					\
	YARD_COPY_END(connection, service)					\
	YARD_COPY_END(connection, destination)					\
	__entry->service_id = connection->service_id;				\
	__entry->destination_id = connection->destination_id;			\
	YARD_COPY(connection, forwarding)					\
	YARD_COPY(connection, state)

#define YARD_CONNECTION_FORMAT							\
	"protocol=%u client=[%pI6c]:%u service=[%pI6c]:%u destination=[%pI6c]:%u forwarding=%s state=%s"

#define YARD_CONNECTION_VALUES							\
	__entry->protocol, __entry->client, __entry->client_port,		\
	__entry->service, __entry->service_port, __entry->destination,		\
	__entry->destination_port, __entry->forwarding, __entry->state

/* A connection began. */
TRACE_EVENT(connection_new,
	TP_PROTO(const struct yard_trace_connection *connection),
	TP_ARGS(connection),
	TP_STRUCT__entry(YARD_CONNECTION_FIELDS),
	TP_fast_assign(YARD_CONNECTION_ASSIGN),
	TP_printk(YARD_CONNECTION_FORMAT, YARD_CONNECTION_VALUES)
);

/* A connection is over: it was idle for its timeout, somebody ended it, or another took its place. */
TRACE_EVENT(connection_expire,
	TP_PROTO(const struct yard_trace_connection *connection),
	TP_ARGS(connection),
	TP_STRUCT__entry(YARD_CONNECTION_FIELDS
		__array(char, cause, 16) __field(u32, idle_ms)
	),
	TP_fast_assign(YARD_CONNECTION_ASSIGN
		YARD_COPY(connection, cause)
		__entry->idle_ms = connection->idle_ms;
	),
	TP_printk(YARD_CONNECTION_FORMAT " cause=%s idle_ms=%u", YARD_CONNECTION_VALUES,
		  __entry->cause, __entry->idle_ms)
);

/* A packet did not leave; what is not known of it is 0. */
TRACE_EVENT(packet_drop,
	TP_PROTO(const struct yard_trace_drop *drop),
	TP_ARGS(drop),
	TP_STRUCT__entry(
		__field(u32, code) __array(char, reason, 24)
		__field(u16, family) __field(u8, protocol)
		__array(u8, source, 16) __field(u16, source_port)
		__array(u8, target, 16) __field(u16, target_port)
		__field(u32, length) __field(u32, ifindex)
	),
	TP_fast_assign(
		__entry->code = drop->code;
		YARD_COPY(drop, reason)
		__entry->family = drop->family;
		__entry->protocol = drop->protocol;
		YARD_COPY_END(drop, source)
		YARD_COPY_END(drop, target)
		__entry->length = drop->length;
		__entry->ifindex = drop->ifindex;
	),
	TP_printk("reason=%s protocol=%u source=[%pI6c]:%u target=[%pI6c]:%u length=%u ifindex=%u",
		  __entry->reason, __entry->protocol, __entry->source, __entry->source_port,
		  __entry->target, __entry->target_port, __entry->length, __entry->ifindex)
);

#endif

/* Outside of the guard: read several times. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE switchyard_trace
#include <trace/define_trace.h>
