// SPDX-License-Identifier: GPL-2.0

//! Claiming devices: their receive queues given to engines, their packets to the filter.

use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
    time::Delta, //
};

use super::{
    port::{
        Lane,
        Port, //
    },
    queue::Queue,
    set,
    types::{
        ClaimError,
        ClaimRequest,
        Culprit,
        DeviceName,
        Policy,
        QueueInfo,
        QueueState, //
    },
};
use crate::{
    control::notify,
    net::{
        cpu,
        device::{
            NetDevice,
            Rtnl, //
        },
        namespace::Namespace,
        napi::Napi,
        notifier::{
            DeviceEvent,
            DeviceNotifier,
            NeighbourNotifier, //
        },
        route_cache,
        rx_handler::{
            self,
            Registration, //
        },
    },
    pseudo::Engines,
    switch::Switch, //
};

/// A claimed device.
pub(crate) struct Claim {
    handler: Registration<Port>,
    idle_timeout_us: u32,
}

fn refuse(error: Error, culprit: Culprit, message: &'static CStr) -> ClaimError {
    ClaimError {
        error,
        culprit,
        message,
    }
}

impl From<Error> for ClaimError {
    fn from(error: Error) -> Self {
        refuse(error, Culprit::None, c"out of memory or interrupted")
    }
}

fn find_device(net: &Namespace, name: DeviceName<'_>) -> Result<ARef<NetDevice>, ClaimError> {
    match name {
        DeviceName::Index(index) => NetDevice::by_index(net, index),
        DeviceName::Name(name) => NetDevice::by_name(net, name),
    }
    .ok_or_else(|| {
        refuse(
            ENODEV,
            Culprit::Device,
            c"there is no such device in this namespace",
        )
    })
}

impl Claim {
    fn device(&self) -> &NetDevice {
        self.handler.device()
    }

    fn port(&self) -> &Port {
        self.handler.handler()
    }

    /// Tells of each queue.
    pub(crate) fn report(&self, f: &mut dyn FnMut(&QueueInfo<'_>) -> Result) -> Result {
        let device = self.device();
        for lane in &self.port().lanes {
            let queue = &lane.queue;
            device.with_name(|ifname| {
                f(&QueueInfo {
                    ifindex: device.ifindex(),
                    ifname,
                    queue: queue.index,
                    cpu: queue.cpu,
                    policy: queue.policy,
                    idle_timeout_us: self.idle_timeout_us,
                    state: if device.is_up() && queue.index < device.receive_queues() {
                        queue.state()
                    } else {
                        // An engine that rests has not noticed, and needs not.
                        QueueState::Absent
                    },
                    irq: queue.irq(),
                    polls: queue.polls.get(),
                    packets: queue.packets.get(),
                    handovers: queue.handovers.get(),
                })
            })?;
        }
        Ok(())
    }

    /// Gives the device back to the stack and its queues to their interrupts. Sleeps.
    fn end(self, rtnl: &Rtnl) {
        // The queues first: what an engine polls after the handler has gone would reach the
        // stack on a switching CPU.
        withdraw(&self.port().lanes);
        self.handler.remove(rtnl);
    }
}

fn withdraw(lanes: &[Lane]) {
    for lane in lanes {
        if let Some(waker) = &lane.waker {
            set::withdraw(&lane.queue, waker);
        }
    }
}

/// Checks what can be checked of a request before anything is done.
fn check(
    device: &NetDevice,
    request: &ClaimRequest<'_>,
    yard: u32,
    rtnl: &Rtnl,
) -> Result<(), ClaimError> {
    let device_error = |error, message| Err(refuse(error, Culprit::Device, message));
    if device.ifindex() == yard {
        return device_error(EINVAL, c"yard0 is the switch's own side and has no wire");
    }
    if !device.is_ethernet() {
        return device_error(EOPNOTSUPP, c"only Ethernet devices can be claimed");
    }
    if rx_handler::is_busy(device, rtnl) {
        return device_error(
            EBUSY,
            c"the device is claimed already, or part of a bridge, bond or the like",
        );
    }
    for (place, queue) in request.queues.iter().enumerate() {
        if *queue >= device.receive_queues() {
            return Err(refuse(
                EINVAL,
                Culprit::Queue(place),
                c"the device has no such receive queue",
            ));
        }
        let earlier = request.queues.get(..place).unwrap_or_default();
        if earlier.contains(queue) {
            return Err(refuse(
                EINVAL,
                Culprit::Queue(place),
                c"the queue is named twice",
            ));
        }
    }
    if request.policy == Policy::Interrupt {
        if !request.cpus.is_empty() {
            return Err(refuse(
                EINVAL,
                Culprit::Policy,
                c"the interrupt policy polls nothing and takes no CPU",
            ));
        }
        return Ok(());
    }
    if request.cpus.is_empty() {
        return Err(refuse(
            EINVAL,
            Culprit::Policy,
            c"polling takes at least one switching CPU",
        ));
    }
    for (place, cpu) in request.cpus.iter().enumerate() {
        if !cpu::is_online(*cpu) {
            return Err(refuse(
                EINVAL,
                Culprit::Cpu(place),
                c"there is no such CPU, or it is offline",
            ));
        }
    }
    let control = (0..kernel::cpu::nr_cpu_ids())
        .filter(|cpu| cpu::is_online(*cpu))
        .filter(|cpu| set::queues_of(*cpu).is_none() && !request.cpus.contains(cpu))
        .count();
    if control == 0 {
        return Err(refuse(
            EBUSY,
            Culprit::Cpu(request.cpus.len().wrapping_sub(1)),
            c"at least one CPU must remain a control CPU",
        ));
    }
    if !device.is_up() {
        return device_error(ENETDOWN, c"the device is down: bring it up first");
    }
    Ok(())
}

/// Makes the queues of a claim and gives them to their engines.
fn make_lanes(
    switch: &Arc<Switch>,
    device: &ARef<NetDevice>,
    request: &ClaimRequest<'_>,
    lanes: &mut KVec<Lane>,
) -> Result<(), ClaimError> {
    let every = device.receive_queues();
    let count = if request.queues.is_empty() {
        usize::try_from(every).unwrap_or(0)
    } else {
        request.queues.len()
    };
    let mut cpus = request.cpus.iter().cycle();
    for place in 0..count {
        let index = match request.queues.get(place) {
            Some(index) => *index,
            None => u32::try_from(place).unwrap_or(u32::MAX),
        };
        let cpu = cpus.next().copied();
        if cpu.is_some() && !Napi::exists(device, index) {
            let culprit = if request.queues.is_empty() {
                Culprit::Device
            } else {
                Culprit::Queue(place)
            };
            return Err(refuse(
                EOPNOTSUPP,
                culprit,
                c"the queue has no NAPI instance to poll (for veth: ethtool -K DEVICE gro on, and tso off at its peer)",
            ));
        }
        lanes.reserve(1, GFP_KERNEL).map_err(Error::from)?;
        let queue = Arc::pin_init(
            Queue::new(
                device.clone(),
                index,
                cpu,
                request.policy,
                Delta::from_micros(i64::from(request.idle_timeout_us)),
            ),
            GFP_KERNEL,
        )?;
        let waker = match cpu {
            Some(cpu) => Some(set::assign(cpu, queue.clone(), switch.clone())?),
            None => None,
        };
        lanes
            .push(Lane { queue, waker }, GFP_KERNEL)
            .map_err(Error::from)?;
    }
    Ok(())
}

impl Switch {
    /// Claims receive queues of a device. Sleeps; takes the RTNL lock.
    ///
    /// # Errors
    ///
    /// A [`ClaimError`] that says what is wrong; nothing has changed then.
    pub(crate) fn claim(
        self: &Arc<Self>,
        net: &Namespace,
        request: &ClaimRequest<'_>,
    ) -> Result<(), ClaimError> {
        let device = find_device(net, request.device)?;
        let rtnl = Rtnl::lock();
        if device.namespace(&rtnl).id() != net.id() {
            return Err(refuse(
                ENODEV,
                Culprit::Device,
                c"the device has moved away",
            ));
        }
        check(&device, request, self.yard_ifindex(), &rtnl)?;
        let mut claims = self.claims.lock();
        claims.reserve(1, GFP_KERNEL).map_err(Error::from)?;
        let mut lanes = KVec::new();
        let result = make_lanes(self, &device, request, &mut lanes).and_then(|()| {
            let copies = copy(&lanes)?;
            let port = Arc::new(
                Port {
                    switch: self.clone(),
                    lanes: copies,
                },
                GFP_KERNEL,
            )
            .map_err(Error::from)?;
            Ok(Registration::new(device, port, &rtnl)?)
        });
        let handler = match result {
            Ok(handler) => handler,
            Err(error) => {
                withdraw(&lanes);
                drop(lanes);
                drop(claims);
                drop(rtnl);
                set::stop_unused();
                return Err(error);
            }
        };
        let claim = Claim {
            handler,
            idle_timeout_us: request.idle_timeout_us,
        };
        // There is room: it was reserved above.
        claims.push(claim, GFP_KERNEL).map_err(Error::from)?;
        if let Err(error) = self.note_claims(&claims, &rtnl) {
            if let Some(claim) = claims.pop() {
                claim.end(&rtnl);
            }
            drop(claims);
            drop(rtnl);
            set::stop_unused();
            return Err(error.into());
        }
        Ok(())
    }

    /// Gives a device back. Sleeps; takes the RTNL lock.
    ///
    /// # Errors
    ///
    /// A [`ClaimError`] that says what is wrong.
    pub(crate) fn release(&self, net: &Namespace, name: DeviceName<'_>) -> Result<(), ClaimError> {
        let device = find_device(net, name)?;
        let rtnl = Rtnl::lock();
        if self.release_device(&device, &rtnl) {
            Ok(())
        } else {
            Err(refuse(
                ENOENT,
                Culprit::Device,
                c"the device is not claimed",
            ))
        }
    }

    /// Gives a device back if it is claimed. Sleeps.
    fn release_device(&self, device: &NetDevice, rtnl: &Rtnl) -> bool {
        let mut claims = self.claims.lock();
        let place = claims.iter().position(|claim| claim.device() == device);
        let Some(claim) = place.and_then(|place| claims.remove(place).ok()) else {
            return false;
        };
        if self.note_claims(&claims, rtnl).is_err() {
            // An engine that stays on the list would be given packets that nobody takes: without
            // a list, what sockets send is sent where it is, until the next change.
            self.set_engines(self.no_engines.clone(), rtnl);
        }
        claim.end(rtnl);
        set::stop_unused();
        true
    }

    /// Gives every device back. Sleeps; takes the RTNL lock.
    pub(crate) fn release_all(&self) {
        let rtnl = Rtnl::lock();
        loop {
            let claim = self.claims.lock().pop();
            let Some(claim) = claim else { break };
            claim.end(&rtnl);
        }
        self.set_engines(self.no_engines.clone(), &rtnl);
        drop(rtnl);
        set::stop_unused();
    }

    /// Tells the pseudo device which engines and control CPUs there are now.
    fn note_claims(&self, claims: &KVec<Claim>, rtnl: &Rtnl) -> Result {
        let mut list: KVec<(u32, set::Waker)> = KVec::new();
        for lane in claims.iter().flat_map(|claim| claim.port().lanes.iter()) {
            let (Some(cpu), Some(waker)) = (lane.queue.cpu, &lane.waker) else {
                continue;
            };
            if list.iter().all(|(known, _)| *known != cpu) {
                let at = list.partition_point(|(known, _)| *known < cpu);
                list.push((cpu, waker.clone()), GFP_KERNEL)?;
                // From the end to its place.
                if let Some(moved) = list.get_mut(at..) {
                    moved.rotate_right(1);
                }
            }
        }
        let mut control = KVec::new();
        for cpu in 0..kernel::cpu::nr_cpu_ids() {
            if cpu::is_online(cpu) && set::queues_of(cpu).is_none() {
                control.push(cpu, GFP_KERNEL)?;
            }
        }
        self.rings.attend(&control);
        if let Some(collector) = self.collector.lock().as_ref() {
            collector.confine(&control)?;
        }
        let engines = Arc::new(Engines { list }, GFP_KERNEL)?;
        // More queues before there are engines for them, fewer after nobody chooses them any more.
        if engines.list.len() > self.engines.get().list.len() {
            self.set_queues(&engines, rtnl)?;
        }
        self.set_engines(engines, rtnl);
        Ok(())
    }

    /// Gives `yard0` a queue for each engine; one if there is none. Sleeps.
    fn set_queues(&self, engines: &Engines, rtnl: &Rtnl) -> Result {
        match &*self.yard.get() {
            Some(yard) => yard.set_queues(u32::try_from(engines.list.len().max(1))?, rtnl),
            None => Ok(()),
        }
    }

    /// Has what sockets send spread over `engines`. Sleeps.
    fn set_engines(&self, engines: Arc<Engines>, rtnl: &Rtnl) {
        let old = self.engines.swap(engines.clone());
        if engines.list.len() < old.list.len() {
            // Fewer: this cannot fail.
            let _ = self.set_queues(&engines, rtnl);
        }
        // Nobody gives packets to the engines that have left any more; what they had not taken
        // yet is sent from here.
        let bh = crate::net::bh::BottomHalf::disable();
        for (cpu, _) in &old.list {
            self.serve_outgoing(*cpu, &bh);
        }
    }
}

fn copy(lanes: &[Lane]) -> Result<KVec<Lane>> {
    let mut copies = KVec::with_capacity(lanes.len(), GFP_KERNEL)?;
    for lane in lanes {
        copies.push(
            Lane {
                queue: lane.queue.clone(),
                waker: lane.waker.clone(),
            },
            GFP_KERNEL,
        )?;
    }
    Ok(copies)
}

/// Follows what happens to devices and neighbours.
pub(crate) struct Watcher;

impl DeviceNotifier for Watcher {
    fn event(device: &NetDevice, event: DeviceEvent, rtnl: &Rtnl) {
        route_cache::forget_all();
        let Some(port) = rx_handler::of::<Port>(device, rtnl) else {
            return;
        };
        match event {
            DeviceEvent::Unregister => {
                let switch = port.switch.clone();
                if switch.release_device(device, rtnl) {
                    device.with_name(|name| {
                        notify::released(device.namespace(rtnl), device.ifindex(), name);
                    });
                }
            }
            DeviceEvent::Up | DeviceEvent::Changed => port.wake(),
            DeviceEvent::GoingDown | DeviceEvent::Down => {}
        }
    }
}

impl NeighbourNotifier for Watcher {
    fn changed() {
        route_cache::forget_all();
    }
}
