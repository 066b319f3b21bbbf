// SPDX-License-Identifier: GPL-2.0 OR MIT

//! A simulated server: processor sharing over the cores that others leave to it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use switchyard_report::{LoadReport, Timestamp};

use super::time::Real;
use crate::number::{real, real_u64};

/// What a server is.
#[derive(Clone, Copy, Debug)]
pub struct ServerSpec {
    /// Work done by one core in a second; 1 is the usual core.
    pub speed: f64,
    /// Cores of the machine.
    pub cores: f64,
    /// Cores that are the server's, whoever else wants them.
    pub allocation: f64,
    /// Cores that an antagonist on the same machine wants.
    pub antagonist: f64,
}

impl ServerSpec {
    /// Cores that the server can use.
    #[must_use]
    pub fn available(&self) -> f64 {
        (self.cores - self.antagonist).max(self.allocation)
    }
}

/// A request that has ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ended {
    /// Seconds from its arrival to its end.
    pub latency: f64,
    /// Whether it was served, and not given up at its deadline.
    pub served: bool,
}

#[derive(Clone, Copy, Debug)]
struct Request {
    arrival: f64,
    alive: bool,
}

/// What a window of time has seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Window {
    /// Core-seconds used by the server itself.
    pub busy: f64,
    /// Core-seconds used by it and its antagonist.
    pub machine: f64,
    /// Core-seconds that it could have used.
    pub available: f64,
    /// Requests served.
    pub served: u64,
    /// Requests given up.
    pub failed: u64,
    /// Sum of latencies of those served, in seconds.
    pub latency: f64,
    /// Seconds.
    pub time: f64,
}

/// A simulated server.
#[derive(Debug)]
pub struct Server {
    spec: ServerSpec,
    /// Work that every request in service has had so far, counted from the first one.
    attained: f64,
    now: f64,
    /// By the attained work at which they will be done.
    queue: BinaryHeap<Reverse<(Real, usize)>>,
    /// In the order of arrival, which is that of numbers and of deadlines.
    requests: VecDeque<Request>,
    /// The number of the first of them.
    first_number: usize,
    alive: usize,
    deadline: f64,
    /// Since the last report.
    pub report: Window,
    /// Since the measurement began.
    pub measured: Window,
}

impl Server {
    /// An idle server that gives requests up after `deadline` seconds.
    #[must_use]
    pub fn new(spec: ServerSpec, deadline: f64) -> Self {
        Self {
            spec,
            attained: 0.0,
            now: 0.0,
            queue: BinaryHeap::new(),
            requests: VecDeque::new(),
            first_number: 0,
            alive: 0,
            deadline,
            report: Window::default(),
            measured: Window::default(),
        }
    }

    /// What it is now.
    #[must_use]
    pub const fn spec(&self) -> &ServerSpec {
        &self.spec
    }

    /// Another amount of cores is wanted by others from now on. Call
    /// [`advance`](Self::advance) first.
    pub fn disturb(&mut self, antagonist: f64) {
        self.spec.antagonist = antagonist;
    }

    /// Requests in service.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.alive
    }

    /// Work per second that each request in service gets. No request uses more than one
    /// core.
    fn rate(&self) -> f64 {
        let requests = real(self.alive);
        self.spec.speed * (self.spec.available() / requests.max(1.0)).min(1.0)
    }

    /// Lets time pass, in which nothing comes and nothing ends.
    fn pass(&mut self, to: f64) {
        let time = (to - self.now).max(0.0);
        self.now = to;
        if self.alive > 0 {
            self.attained += time * self.rate();
        }
        let used = real(self.alive).min(self.spec.available());
        let machine = (used + self.spec.antagonist).min(self.spec.cores);
        for window in [&mut self.report, &mut self.measured] {
            window.busy += used * time;
            window.machine += machine * time;
            window.available += self.spec.available() * time;
            window.time += time;
        }
    }

    /// When the next request ends, if nothing comes before.
    #[must_use]
    pub fn next_end(&mut self) -> Option<f64> {
        let left = self.first()? - self.attained;
        let end = self.now + (left / self.rate()).max(0.0);
        let given_up = self
            .requests
            .front()
            .map_or(f64::INFINITY, |request| request.arrival + self.deadline);
        Some(end.min(given_up).max(self.now))
    }

    fn request(&mut self, number: usize) -> Option<&mut Request> {
        self.requests
            .get_mut(number.checked_sub(self.first_number)?)
            .filter(|request| request.alive)
    }

    /// The attained work at which the first request will be done.
    fn first(&mut self) -> Option<f64> {
        while let Some(Reverse((done, number))) = self.queue.peek().copied() {
            if self.request(number).is_some() {
                return Some(done.0);
            }
            self.queue.pop();
        }
        None
    }

    /// Lets time pass and gives every request that ends to `ended`.
    pub fn advance(&mut self, to: f64, mut ended: impl FnMut(Ended)) {
        while let Some(next) = self.next_end().filter(|next| *next <= to) {
            self.pass(next);
            self.give_up(&mut ended);
            // Within the precision of the sums.
            while self
                .first()
                .is_some_and(|done| done <= self.attained + 1e-9)
            {
                let Some(Reverse((_, number))) = self.queue.pop() else {
                    break;
                };
                let now = self.now;
                let Some(request) = self.request(number) else {
                    continue;
                };
                request.alive = false;
                let latency = now - request.arrival;
                self.alive -= 1;
                for window in [&mut self.report, &mut self.measured] {
                    window.served += 1;
                    window.latency += latency;
                }
                ended(Ended {
                    latency,
                    served: true,
                });
                self.forget();
            }
        }
        self.pass(to);
    }

    /// Ends those whose deadline has come.
    fn give_up(&mut self, ended: &mut impl FnMut(Ended)) {
        while let Some(request) = self
            .requests
            .front_mut()
            .filter(|request| request.arrival + self.deadline <= self.now + 1e-9)
        {
            request.alive = false;
            self.alive -= 1;
            self.report.failed += 1;
            self.measured.failed += 1;
            ended(Ended {
                latency: self.deadline,
                served: false,
            });
            self.forget();
        }
    }

    /// Takes those that have ended from the front of the order.
    fn forget(&mut self) {
        while self.requests.front().is_some_and(|request| !request.alive) {
            self.requests.pop_front();
            self.first_number += 1;
        }
    }

    /// Begins to serve a request of so much work. Call [`advance`](Self::advance) first.
    pub fn begin(&mut self, work: f64) {
        let number = self.first_number + self.requests.len();
        self.requests.push_back(Request {
            arrival: self.now,
            alive: true,
        });
        self.queue
            .push(Reverse((Real(self.attained + work), number)));
        self.alive += 1;
    }

    /// What its agent measures now, of the time since it did so last.
    pub fn measure(&mut self, now: f64, error: f64) -> LoadReport {
        let window = std::mem::take(&mut self.report);
        let time = window.time.max(1e-9);
        let requests = real_u64(window.served + window.failed);
        LoadReport {
            taken_at: Timestamp(u64::from(crate::number::whole(now * 1000.0))),
            cpu: Some((window.machine / (self.spec.cores * time) * error).clamp(0.0, 1.0)),
            requests_per_second: Some(requests / time),
            errors_per_second: Some(real_u64(window.failed) / time),
            execution_time: (window.served > 0)
                .then(|| window.latency / real_u64(window.served) * error),
            in_flight: u64::try_from(self.alive).ok(),
            ..LoadReport::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Server {
        let spec = ServerSpec {
            speed: 1.0,
            cores: 2.0,
            allocation: 1.0,
            antagonist: 0.0,
        };
        Server::new(spec, 5.0)
    }

    fn run(server: &mut Server, to: f64) -> Vec<Ended> {
        let mut all = Vec::new();
        server.advance(to, |ended| all.push(ended));
        all
    }

    #[test]
    fn requests_share_the_cores() {
        let mut server = server();
        for work in [1.0, 1.0, 2.0] {
            server.begin(work);
        }
        // Three at two thirds of a core each: the first two end after 1.5 s. Then one
        // has a core for itself, and has 1 of its 2 yet to do.
        let ended = run(&mut server, 10.0);
        let latencies: Vec<f64> = ended.iter().map(|e| e.latency).collect();
        for (is, should) in latencies.iter().zip([1.5, 1.5, 2.5]) {
            assert!((is - should).abs() < 1e-6, "{latencies:?}");
        }
        assert!((server.measured.busy - 4.0).abs() < 1e-6);
        assert_eq!(server.measured.served, 3);
    }

    #[test]
    fn an_antagonist_takes_what_is_not_allocated() {
        let mut server = server();
        server.disturb(5.0);
        server.begin(1.0);
        server.begin(1.0);
        assert!(run(&mut server, 1.9).is_empty());
        assert_eq!(run(&mut server, 2.1).len(), 2);
        let report = server.measure(2.1, 1.0);
        assert!((report.cpu.unwrap() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn who_waits_too_long_goes() {
        let mut server = server();
        server.begin(100.0);
        run(&mut server, 1.0);
        server.begin(4.5);
        let ended = run(&mut server, 20.0);
        assert_eq!(ended.len(), 2);
        assert!(!ended[0].served && (ended[0].latency - 5.0).abs() < 1e-6);
        assert!(ended[1].served && (ended[1].latency - 4.5).abs() < 1e-6);
        assert_eq!((server.in_flight(), server.measured.failed), (0, 1));
    }
}
