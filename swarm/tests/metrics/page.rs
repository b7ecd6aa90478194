//! Owns a page of metrics, read as strictly as its format is written.

use std::collections::{BTreeMap, BTreeSet};

/// A page: its metrics with their types, and its series with their values.
pub(crate) struct Page {
    text: String,
    types: BTreeMap<String, String>,
    series: BTreeMap<Series, f64>,
}

/// The name of a series, and its labels.
pub(crate) type Series = (String, BTreeMap<String, String>);

impl Page {
    /// Reads one.
    pub(crate) fn read(text: &str) -> Self {
        let (mut types, mut helps, mut series) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("there is a sentence");
                assert!(help.ends_with('.') && helps.insert(name.to_owned()), "{line}");
            } else if let Some(told) = line.strip_prefix("# TYPE ") {
                let (name, told) = told.split_once(' ').expect("there is a type");
                assert!(helps.contains(name), "{line}: it is not explained");
                assert_eq!(types.insert(name.to_owned(), told.to_owned()), None, "{line}: it is there twice");
            } else {
                let (key, value) = sample(line);
                assert!(metric(&types, &key.0).is_some(), "{line}: it has no type");
                assert_eq!(series.insert(key, value), None, "{line}: it is there twice");
            }
        }
        Self { text: text.to_owned(), types, series }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The metrics, with their types.
    pub(crate) fn types(&self) -> &BTreeMap<String, String> {
        &self.types
    }

    pub(crate) fn series(&self) -> &BTreeMap<Series, f64> {
        &self.series
    }

    /// The metric that a series of this name belongs to.
    pub(crate) fn metric_of(&self, series: &str) -> Option<&str> {
        metric(&self.types, series)
    }

    /// The sum of all series of this name that have these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let has = |(found, their): &Series| {
            found == name && labels.iter().all(|(label, value)| their.get(*label).is_some_and(|known| known == value))
        };
        self.series.iter().filter(|(series, _)| has(series)).map(|(_, value)| value).sum()
    }
}

fn metric<'a>(types: &'a BTreeMap<String, String>, series: &str) -> Option<&'a str> {
    if let Some((name, told)) = types.get_key_value(series) {
        return (told != "histogram").then_some(name.as_str());
    }
    let base = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| series.strip_suffix(suffix))?;
    types.get_key_value(base).filter(|(_, told)| *told == "histogram").map(|(name, _)| name.as_str())
}

/// One line: `name{label="value",..} number`.
fn sample(line: &str) -> (Series, f64) {
    let (series, value) = line.rsplit_once(' ').expect("there is a value");
    let value = value.parse().unwrap_or_else(|_| panic!("{line}: no number"));
    let (name, labels) = series.split_once('{').expect("all have a label");
    assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
    let labels = labels.strip_suffix("\"}").expect("the last value is quoted");
    let label = |label: &str| {
        let (name, value) = label.split_once("=\"").unwrap_or_else(|| panic!("{line}: `{label}` is no label"));
        assert!(!value.contains('"') && name.bytes().all(|byte| byte.is_ascii_lowercase()), "{line}");
        (name.to_owned(), value.to_owned())
    };
    ((name.to_owned(), labels.split("\",").map(label).collect()), value)
}
