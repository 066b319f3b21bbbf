// SPDX-License-Identifier: GPL-2.0

//! What the filter asks of a table of connections.
//!
//! The filter knows this trait alone, once for each family: where connections lie, how the
//! table grows and what it is made of is none of its business.

use super::connection::Connection;
use super::connection_state::ConnectionState;
use super::method::{
    Mark,
    Method, //
};
use super::tuple::{
    Address,
    Direction,
    Endpoint,
    Ipv4Address,
    Protocol, //
};

/// Which use of which slot: what a connection is known by after it was found.
///
/// To be used up before memory may be given back: in the kernel, in the same RCU read-side
/// section in which it was had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle {
    /// The slot's index.
    pub index: u32,
    /// The slot's sequence number during this use.
    pub sequence: u32,
}

/// A connection that was found: how to get back to it, and a copy of it.
#[derive(Clone, Copy, Debug)]
pub struct Found<A: Address = Ipv4Address> {
    /// How to get back to it.
    pub handle: Handle,
    /// What it was when it was found.
    pub connection: Connection<A>,
}

/// As much of a connection as one of its packets needs.
#[derive(Clone, Copy, Debug)]
pub struct Hit<A: Address = Ipv4Address> {
    /// How to get back to the connection.
    pub handle: Handle,
    /// How far it has got.
    pub state: ConnectionState,
    /// How its packets get to the destination.
    pub method: Method,
    /// What takes the place of the end that was looked up with the client: the destination for
    /// the service, the service for the destination. All zero for the former unless the method
    /// is [`Method::Nat`].
    pub instead: Endpoint<A>,
    /// The caller's number for the service.
    pub service_id: u32,
    /// The caller's number for the destination.
    pub destination_id: u32,
}

/// As much of a connection that only goes on as one of its packets needs.
#[derive(Clone, Copy, Debug)]
pub struct Steady<A: Address = Ipv4Address> {
    /// What takes the place of the end that was looked up with the client, as in [`Hit`].
    pub(super) instead: Endpoint<A>,
    /// Which of its methods that is for.
    pub(super) mark: Mark,
    /// The caller's number for the destination.
    pub destination_id: u32,
}

/// What becomes of such a packet's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment<A: Address> {
    /// The endpoint takes the place of the end that was looked up with the client.
    Translated(Endpoint<A>),
    /// Nothing.
    Direct,
    /// The packet needs more than that.
    Other,
}

/// Tells the compiler which way to ask first.
#[cold]
const fn seldom() {}

impl<A: Address> Steady<A> {
    /// What becomes of its packets.
    #[inline(always)]
    pub fn treatment(&self) -> Treatment<A> {
        if self.mark == Mark::of(Method::Nat) {
            return Treatment::Translated(self.instead);
        }
        seldom();
        if self.mark == Mark::of(Method::Direct) {
            Treatment::Direct
        } else {
            Treatment::Other
        }
    }
}

/// What is known of a connection that is looked for, and which state it has to be in.
#[derive(Clone, Copy, Debug)]
pub struct Sought<A: Address> {
    /// The direction of the packet.
    pub direction: Direction,
    /// Its protocol.
    pub protocol: Protocol,
    /// The client, as in [`Connections::hit`].
    pub client: Endpoint<A>,
    /// The opposite.
    pub other: Endpoint<A>,
    /// The state.
    pub state: ConnectionState,
}

/// How far a connection is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Where nearly all are.
    Home,
    /// Wherever it may be.
    All,
}

/// A connection was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// It may be beyond the [`Reach`].
    pub beyond: bool,
}

/// What became of a connection that was to be inserted.
#[derive(Clone, Copy, Debug)]
pub enum Insertion<A: Address = Ipv4Address> {
    /// It is in the table.
    Made(Handle),
    /// Another CPU was faster: the same client has a connection to the same service.
    Exists(Found<A>),
    /// The same client has a connection to another service on the same destination, so that
    /// the replies to both could not be told apart. Only for [`Method::Nat`].
    Clash(Found<A>),
    /// The limit is reached, there is no free slot yet, or no room near its bucket.
    Full,
}

/// A table of connections of one family.
///
/// In the kernel, bottom halves are off while any of this is called. Nothing allocates or waits
/// but for the lock of a bucket, and that only in [`Self::insert`] and [`Self::remove`].
pub trait Connections<A: Address> {
    /// Finds the connection that a packet of this direction belongs to.
    ///
    /// `client` is the packet's source (forward) or destination (reply), and `other` the
    /// opposite: the service or the destination. Templates are never found, and those whose
    /// method is not [`Method::Nat`] are found by [`Direction::Forward`] only.
    fn hit(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> Option<Hit<A>>;

    /// What [`Self::hit`] finds, with all that is known of the connection.
    fn lookup(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> Option<Found<A>>;

    /// Finds the template ([`Connection::template`]) of a client's prefix and a service.
    fn template(
        &self,
        protocol: Protocol,
        client: Endpoint<A>,
        service: Endpoint<A>,
    ) -> Option<Found<A>>;

    /// Puts a connection or a template into the table, unless it is there.
    fn insert(&self, connection: &Connection<A>) -> Insertion<A>;

    /// Notes a packet of a connection: when it came, and what it does to the state that was
    /// `seen` when the connection was found.
    ///
    /// Writes to shared memory only if the clock has moved or the state changes. `next` may be
    /// called again with a newer state, if another CPU was faster. What came back is the step
    /// that was made, if this call made one.
    fn touch(
        &self,
        handle: Handle,
        seen: ConnectionState,
        now: u32,
        next: impl Fn(ConnectionState) -> ConnectionState,
    ) -> Option<(ConnectionState, ConnectionState)>;

    /// Takes a connection out and returns what it was; `None` if it is gone already.
    fn remove(&self, handle: Handle) -> Option<Connection<A>>;

    /// How many connections of this table are half open
    /// ([`ConnectionState::is_half_open`]).
    fn half_open(&self) -> u32;
}

/// A table of connections that can be asked for those that only go on, which is soon done.
pub trait SteadyConnections<A: Address>: Connections<A> {
    /// What [`Connections::hit`] finds, if it is within `reach` and in this state; that a packet
    /// came `now` is noted then, as [`Connections::touch`] does it.
    ///
    /// # Errors
    ///
    /// If it is not, and whether it may be further off.
    fn steady(
        &self,
        sought: Sought<A>,
        reach: Reach,
        now: impl FnOnce() -> u32,
    ) -> Result<Steady<A>, Missing>;

    /// Whether there is certainly no connection that [`Connections::hit`] would find, in any state:
    /// a look at one cache line. It may say no where there is none.
    fn has_none(
        &self,
        direction: Direction,
        protocol: Protocol,
        client: Endpoint<A>,
        other: Endpoint<A>,
    ) -> bool;

    /// Does what [`Connections::insert`] does, if that is simple, as it nearly always is: with room in
    /// the connection's own bucket, nothing there that might be like it, and a slot to be had. Else
    /// it does nothing. Whether it is in the table.
    fn enter(&self, connection: &Connection<A>) -> bool;
}
