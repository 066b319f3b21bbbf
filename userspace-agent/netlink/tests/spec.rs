// SPDX-License-Identifier: GPL-2.0 OR MIT

//! The library's numbers and names against the family's specification.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests, too"
)]

use std::collections::BTreeMap;
use std::path::Path;

use serde_norway::Value;
use switchyard_netlink::spec::{
    self, AttributeSet, ChangeKind, Command, ConnectionState, DestinationState, DropReason,
    Encapsulation, Fallback, Forwarding, McastGroup, Policy, QueueState, Scheduler, Verdict,
};

fn specification() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../Documentation/netlink/specs/switchyard.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut value: Value = serde_norway::from_str(&text).unwrap();
    value.apply_merge().unwrap();
    value
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_sequence().map_or(&[], Vec::as_slice)
}

fn name(value: &Value) -> &str {
    // An enumeration's entry may be a name alone.
    value
        .as_str()
        .or_else(|| value["name"].as_str())
        .unwrap_or_else(|| panic!("no name: {value:?}"))
}

/// The numbers that YNL gives: explicit ones, else one more than before.
fn numbered(entries: &[Value], first: u64) -> Vec<(u64, &str)> {
    let mut next = first;
    entries
        .iter()
        .map(|entry| {
            let number = match entry {
                Value::Mapping(map) => map.get("value").and_then(Value::as_u64).unwrap_or(next),
                _ => next,
            };
            next = number + 1;
            (number, name(entry))
        })
        .collect()
}

#[test]
fn family() {
    let spec = specification();
    assert_eq!(spec["name"].as_str(), Some(spec::FAMILY));
    assert_eq!(
        spec["version"].as_u64().unwrap_or(1),
        u64::from(spec::VERSION)
    );
    let groups: Vec<_> = list(&spec["mcast-groups"], "list")
        .iter()
        .map(name)
        .collect();
    let ours: Vec<_> = McastGroup::ALL.iter().map(|group| group.name()).collect();
    assert_eq!(ours, groups);
}

#[test]
fn operations() {
    let spec = specification();
    let operations = list(&spec["operations"], "list");
    let ours: Vec<_> = Command::ALL
        .iter()
        .map(|command| (u64::from(command.value()), command.name()))
        .collect();
    assert_eq!(ours, numbered(operations, 1));
    for (command, operation) in Command::ALL.iter().zip(operations) {
        let set = operation["attribute-set"].as_str().unwrap_or_else(|| {
            let origin = operation["notify"].as_str().unwrap();
            operations.iter().find(|o| name(o) == origin).unwrap()["attribute-set"]
                .as_str()
                .unwrap()
        });
        assert_eq!(command.attribute_set().name, set, "{}", command.name());
    }
}

#[test]
fn attribute_sets() {
    let spec = specification();
    let sets = list(&spec, "attribute-sets");
    // A subset's attributes have the numbers of the set that it is of.
    let origin: BTreeMap<&str, &str> = sets
        .iter()
        .map(|set| (name(set), set["subset-of"].as_str().unwrap_or(name(set))))
        .collect();
    let full: Vec<&Value> = sets
        .iter()
        .filter(|set| set["subset-of"].is_null())
        .collect();
    assert_eq!(
        spec::ATTRIBUTE_SETS.map(|set| set.name).to_vec(),
        full.iter().map(|set| name(set)).collect::<Vec<_>>()
    );
    for (ours, theirs) in spec::ATTRIBUTE_SETS.iter().zip(full) {
        compare(ours, theirs, &origin);
    }
}

fn compare(ours: &AttributeSet, theirs: &Value, origin: &BTreeMap<&str, &str>) {
    let attributes = list(theirs, "attributes");
    let numbers: Vec<_> = ours
        .attributes
        .iter()
        .map(|a| (u64::from(a.id), a.name))
        .collect();
    assert_eq!(numbers, numbered(attributes, 1), "set {}", ours.name);
    for (our, their) in ours.attributes.iter().zip(attributes) {
        let nested = their["nested-attributes"].as_str().map(|set| origin[set]);
        assert_eq!(our.nested.map(|set| set.name), nested, "{}", our.name);
        let multiple = their["multi-attr"].as_bool().unwrap_or(false);
        assert_eq!(our.multiple, multiple, "{}", our.name);
    }
}

#[test]
fn enumerations() {
    let spec = specification();
    let definitions = list(&spec, "definitions");
    let mut seen = Vec::new();
    macro_rules! check {
        ($($type:ident)+) => {$(
            let definition = definitions
                .iter()
                .find(|d| name(d) == $type::SPEC)
                .unwrap_or_else(|| panic!("no enumeration {}", $type::SPEC));
            let ours: Vec<_> = $type::ALL
                .iter()
                .zip($type::NAMES)
                .map(|(entry, name)| (u64::from(entry.value()), *name))
                .collect();
            assert_eq!(ours, numbered(list(definition, "entries"), 0), "{}", $type::SPEC);
            for entry in $type::ALL {
                assert_eq!($type::from_value(entry.value()), *entry);
                assert_eq!(entry.to_string().parse(), Ok(*entry));
            }
            seen.push($type::SPEC);
        )+};
    }
    check!(Scheduler Forwarding Encapsulation DestinationState Fallback Verdict);
    check!(Policy QueueState ConnectionState ChangeKind DropReason);
    let enumerations: Vec<_> = definitions
        .iter()
        .filter(|d| d["type"].as_str() == Some("enum"))
        .map(name)
        .collect();
    assert_eq!(seen, enumerations);
}
