// SPDX-License-Identifier: GPL-2.0 OR MIT

//! ORCA reports as text: the JSON of proto3, and the HTTP header
//! `endpoint-load-metrics` with its forms `TEXT`, `JSON` and `BIN`.

use std::collections::BTreeMap;

use base64::prelude::{Engine, BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use prost::Message;
use serde_json::{Map, Value};

use crate::orca::{OrcaLoadReport, MAX_MESSAGE};

/// The header with a form before its report.
pub const HEADER: &str = "endpoint-load-metrics";
/// The header whose report is always binary, in base64.
pub const HEADER_BINARY: &str = "endpoint-load-metrics-bin";

/// A report that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReport {
    /// Larger than is read.
    #[error("the report has more than {MAX_MESSAGE} bytes")]
    Large,
    /// Not in one of the three forms.
    #[error("the report begins with none of TEXT, JSON and BIN")]
    Form,
    /// Not what its form wants.
    #[error("{0}")]
    Malformed(String),
}

fn malformed(text: impl Into<String>) -> BadReport {
    BadReport::Malformed(text.into())
}

fn bounded(length: usize) -> Result<(), BadReport> {
    if length > MAX_MESSAGE {
        return Err(BadReport::Large);
    }
    Ok(())
}

impl OrcaLoadReport {
    /// Reads the header's value, in whichever form it is.
    pub fn from_header(value: &str) -> Result<Self, BadReport> {
        bounded(value.len())?;
        let value = value.trim();
        let (form, rest) = value.split_once([' ', '\t']).ok_or(BadReport::Form)?;
        match form.to_ascii_uppercase().as_str() {
            "TEXT" => Self::from_text(rest),
            "JSON" => Self::from_json(rest.as_bytes()),
            "BIN" => Self::from_base64(rest),
            _ => Err(BadReport::Form),
        }
    }

    /// Reads a binary report in base64, padded or not.
    pub fn from_base64(text: &str) -> Result<Self, BadReport> {
        let text = text.trim();
        bounded(text.len())?;
        let bytes = BASE64_STANDARD_NO_PAD
            .decode(text.trim_end_matches('='))
            .map_err(|error| malformed(format!("no base64: {error}")))?;
        Self::from_binary(&bytes)
    }

    /// Reads a binary report.
    pub fn from_binary(bytes: &[u8]) -> Result<Self, BadReport> {
        bounded(bytes.len())?;
        Self::decode(bytes).map_err(|error| malformed(format!("no protobuf: {error}")))
    }

    /// Reads `cpu_utilization=0.3, named_metrics.queue=4`; a colon does as well.
    pub fn from_text(text: &str) -> Result<Self, BadReport> {
        bounded(text.len())?;
        let mut report = Self::default();
        for pair in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let (name, value) = pair
                .split_once(['=', ':'])
                .ok_or_else(|| malformed(format!("`{}` has no value", shown(pair))))?;
            let (name, value) = (name.trim(), value.trim());
            let number = value
                .parse()
                .map_err(|_| malformed(format!("`{}` is no number", shown(value))))?;
            report.set(name, number)?;
        }
        Ok(report)
    }

    /// Writes the form that follows `TEXT`.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut pairs = Vec::new();
        let mut put = |name: &str, value: f64| {
            if value != 0.0 {
                pairs.push(format!("{name}={value}"));
            }
        };
        put("cpu_utilization", self.cpu_utilization);
        put("mem_utilization", self.mem_utilization);
        put("rps_fractional", self.rps_fractional);
        put("eps", self.eps);
        put("application_utilization", self.application_utilization);
        if self.rps != 0 {
            pairs.push(format!("rps={}", self.rps));
        }
        for (field, map) in self.maps() {
            pairs.extend(map.iter().map(|(name, v)| format!("{field}.{name}={v}")));
        }
        pairs.join(",")
    }

    /// Writes the binary form in base64.
    #[must_use]
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(self.encode_to_vec())
    }

    /// Reads proto3's JSON: names as in the .proto file or in camel case, numbers as
    /// such or as strings. Unknown names are passed over, as newer senders have them.
    pub fn from_json(bytes: &[u8]) -> Result<Self, BadReport> {
        bounded(bytes.len())?;
        let fields: Map<String, Value> = serde_json::from_slice(bytes)
            .map_err(|error| malformed(format!("no JSON of a report: {error}")))?;
        let mut report = Self::default();
        for (name, value) in &fields {
            let name = snake(name);
            match value {
                Value::Null => (),
                Value::Object(entries) => {
                    if let Some(map) = report.map_mut(&name) {
                        for (key, value) in entries {
                            map.insert(key.clone(), json_number(key, value)?);
                        }
                    }
                }
                other if is_scalar(&name) => report.set(&name, json_number(&name, other)?)?,
                _ if report.map_mut(&name).is_some() => {
                    return Err(malformed(format!("{name} is not an object")));
                }
                _ => (),
            }
        }
        Ok(report)
    }

    /// Writes proto3's JSON with the names of the .proto file. Numbers that JSON
    /// does not have are strings, as proto3 wants.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut fields = Map::new();
        for (name, value) in [
            ("cpu_utilization", self.cpu_utilization),
            ("mem_utilization", self.mem_utilization),
            ("rps_fractional", self.rps_fractional),
            ("eps", self.eps),
            ("application_utilization", self.application_utilization),
        ] {
            if value != 0.0 {
                fields.insert(name.into(), to_json_number(value));
            }
        }
        if self.rps != 0 {
            fields.insert("rps".into(), Value::String(self.rps.to_string()));
        }
        for (field, map) in self.maps() {
            if !map.is_empty() {
                let entries = map
                    .iter()
                    .map(|(name, &value)| (name.clone(), to_json_number(value)))
                    .collect();
                fields.insert(field.into(), Value::Object(entries));
            }
        }
        Value::Object(fields).to_string()
    }

    fn maps(&self) -> [(&'static str, &BTreeMap<String, f64>); 3] {
        [
            ("request_cost", &self.request_cost),
            ("utilization", &self.utilization),
            ("named_metrics", &self.named_metrics),
        ]
    }

    fn map_mut(&mut self, name: &str) -> Option<&mut BTreeMap<String, f64>> {
        match name {
            "request_cost" => Some(&mut self.request_cost),
            "utilization" => Some(&mut self.utilization),
            "named_metrics" => Some(&mut self.named_metrics),
            _ => None,
        }
    }

    /// Sets a field of this name, `map.key` being an entry of a map.
    fn set(&mut self, name: &str, value: f64) -> Result<(), BadReport> {
        let field = match name {
            "cpu_utilization" => &mut self.cpu_utilization,
            "mem_utilization" => &mut self.mem_utilization,
            "rps_fractional" => &mut self.rps_fractional,
            "eps" => &mut self.eps,
            "application_utilization" => &mut self.application_utilization,
            "rps" => {
                self.rps = format!("{value}")
                    .parse()
                    .map_err(|_| malformed("rps is not a whole number"))?;
                return Ok(());
            }
            other => {
                let (map, key) = other.split_once('.').unwrap_or((other, ""));
                if let Some(map) = self.map_mut(map).filter(|_| !key.is_empty()) {
                    map.insert(key.to_string(), value);
                }
                // Anything else is a newer sender's.
                return Ok(());
            }
        };
        *field = value;
        Ok(())
    }
}

fn is_scalar(name: &str) -> bool {
    matches!(
        name,
        "cpu_utilization"
            | "mem_utilization"
            | "rps_fractional"
            | "eps"
            | "application_utilization"
            | "rps"
    )
}

/// `cpuUtilization` as `cpu_utilization`.
fn snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}

fn json_number(name: &str, value: &Value) -> Result<f64, BadReport> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| malformed(format!("{} is not a number", shown(name))))
}

fn to_json_number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(
        || {
            let text = match value {
                v if v.is_nan() => "NaN",
                v if v > 0.0 => "Infinity",
                _ => "-Infinity",
            };
            Value::String(text.into())
        },
        Value::Number,
    )
}

/// A stranger's word, fit for a log.
fn shown(word: &str) -> String {
    word.chars().take(40).flat_map(char::escape_debug).collect()
}
