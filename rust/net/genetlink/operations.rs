// SPDX-License-Identifier: GPL-2.0

//! The functions that the generated operation table (`netlink_gen.c`) names.
//!
//! The table and this list follow from one specification: a missing function is an error of the
//! linker, a superfluous one does no harm.

use kernel::prelude::*;

use super::{
    dump,
    request, //
};
use crate::{
    control,
    sys, //
};

macro_rules! doit {
    ($($name:ident => $handler:path,)*) => { $(
        /// An entry of the operation table.
        ///
        /// # Safety
        ///
        /// To be called by the core of generic netlink only.
        #[no_mangle]
        unsafe extern "C" fn $name(_skb: *mut sys::sk_buff, info: *mut sys::genl_info) -> c_int {
            // SAFETY: Only the operation table names this function, as `doit`.
            unsafe { request::serve(info, $handler) }
        }
    )* };
}

macro_rules! dumpit {
    ($($name:ident => $handler:path,)*) => { $(
        /// An entry of the operation table.
        ///
        /// # Safety
        ///
        /// To be called by the core of generic netlink only.
        #[no_mangle]
        unsafe extern "C" fn $name(
            skb: *mut sys::sk_buff,
            callback: *mut sys::netlink_callback,
        ) -> c_int {
            // SAFETY: Only the operation table names this function, as `dumpit`.
            unsafe { dump::serve(skb, callback, $handler) }
        }
    )* };
}

doit! {
    switchyard_nl_switch_get_doit => control::switch::get,
    switchyard_nl_service_get_doit => control::service::get,
    switchyard_nl_service_add_doit => control::service::add,
    switchyard_nl_service_set_doit => control::service::set,
    switchyard_nl_service_del_doit => control::service::del,
    switchyard_nl_destination_get_doit => control::destination::get,
    switchyard_nl_destination_add_doit => control::destination::add,
    switchyard_nl_destination_set_doit => control::destination::set,
    switchyard_nl_destination_del_doit => control::destination::del,
    switchyard_nl_apply_doit => control::apply::apply,
    switchyard_nl_claim_add_doit => control::claim::add,
    switchyard_nl_claim_del_doit => control::claim::del,
    switchyard_nl_switch_set_doit => control::switch::set,
    switchyard_nl_connection_del_doit => control::connection::del,
    switchyard_nl_explain_doit => control::explain::explain,
}

dumpit! {
    switchyard_nl_service_get_dumpit => control::service::dump,
    switchyard_nl_destination_get_dumpit => control::destination::dump,
    switchyard_nl_claim_get_dumpit => control::claim::dump,
    switchyard_nl_connection_get_dumpit => control::connection::dump,
    switchyard_nl_cpu_get_dumpit => control::cpu::dump,
}
