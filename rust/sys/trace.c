// SPDX-License-Identifier: GPL-2.0
/* What the trace points are made of; Rust looks at their static branches itself. */
#define CREATE_TRACE_POINTS
#define CREATE_RUST_TRACE_POINTS
#include "switchyard_trace.h"
