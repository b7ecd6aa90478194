//! Owns what the head of a request asks for beside its path: how long it is waited for, and whether an answer is wanted at all. Never takes
//! a time that it does not understand for none.

use std::time::Duration;

use axum::http::HeaderMap;

use super::problem::Problem;
use super::sort;

/// How long the client waits, in seconds, as all fields of HTTP have them that hold a time; with decimals, for calls take milliseconds.
const REQUEST_TIMEOUT: &str = "request-timeout";

/// What Envoy tells whom it forwards a request to: how long it waits itself, in milliseconds.
const ENVOY_TIMEOUT: &str = "x-envoy-expected-rq-timeout-ms";

/// RFC 7240: `respond-async` and `wait` are preferences that it defines.
const PREFER: &str = "prefer";

/// The longest time that is waited. Who wants more gets this.
const LIMIT_MAX: Duration = Duration::from_secs(crate::rpc::DEADLINE_MAX_S);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// How long the client waits; the shortest of those that are named.
    pub(super) limit: Option<Duration>,
    /// It does not wait for the worker.
    pub(super) respond_async: bool,
}

impl Wish {
    /// What these fields say.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let mut wish = Self { limit: None, respond_async: false };
        for (name, unit_ms) in [(REQUEST_TIMEOUT, 1000.0), (ENVOY_TIMEOUT, 1.0)] {
            for value in headers.get_all(name) {
                let text = value.to_str().unwrap_or_default();
                let limit = time(text, unit_ms).ok_or_else(|| {
                    let (unit, example) = if unit_ms > 1.0 { ("seconds", "2.5") } else { ("milliseconds", "2500") };
                    let detail =
                        format!("the field {name} is {text:?}, which is no time in {unit} above zero: write {example}");
                    Problem::new(sort::BAD_REQUEST, detail)
                })?;
                wish.wait(limit);
            }
        }
        for value in headers.get_all(PREFER) {
            // A preference that is not understood means nothing: so its RFC has it.
            for preference in value.to_str().unwrap_or_default().split(',') {
                let (preference, _parameters) = preference.split_once(';').unwrap_or((preference, ""));
                let (name, value) = preference.split_once('=').unzip();
                match (name.unwrap_or(preference).trim().to_ascii_lowercase().as_str(), value) {
                    ("respond-async", _) => wish.respond_async = true,
                    ("wait", Some(seconds)) => {
                        if let Some(limit) = time(seconds.trim().trim_matches('"'), 1000.0) {
                            wish.wait(limit);
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(wish)
    }

    fn wait(&mut self, limit: Duration) {
        self.limit = Some(self.limit.map_or(limit, |known| known.min(limit)).min(LIMIT_MAX));
    }
}

/// A time of so many milliseconds a unit. Not by what reads floats: that takes `inf` and `1e9`, too.
fn time(text: &str, unit_ms: f64) -> Option<Duration> {
    let plain = !text.is_empty() && text.len() <= 16 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = text.parse().ok().filter(|_| plain)?;
    let time = Duration::try_from_secs_f64(number * unit_ms / 1000.0).ok()?;
    Some(time).filter(|time| !time.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(fields: &[(&'static str, &str)]) -> Result<Wish, Problem> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().expect("a value"));
        }
        Wish::of(&headers)
    }

    fn limit(fields: &[(&'static str, &str)]) -> Option<Duration> {
        wish(fields).expect("it is understood").limit
    }

    #[test]
    fn the_shortest_time_counts() {
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(limit(&[]), None);
        assert_eq!(limit(&[("request-timeout", "2")]), ms(2_000));
        assert_eq!(limit(&[("request-timeout", "0.25")]), ms(250));
        assert_eq!(limit(&[("x-envoy-expected-rq-timeout-ms", "1500")]), ms(1_500));
        assert_eq!(limit(&[("request-timeout", "2"), ("x-envoy-expected-rq-timeout-ms", "1500")]), ms(1_500));
        assert_eq!(limit(&[("request-timeout", "1"), ("x-envoy-expected-rq-timeout-ms", "1500")]), ms(1_000));
        assert_eq!(limit(&[("prefer", "wait=3")]), ms(3_000));
        assert_eq!(limit(&[("prefer", "return=minimal, wait=\"4\"; foo=bar"), ("prefer", "wait=3")]), ms(3_000));
        assert_eq!(limit(&[("request-timeout", "99999999")]), Some(LIMIT_MAX));
    }

    #[test]
    fn what_is_no_time_is_refused_and_never_no_limit() {
        for text in [
            "",
            "0",
            "0.0",
            "-1",
            "1s",
            "inf",
            "NaN",
            "1e3",
            "1.2.3",
            " ",
            "0x10",
            "99999999999999999999",
            "0.0000000001",
        ] {
            assert!(wish(&[("request-timeout", text)]).is_err(), "{text:?}");
            assert!(wish(&[("x-envoy-expected-rq-timeout-ms", text)]).is_err(), "{text:?}");
        }
        assert_eq!(limit(&[("prefer", "wait=x"), ("prefer", "wait")]), None, "so RFC 7240 has it");
    }

    #[test]
    fn an_answer_may_not_be_wanted() {
        let asynchronous = |value| wish(&[("prefer", value)]).expect("it is understood").respond_async;
        assert!(
            asynchronous("respond-async")
                && asynchronous("wait=3, Respond-Async; x")
                && asynchronous("respond-async=1")
        );
        assert!(!asynchronous("respond") && !asynchronous("return=respond-async"));
    }
}
