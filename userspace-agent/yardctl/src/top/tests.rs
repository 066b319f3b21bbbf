// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The screen as it comes out, of made-up samples.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};
use ratatui::Terminal;
use serde_json::json;
use switchyard_netlink::{
    Cpu, Destination, DestinationState, Drop, DropReason, Service, ServiceKey, Stats, Switch,
};

use super::capture::lines;
use super::cpu_time::CpuTime;
use super::draw::{draw, height};
use super::history::History;
use super::keys::{press, Outcome};
use super::master::Absence;
use super::sample::{Sample, Wanted};
use super::screen::Screen;
use super::view::{Pane, View};

fn key(n: u8) -> ServiceKey {
    format!("tcp 192.0.2.{n}:80").parse().unwrap()
}

/// Counters after so many seconds.
fn stats(second: u64, rate: u64) -> Stats {
    Stats {
        connections: second * rate,
        packets_in: second * rate * 10,
        bytes_in: second * rate * 1000,
        packets_out: second * rate * 20,
        bytes_out: second * rate * 100_000,
        ..Stats::default()
    }
}

/// What there is after so many seconds: services that carry the more the higher their
/// number is.
fn sample(begun: Instant, second: u64, services: u8) -> Sample {
    let drops = vec![Drop {
        reason: DropReason::NoService,
        packets: 5 + second * 3,
    }];
    let destination = |n: u8, weight| Destination {
        weight,
        active_connections: 12,
        stats: stats(second, 50),
        ..Destination::new(key(1), format!("10.0.0.{n}").parse().unwrap(), 8080)
    };
    let down = Destination {
        state: DestinationState::Down,
        ..destination(3, 1000)
    };
    Sample {
        at: begun + Duration::from_secs(second),
        switch: Switch {
            version: "0.1.0".to_owned(),
            services: services.into(),
            destinations: 3,
            connections: 1234,
            connection_limit: 1_048_576,
            stats: stats(second, 100),
            drops: drops.clone(),
            ..Switch::default()
        },
        services: (1..=services)
            .map(|n| Service {
                destinations: 3,
                stats: stats(second, u64::from(n) * 10),
                ..Service::new(key(n))
            })
            .collect(),
        destinations: vec![destination(1, 750), destination(2, 2250), down],
        cpus: (0..2)
            .map(|n| Cpu {
                cpu: n,
                switching: n == 1,
                queues: 4 * n,
                received: second * 3000,
                forwarded: second * 2000,
                drops: drops.clone(),
                ..Cpu::default()
            })
            .collect(),
        times: BTreeMap::from([(
            1,
            CpuTime {
                busy: second * 75,
                total: second * 100,
            },
        )]),
        master: Err(Absence::NotRunning),
        decisions: Vec::new(),
    }
}

/// Two samples, a second apart.
fn history(services: u8) -> History {
    let begun = Instant::now();
    let mut history = History::new(Duration::from_millis(500));
    history.push(sample(begun, 10, services));
    history.push(sample(begun, 11, services));
    history
}

/// The same with a master.
fn mastered() -> History {
    let begun = Instant::now();
    let mut history = History::new(Duration::from_millis(500));
    for second in [10, 11] {
        let mut sample = sample(begun, second, 1);
        sample.master = Ok(serde_json::from_value(json!({
            "counters": {"rounds": 77, "writes": 3, "weights": 9, "refusals": 0},
            "services": [{
                "service": {"protocol": "tcp", "address": "192.0.2.1", "port": 80},
                "algorithm": "even", "serving": 2, "reporting": 1, "distortion": 1.5,
            }],
        }))
        .unwrap());
        let decision = serde_json::from_value(json!({"destinations": [
            {"endpoint": "10.0.0.1:8080", "state": "reporting", "health": "up", "age": 0.3,
             "smoothed": {"utilisation": 0.425, "latency": 0.0123, "requests": 51.0}},
            {"endpoint": "10.0.0.2:8080", "state": "silent", "health": "unknown", "age": 4.0},
        ]}));
        sample.decisions = vec![(key(1), decision.unwrap())];
        history.push(sample);
    }
    history
}

fn terminal(width: u16, height: u16, screen: &Screen, view: &mut View) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| draw(frame, screen, None, view))
        .unwrap();
    terminal
}

fn text(width: u16, height: u16, screen: &Screen, view: &mut View) -> Vec<String> {
    lines(terminal(width, height, screen, view).backend().buffer())
}

/// The words of the line that begins with these.
fn words(lines: &[String], begin: &str) -> Vec<String> {
    let line = lines.iter().find(|line| line.starts_with(begin));
    let line = line.unwrap_or_else(|| panic!("no {begin:?} in\n{}", lines.join("\n")));
    line.split_whitespace().map(str::to_owned).collect()
}

fn key_of(view: &mut View, code: KeyCode) -> Outcome {
    press(view, KeyEvent::new(code, KeyModifiers::NONE))
}

fn keys(view: &mut View, letters: &str) {
    for letter in letters.chars() {
        key_of(view, KeyCode::Char(letter));
    }
}

#[test]
fn everything_is_on_the_screen() {
    let screen = Screen::of(&history(2)).unwrap();
    let lines = text(120, 30, &screen, &mut View::default());
    assert_eq!(
        lines[0],
        "switchyard 0.1.0: 2 services, 3 destinations, 1234 of 1.0M connections, 0 half open"
    );
    assert_eq!(
        lines[1],
        "in 1.0k packets/s 100k bytes/s, out 2.0k packets/s 10M bytes/s, 100 connections/s, \
         3.0 dropped/s"
    );
    assert!(lines[2].starts_with("yardmaster: not running"));
    assert_eq!(
        words(&lines, "tcp 192.0.2.2:80")[2..7],
        ["20", "200", "400", "0", "-/3"]
    );
    // Weights of those that are down count for nothing.
    assert_eq!(words(&lines, "10.0.0.1:8080")[1..3], ["750", "25.0%"]);
    assert_eq!(words(&lines, "10.0.0.3:8080")[1..3], ["1000", "0.0%"]);
    assert!(words(&lines, "10.0.0.3:8080").contains(&"down".to_owned()));
    assert!(lines.contains(&"DESTINATIONS OF tcp 192.0.2.1:80 (3)".to_owned()));
    assert_eq!(
        words(&lines, "  1  switching")[2..7],
        ["4", "75.0%", "3.0k", "2.0k", "3.0"]
    );
    let reason = lines
        .iter()
        .find(|line| line.contains("no-service"))
        .unwrap();
    assert!(
        reason.ends_with("no-service             3.0       38"),
        "{reason}"
    );
    assert!(lines[29].starts_with("q quit"));
}

#[test]
fn the_first_look_has_no_rates_but_the_kernels() {
    let mut history = History::new(Duration::from_millis(500));
    assert!(Screen::of(&history).is_none());
    let mut first = sample(Instant::now(), 10, 1);
    first.services[0].stats.connections_rate = 33;
    history.push(first);
    let screen = Screen::of(&history).unwrap();
    let lines = text(120, 30, &screen, &mut View::default());
    assert_eq!(
        words(&lines, "tcp 192.0.2.1:80")[2..6],
        ["33", "0", "0", "-"]
    );
}

#[test]
fn looks_that_are_too_near_are_not_compared() {
    let begun = Instant::now();
    let mut history = History::new(Duration::from_millis(1500));
    for second in 10..60 {
        history.push(sample(begun, second, 1));
    }
    let (latest, base) = (history.latest().unwrap(), history.base().unwrap());
    assert_eq!(latest.at - base.at, Duration::from_secs(2));
}

#[test]
fn what_the_master_knows_is_shown() {
    let screen = Screen::of(&mastered()).unwrap();
    let lines = text(150, 30, &screen, &mut View::default());
    assert_eq!(
        lines[2],
        "yardmaster: 77 rounds, 9 weights in 3 transactions, 0 refused"
    );
    let service = words(&lines, "tcp 192.0.2.1:80");
    assert_eq!(service[6..10], ["2/3", "maglev", "even", "1.50"]);
    let first = words(&lines, "10.0.0.1:8080");
    assert_eq!(
        first[1..12],
        [
            "750",
            "25.0%",
            "42.5%",
            "12",
            "50",
            "active",
            "reporting",
            "up",
            "12.3ms",
            "51",
            "300ms"
        ]
    );
    // Nothing is made up for what is not known.
    assert_eq!(words(&lines, "10.0.0.2:8080")[3], "-");
}

#[test]
fn trouble_is_told_and_what_was_seen_stays() {
    let screen = Screen::of(&history(1)).unwrap();
    let mut view = View::default();
    let mut terminal = Terminal::new(TestBackend::new(100, 24)).unwrap();
    let draw = |frame: &mut ratatui::Frame<'_>| draw(frame, &screen, Some("no module"), &mut view);
    terminal.draw(draw).unwrap();
    let buffer = terminal.backend().buffer();
    assert_eq!(lines(buffer)[2], "no module");
    assert_eq!(buffer[(0, 2)].fg, Color::Red);
    assert!(words(&lines(buffer), "tcp 192.0.2.1:80").len() > 3);
}

#[test]
fn rows_are_sorted_and_the_selected_one_stays_selected() {
    let screen = Screen::of(&history(3)).unwrap();
    let mut view = View::default();
    let order = |view: &mut View| -> Vec<String> {
        let rows = view.arrange(&screen).services;
        rows.iter()
            .map(|row| row.service.address.to_string())
            .collect()
    };
    assert_eq!(order(&mut view), ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    key_of(&mut view, KeyCode::Down);
    order(&mut view);
    assert_eq!(view.wanted(), Wanted::One(key(2)));
    // By connections, most of them first.
    keys(&mut view, "s");
    assert_eq!(order(&mut view), ["192.0.2.3", "192.0.2.2", "192.0.2.1"]);
    assert_eq!(view.wanted(), Wanted::One(key(2)));
    keys(&mut view, "r");
    assert_eq!(order(&mut view), ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    keys(&mut view, "SG");
    order(&mut view);
    assert_eq!(view.wanted(), Wanted::One(key(3)));
    keys(&mut view, "g");
    order(&mut view);
    assert_eq!(view.wanted(), Wanted::One(key(1)));
    // A service that is gone gives its place to the next one.
    keys(&mut view, "jj");
    order(&mut view);
    let fewer = Screen::of(&history(2)).unwrap();
    view.arrange(&fewer);
    assert_eq!(view.wanted(), Wanted::One(key(2)));
}

#[test]
fn the_selected_row_is_marked_and_the_other_table_can_be_had() {
    let screen = Screen::of(&history(2)).unwrap();
    let mut view = View::default();
    let marked = |view: &mut View| -> Vec<usize> {
        let terminal = terminal(100, 24, &screen, view);
        let buffer = terminal.backend().buffer();
        (0_u16..24)
            .filter(|y| buffer[(0, *y)].modifier.contains(Modifier::REVERSED))
            .map(usize::from)
            .collect()
    };
    assert_eq!(marked(&mut view), [5]);
    keys(&mut view, "j");
    assert_eq!(marked(&mut view), [6]);
    key_of(&mut view, KeyCode::Tab);
    assert_eq!(view.focus, Pane::Destinations);
    assert_eq!(marked(&mut view), [9]);
    // Alone.
    key_of(&mut view, KeyCode::Enter);
    let lines = text(100, 24, &screen, &mut view);
    assert!(!lines.iter().any(|line| line.starts_with("SERVICES")));
    key_of(&mut view, KeyCode::Enter);
    assert_eq!(view.focus, Pane::Services);
}

#[test]
fn a_filter_leaves_rows_out() {
    let screen = Screen::of(&history(3)).unwrap();
    let mut view = View::default();
    keys(&mut view, "/2.3:q");
    key_of(&mut view, KeyCode::Backspace);
    let lines = text(100, 24, &screen, &mut view);
    assert!(lines.contains(&"SERVICES (1 of 3)".to_owned()));
    assert!(
        lines[23].starts_with("show services with: 2.3:"),
        "{}",
        lines[23]
    );
    key_of(&mut view, KeyCode::Enter);
    assert!(text(100, 24, &screen, &mut view)[23].starts_with("only services with `2.3:`"));
    // Giving up brings back what it was.
    keys(&mut view, "/x");
    key_of(&mut view, KeyCode::Esc);
    assert_eq!(view.services.filter, "2.3:");
    key_of(&mut view, KeyCode::Esc);
    assert_eq!(view.arrange(&screen).services.len(), 3);
    // The scheduler counts, too; none is none.
    keys(&mut view, "/MagLev");
    assert_eq!(view.arrange(&screen).services.len(), 3);
    keys(&mut view, "?");
    assert_eq!(view.arrange(&screen).services.len(), 0);
    assert_eq!(view.wanted(), Wanted::First);
}

#[test]
fn keys_are_explained() {
    let screen = Screen::of(&history(1)).unwrap();
    let mut view = View::default();
    keys(&mut view, "?");
    let lines = text(100, 30, &screen, &mut view).join("\n");
    for (keys, what) in super::keys::HELP {
        assert!(lines.contains(keys) && lines.contains(what), "{keys}");
    }
    // Any key leaves it, and does nothing else.
    assert_eq!(key_of(&mut view, KeyCode::Char('q')), Outcome::Draw);
    assert_eq!(key_of(&mut view, KeyCode::Char('q')), Outcome::Quit);
    let control = |letter| KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
    assert_eq!(press(&mut view, control('c')), Outcome::Quit);
    assert_eq!(press(&mut view, control('z')), Outcome::Stop);
    keys(&mut view, " ");
    assert!(text(100, 30, &screen, &mut view)[0].ends_with("STANDING STILL"));
}

#[test]
fn many_services_scroll() {
    let screen = Screen::of(&history(200)).unwrap();
    let mut view = View::default();
    text(100, 24, &screen, &mut view);
    key_of(&mut view, KeyCode::PageDown);
    key_of(&mut view, KeyCode::PageDown);
    let lines = text(100, 24, &screen, &mut view);
    let selected = view.services.selected.clone().unwrap();
    assert!(selected != "tcp 192.0.2.1:80");
    assert!(lines.iter().any(|line| line.starts_with(&selected)));
}

#[test]
fn a_capture_shows_everything() {
    for (services, width) in [(0, 80), (3, 120), (100, 40)] {
        let screen = Screen::of(&history(services)).unwrap();
        let mut view = View::default();
        let lines = text(width, height(&screen, width), &screen, &mut view);
        let shown = lines
            .iter()
            .filter(|line| line.starts_with("tcp 192"))
            .count();
        assert_eq!(shown, usize::from(services));
        let destinations = lines.iter().filter(|l| l.starts_with("10.0.0.")).count();
        assert_eq!(destinations, 3);
        assert!(lines.iter().any(|line| line.contains("switching")));
    }
}

#[test]
fn json_has_all_of_it() {
    let json = serde_json::to_value(Screen::whole(&history(2))).unwrap();
    assert_eq!(json["services"][0]["service"], "tcp 192.0.2.1:80");
    assert_eq!(json["services"][0]["members"][1]["share"], 0.75);
    assert_eq!(json["services"][1]["rates"]["connections"], 20.0);
    assert_eq!(json["cpus"][1]["switching"], true);
    assert_eq!(json["drops"][0]["reason"], "no-service");
    assert_eq!(json["yardmaster"]["running"], false);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No size of the terminal and no key is too much.
    #[test]
    fn any_size_and_any_keys_will_do(
        sizes in proptest::collection::vec((1_u16..200, 1_u16..70), 1..6),
        letters in "[a-zA-Z/? ]{0,20}",
        services in 0_u8..20,
    ) {
        let screen = Screen::of(&history(services)).unwrap();
        let mut view = View::default();
        for (width, height) in sizes {
            keys(&mut view, &letters);
            for code in [KeyCode::Tab, KeyCode::PageDown, KeyCode::End, KeyCode::Enter, KeyCode::Up] {
                key_of(&mut view, code);
                text(width, height, &screen, &mut view);
            }
        }
    }
}
