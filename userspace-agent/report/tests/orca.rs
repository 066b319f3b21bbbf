// SPDX-License-Identifier: GPL-2.0 OR MIT

//! ORCA reports in all their forms.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use prost::Message;
use switchyard_report::orca::{OrcaLoadReport, OrcaLoadReportRequest, ProtoDuration};
use switchyard_report::orca_text::BadReport;
use switchyard_report::{LoadReport, Timestamp};

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.0..1.0f64, 0.0..1e6f64, any::<f64>()]
        .prop_filter("NaN equals nothing", |value| !value.is_nan())
}

fn map() -> impl Strategy<Value = BTreeMap<String, f64>> {
    prop::collection::btree_map("[a-z][a-z0-9_.]{0,10}", number(), 0..4)
}

fn report() -> impl Strategy<Value = OrcaLoadReport> {
    let scalars = (
        number(),
        number(),
        number(),
        number(),
        number(),
        0..1u64 << 50,
    );
    (scalars, map(), map(), map()).prop_map(
        |(scalars, request_cost, utilization, named_metrics)| OrcaLoadReport {
            cpu_utilization: scalars.0,
            mem_utilization: scalars.1,
            rps_fractional: scalars.2,
            eps: scalars.3,
            application_utilization: scalars.4,
            rps: scalars.5,
            request_cost,
            utilization,
            named_metrics,
        },
    )
}

proptest! {
    #[test]
    fn every_form_brings_back_what_was_sent(report in report()) {
        let json = format!("JSON {}", report.to_json());
        prop_assert_eq!(&OrcaLoadReport::from_header(&json).unwrap(), &report);
        let text = format!("TEXT {}", report.to_text());
        // An empty report has no form TEXT, as there is nothing after the word.
        if text.len() > 5 {
            prop_assert_eq!(&OrcaLoadReport::from_header(&text).unwrap(), &report);
        }
        let binary = format!("BIN {}", report.to_base64());
        if binary.len() > 4 {
            prop_assert_eq!(&OrcaLoadReport::from_header(&binary).unwrap(), &report);
        }
        prop_assert_eq!(&OrcaLoadReport::from_binary(&report.encode_to_vec()).unwrap(), &report);
    }

    #[test]
    fn any_bytes_are_a_report_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        // What is read can be judged; what cannot be is not taken.
        if let Ok(report) = OrcaLoadReport::from_binary(&bytes) {
            let _ = report.to_load(Timestamp(1)).check();
        }
        let _ = OrcaLoadReport::from_json(&bytes);
        let _ = OrcaLoadReport::from_header(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_text_is_a_report_or_an_error(form in "TEXT |JSON |BIN |", text in any::<String>()) {
        let _ = OrcaLoadReport::from_header(&format!("{form}{text}"));
    }

    #[test]
    fn our_own_load_survives(
        clients in prop::option::of(0..1u64 << 32),
        cpu in prop::option::of(0.001..2.0f64),
        time in prop::option::of(0.0..100.0f64),
        rate in prop::option::of(0.001..1e6f64),
    ) {
        let load = LoadReport {
            taken_at: Timestamp(5),
            clients,
            in_flight: clients,
            cpu,
            execution_time: time,
            requests_per_second: rate,
            errors_per_second: rate.map(|_| 0.0),
            ..LoadReport::default()
        };
        let sent = OrcaLoadReport::of_load(&load).encode_to_vec();
        let had = OrcaLoadReport::from_binary(&sent).unwrap().to_load(Timestamp(5));
        prop_assert_eq!(had, load);
    }

    #[test]
    fn durations(seconds in 0..1u64 << 40, nanos in 0..1_000_000_000u32) {
        let time = Duration::new(seconds, nanos);
        prop_assert_eq!(ProtoDuration::from(time).get(), Some(time));
    }
}

/// Made by Google's protobuf for Python from the published .proto file:
/// `cpu_utilization=0.25, rps=7, eps=0.5, named_metrics={"q": 3.0}`.
#[test]
fn the_wire_form_is_protobuf_s() {
    let mut bytes = vec![0x09];
    bytes.extend(0.25f64.to_le_bytes());
    bytes.extend([0x18, 0x07, 0x39]);
    bytes.extend(0.5f64.to_le_bytes());
    bytes.extend([0x42, 0x0c, 0x0a, 0x01, b'q', 0x11]);
    bytes.extend(3.0f64.to_le_bytes());
    let report = OrcaLoadReport::from_binary(&bytes).unwrap();
    assert_eq!(report.encode_to_vec(), bytes);
    let load = report.to_load(Timestamp(9));
    assert_eq!(load.cpu, Some(0.25));
    assert_eq!(load.requests_per_second, Some(7.0));
    assert_eq!(load.errors_per_second, Some(0.5));
    assert_eq!(load.named.get("q"), Some(&3.0));
    assert_eq!(load.memory, None);
}

#[test]
fn the_published_examples() {
    let text = "TEXT cpu_utilization=0.3, mem_utilization=0.8, rps_fractional=10.0, eps=1, \
                named_metrics.custom_metric_util=0.4";
    let json = r#"JSON {"cpu_utilization": 0.3, "mem_utilization": 0.8, "rps_fractional": 10.0,
                  "eps": 1, "named_metrics": {"custom_metric_util": 0.4}}"#;
    let camel = r#"json {"cpuUtilization": 0.3, "memUtilization": "0.8", "rpsFractional": 10,
                  "eps": 1, "namedMetrics": {"custom_metric_util": 0.4}, "later": [1, 2]}"#;
    let expected = OrcaLoadReport {
        cpu_utilization: 0.3,
        mem_utilization: 0.8,
        rps_fractional: 10.0,
        eps: 1.0,
        named_metrics: [("custom_metric_util".to_string(), 0.4)].into(),
        ..OrcaLoadReport::default()
    };
    for form in [text, json, camel] {
        assert_eq!(OrcaLoadReport::from_header(form), Ok(expected.clone()));
    }
}

#[test]
fn absurd_numbers_are_read_and_then_refused() {
    for value in ["NaN", "-1", "inf", "1e9"] {
        let header = format!("TEXT cpu_utilization={value}");
        let load = OrcaLoadReport::from_header(&header)
            .unwrap()
            .to_load(Timestamp(1));
        load.check().unwrap_err();
    }
    let clients = OrcaLoadReport::from_header("TEXT named_metrics.clients=-4").unwrap();
    assert_eq!(clients.to_load(Timestamp(1)).clients, None);
}

#[test]
fn what_is_no_report() {
    let is_malformed = |text: &str| {
        matches!(
            OrcaLoadReport::from_header(text),
            Err(BadReport::Malformed(_))
        )
    };
    assert_eq!(
        OrcaLoadReport::from_header("YAML a: b"),
        Err(BadReport::Form)
    );
    assert!(is_malformed("TEXT cpu_utilization"));
    assert!(is_malformed("TEXT cpu_utilization=much"));
    assert!(is_malformed("TEXT rps=1.5"));
    assert!(is_malformed("JSON [1]"));
    assert!(is_malformed(r#"JSON {"named_metrics": 4}"#));
    assert!(is_malformed("BIN !!"));
    let large = format!("TEXT eps={}", "1".repeat(70_000));
    assert_eq!(OrcaLoadReport::from_header(&large), Err(BadReport::Large));
}

#[test]
fn a_request_without_interval() {
    let request = OrcaLoadReportRequest::decode(&[][..]).unwrap();
    assert_eq!(request.report_interval, None);
    let negative = ProtoDuration {
        seconds: -1,
        nanos: 0,
    };
    assert_eq!(negative.get(), None);
}
