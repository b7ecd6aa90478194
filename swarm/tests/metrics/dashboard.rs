//! The dashboard that comes with the crate asks for what there is.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fixture::{node, scrape};

/// The dashboard for Grafana.
pub(crate) struct Dashboard(Value);

impl Dashboard {
    pub(crate) fn read() -> Self {
        let text = include_str!("../../grafana.json");
        Self(serde_json::from_str(text).expect("it is JSON"))
    }

    fn panels(&self) -> &[Value] {
        self.0["panels"].as_array().expect("there are panels")
    }

    /// The queries of all panels, with what Grafana puts into them: all nodes, and a minute.
    pub(crate) fn queries(&self) -> Vec<String> {
        let targets = self.panels().iter().filter_map(|panel| panel["targets"].as_array()).flatten();
        let queries = targets.map(|target| target["expr"].as_str().expect("a target has a query"));
        queries.map(|query| query.replace("$node", ".*").replace("$__rate_interval", "1m")).collect()
    }
}

/// The metrics that a query names.
fn named(query: &str) -> BTreeSet<&str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    query.split(|letter| !is_part(letter)).filter(|word| word.starts_with("swarm_")).collect()
}

#[tokio::test]
async fn every_query_names_metrics_that_there_are_and_every_metric_of_note_is_shown() {
    let node = node("dashboard", &[]).await;
    let page = scrape(&node).await;
    let dashboard = Dashboard::read();
    let queries = dashboard.queries();
    assert!(queries.len() >= 20, "{}", queries.len());
    let mut shown = BTreeSet::new();
    for query in &queries {
        let names = named(query);
        assert!(!names.is_empty(), "{query} asks for nothing of ours");
        for name in names {
            shown.insert(page.metric_of(name).unwrap_or_else(|| panic!("{query}: there is no {name}")).to_owned());
        }
    }
    let told: BTreeSet<String> = page.types().keys().cloned().collect();
    let hidden: Vec<&String> = told.difference(&shown).collect();
    // What changes hardly ever, and what only who looks for a cause wants to know.
    assert_eq!(
        hidden,
        [
            "swarm_build_info",
            "swarm_drained",
            "swarm_init_seconds",
            "swarm_messages_forwarded_total",
            "swarm_method_switches_total",
            "swarm_packets_total",
            "swarm_strangers",
            "swarm_surveys_total",
            "swarm_uptime_seconds",
        ]
    );
}

#[test]
fn panels_have_a_title_a_unit_and_a_place_of_their_own() {
    let dashboard = Dashboard::read();
    let mut taken = BTreeSet::new();
    for panel in dashboard.panels() {
        let title = panel["title"].as_str().expect("it has a title");
        let place = |side: &str| panel["gridPos"][side].as_u64().expect("it has a place");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(x < 24 && taken.insert((x, y)), "{title} lies on another");
            }
        }
        if panel["type"] != "row" {
            assert!(
                panel["description"].is_string() && panel["fieldConfig"]["defaults"]["unit"].is_string(),
                "{title}"
            );
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
}
