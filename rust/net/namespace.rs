// SPDX-License-Identifier: GPL-2.0

//! Network namespaces.
//!
//! C header: [`include/net/net_namespace.h`](srctree/include/net/net_namespace.h)

use ::core::ptr;
use kernel::{
    prelude::*,
    types::Opaque, //
};

use crate::sys;

/// A network namespace, `struct net`.
///
/// # Invariants
///
/// Instances are only reached through references made by [`Namespace::from_raw`], that is, they
/// are valid `struct net`s.
#[repr(transparent)]
pub(crate) struct Namespace(Opaque<sys::net>);

// SAFETY: A `struct net` is shared by all CPUs; the methods here only read what is set for life.
unsafe impl Sync for Namespace {}

impl Namespace {
    /// Wraps a C namespace.
    ///
    /// # Safety
    ///
    /// `net` must be a valid namespace for all of `'a`.
    pub(crate) unsafe fn from_raw<'a>(net: *mut sys::net) -> &'a Self {
        // SAFETY: The caller promises validity; the type is transparent.
        unsafe { &*net.cast() }
    }

    /// The namespace that the machine boots with, which lives for ever.
    pub(crate) fn initial() -> &'static Self {
        // SAFETY: `init_net` is static.
        unsafe { Self::from_raw(&raw mut sys::init_net) }
    }

    /// The C namespace.
    pub(crate) fn as_ptr(&self) -> *mut sys::net {
        self.0.get()
    }

    /// What tells this namespace from all others while it lives.
    pub(crate) fn id(&self) -> NamespaceId {
        NamespaceId(self.as_ptr() as usize)
    }
}

/// The identity of a namespace that may be gone: good for comparing, not for use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct NamespaceId(usize);

/// What is told of the end of namespaces.
pub(crate) trait Exit {
    /// `net` is going away; its devices have not been removed yet. May sleep.
    fn exit(net: &Namespace);
}

/// # Safety
///
/// To be called by the core, with a namespace that ends.
unsafe extern "C" fn exit_callback<T: Exit>(net: *mut sys::net) {
    // SAFETY: The core calls this with a namespace that lives until all of its exit callbacks
    // have returned.
    T::exit(unsafe { Namespace::from_raw(net) });
}

/// Calls `T` at each namespace's end until dropped, which calls it for all that are left.
///
/// # Invariants
///
/// `ops` is registered.
pub(crate) struct ExitRegistration<T: Exit> {
    ops: KBox<Opaque<sys::pernet_operations>>,
    _exit: ::core::marker::PhantomData<fn(T)>,
}

// SAFETY: Registration and its end are serialised by the core's own lock.
unsafe impl<T: Exit> Send for ExitRegistration<T> {}
// SAFETY: There are no shared methods.
unsafe impl<T: Exit> Sync for ExitRegistration<T> {}

impl<T: Exit> ExitRegistration<T> {
    /// Registers `T`, as a per-namespace device so that it is called before the devices of the
    /// namespace are removed.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Self> {
        let ops = KBox::new(
            Opaque::new(sys::pernet_operations {
                pre_exit: Some(exit_callback::<T>),
                ..sys::pernet_operations::default()
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: `ops` is valid, stays where it is, and lives until it is unregistered on drop.
        to_result(unsafe { sys::register_pernet_device(ops.get()) })?;
        // INVARIANT: It was just registered.
        Ok(Self {
            ops,
            _exit: ::core::marker::PhantomData,
        })
    }
}

impl<T: Exit> Drop for ExitRegistration<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant.
        unsafe { sys::unregister_pernet_device(self.ops.get()) };
    }
}

/// `Ok` for zero and above, else the error that a C function returned.
pub(super) fn to_result(value: ::core::ffi::c_int) -> Result {
    kernel::error::to_result(value)
}

impl PartialEq for Namespace {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self, other)
    }
}
