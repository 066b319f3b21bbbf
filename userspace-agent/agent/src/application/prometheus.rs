// SPDX-License-Identifier: GPL-2.0 OR MIT

//! Prometheus' text format, as much of it as sums of chosen series need.

use std::fmt;
use std::str::FromStr;

use regex_lite::Regex;
use serde::de::{Deserialize, Deserializer};

/// Which series are summed: `http_requests_total{code=~"5..", method!="HEAD"}`.
#[derive(Clone, Debug)]
pub struct Selector {
    text: String,
    name: String,
    matchers: Vec<Matcher>,
}

#[derive(Clone, Debug)]
struct Matcher {
    label: String,
    wanted: bool,
    pattern: Pattern,
}

#[derive(Clone, Debug)]
enum Pattern {
    Text(String),
    Regex(Regex),
}

/// A selector that is none; says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{selector}` selects nothing: {why}")]
pub struct BadSelector {
    selector: String,
    why: &'static str,
}

impl FromStr for Selector {
    type Err = BadSelector;

    fn from_str(text: &str) -> Result<Self, BadSelector> {
        let bad = |why| BadSelector {
            selector: text.to_string(),
            why,
        };
        let text = text.trim();
        let mut cursor = Cursor(text);
        let name = cursor.name().ok_or_else(|| bad("it begins with no name"))?;
        let mut matchers = Vec::new();
        if cursor.take("{") {
            cursor.space();
            while !cursor.take("}") {
                let label = cursor.name().ok_or_else(|| bad("a label has no name"))?;
                cursor.space();
                let operator = ["=~", "!~", "!=", "="]
                    .into_iter()
                    .find(|operator| cursor.take(operator))
                    .ok_or_else(|| bad("a label is followed by =, !=, =~ or !~"))?;
                cursor.space();
                let value = cursor
                    .quoted()
                    .ok_or_else(|| bad("a label's value stands in quotes"))?;
                let pattern = if operator.ends_with('~') {
                    let anchored = format!("^(?:{value})$");
                    Pattern::Regex(Regex::new(&anchored).map_err(|_| bad("no regular expression"))?)
                } else {
                    Pattern::Text(value)
                };
                matchers.push(Matcher {
                    label: label.to_string(),
                    wanted: !operator.starts_with('!'),
                    pattern,
                });
                cursor.space();
                if !cursor.take(",") && !cursor.0.starts_with('}') {
                    return Err(bad("labels stand between commas and end with }"));
                }
                cursor.space();
            }
        }
        if !cursor.0.trim().is_empty() {
            return Err(bad("something follows it"));
        }
        Ok(Self {
            name: name.to_string(),
            text: text.to_string(),
            matchers,
        })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Selector {
    /// Sum of the selected series of a page, `None` if there is none. Lines that make
    /// no sense are passed over.
    pub fn sum(&self, page: &str) -> Option<f64> {
        page.lines()
            .filter_map(|line| self.value(line))
            .fold(None, |sum, value| Some(sum.unwrap_or(0.0) + value))
    }

    /// The value of a line, if it is selected.
    fn value(&self, line: &str) -> Option<f64> {
        let mut cursor = Cursor(line.trim_start());
        if cursor.name()? != self.name {
            return None;
        }
        let mut labels: Vec<(&str, String)> = Vec::new();
        if cursor.take("{") {
            cursor.space();
            while !cursor.take("}") {
                let label = cursor.name()?;
                cursor.space();
                if !cursor.take("=") {
                    return None;
                }
                cursor.space();
                labels.push((label, cursor.quoted()?));
                cursor.space();
                let _ = cursor.take(",");
                cursor.space();
            }
        }
        let is_selected = self.matchers.iter().all(|matcher| {
            // A label that is not there is an empty one.
            let value = labels
                .iter()
                .find(|(label, _)| *label == matcher.label)
                .map_or("", |(_, value)| value);
            matcher.pattern.is_match(value) == matcher.wanted
        });
        if !is_selected {
            return None;
        }
        let value: f64 = cursor.0.split_whitespace().next()?.parse().ok()?;
        value.is_finite().then_some(value)
    }
}

impl Pattern {
    fn is_match(&self, value: &str) -> bool {
        match self {
            Self::Text(text) => text == value,
            Self::Regex(regex) => regex.is_match(value),
        }
    }
}

/// What is left of a line.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn take(&mut self, token: &str) -> bool {
        let rest = self.0.strip_prefix(token);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn space(&mut self) {
        self.0 = self.0.trim_start();
    }

    fn name(&mut self) -> Option<&'a str> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let end = self.0.find(|c| !is_part(c)).unwrap_or(self.0.len());
        let (name, rest) = self.0.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.0 = rest;
        Some(name)
    }

    fn quoted(&mut self) -> Option<String> {
        let body = self.0.strip_prefix('"')?;
        let mut text = String::new();
        let mut characters = body.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.0 = body.get(at + 1..)?;
                    return Some(text);
                }
                '\\' => match characters.next()?.1 {
                    'n' => text.push('\n'),
                    c @ ('"' | '\\') => text.push(c),
                    // A regular expression's own.
                    c => text.extend(['\\', c]),
                },
                c => text.push(c),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = r#"
# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000
http_requests_total{method="get",code="503",} 2
http_requests_total_other 99
# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9
http_request_duration_seconds_sum 53423
http_request_duration_seconds_bucket{le="+Inf"} 144320
something_weird{problem="division by zero"} +Inf -3982045
"#;

    fn sum(selector: &str) -> Option<f64> {
        selector.parse::<Selector>().unwrap().sum(PAGE)
    }

    #[test]
    fn the_format_s_example() {
        assert_eq!(sum("http_requests_total"), Some(1032.0));
        assert_eq!(sum(r#"http_requests_total{code=~"5.."}"#), Some(2.0));
        assert_eq!(
            sum(r#"http_requests_total{code!~"5..", method="post"}"#),
            Some(1030.0)
        );
        assert_eq!(sum(r#"http_requests_total{ code != "200" }"#), Some(5.0));
        assert_eq!(sum(r#"http_requests_total{code=~"5"}"#), None);
        assert_eq!(sum("http_request_duration_seconds_sum"), Some(53423.0));
        assert_eq!(
            sum(r#"http_request_duration_seconds_bucket{le="+Inf"}"#),
            Some(144_320.0)
        );
        assert_eq!(
            sum(r#"msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT"}"#),
            Some(1.458_255_915e9)
        );
        assert_eq!(sum("something_weird"), None);
        assert_eq!(sum(r#"http_requests_total{absent=""}"#), Some(1032.0));
        assert_eq!(sum("absent"), None);
    }

    #[test]
    fn selectors_that_are_none() {
        for bad in [
            "",
            "9lives",
            "a b",
            "a{",
            "a{b}",
            "a{b=c}",
            r#"a{b="c"#,
            r#"a{b="c" d="e"}"#,
            r#"a{b=~"("}"#,
            r#"a{b="c"}x"#,
        ] {
            assert!(bad.parse::<Selector>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_page_has_a_sum_or_not(page in any::<String>(), line in "a(\\{|\\}|\"|=|,|b|\\\\| |1){0,12}") {
            let selector: Selector = r#"a{b="1"}"#.parse().unwrap();
            for page in [page, line] {
                if let Some(sum) = selector.sum(&page) {
                    prop_assert!(!sum.is_nan());
                }
            }
        }

        #[test]
        fn any_selector_is_one_or_not(text in any::<String>(), like in "a\\{(b|=|~|!|\"|,|\\}|\\\\){0,12}") {
            let _ = text.parse::<Selector>();
            let _ = like.parse::<Selector>();
        }

        #[test]
        fn labels_come_back(value in any::<String>(), number in 0u32..) {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            prop_assume!(!value.contains(['\r', '\u{85}', '\u{2028}', '\u{2029}', '\u{b}', '\u{c}']));
            let line = format!("a{{b=\"{escaped}\"}} {number}");
            let selector: Selector = format!("a{{b=\"{escaped}\"}}").parse().unwrap();
            prop_assert_eq!(selector.sum(&line), Some(f64::from(number)));
        }
    }
}
