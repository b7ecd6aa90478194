//! Owns where a request stands in a trace, by what its head says. Never refuses one for that: what is not understood counts as not there,
//! as the recommendation has it.

use axum::http::{HeaderMap, HeaderName};

use crate::trace::{TRACE_STATE_BYTES_MAX, TraceContext, Tracing};

/// W3C Trace Context: the span that the request is a part of.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The same: what tracing systems have to say of it to each other.
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What these fields say, if it is sampled and this node traces.
pub(super) fn of(tracing: &Tracing, headers: &HeaderMap) -> Option<Box<TraceContext>> {
    tracing.propagator()?;
    let mut parents = headers.get_all(TRACEPARENT).iter();
    let (parent, None) = (parents.next()?, parents.next()) else { return None };
    let context: TraceContext = parent.to_str().ok()?.parse().ok()?;
    Some(Box::new(context.with_state(&state(headers)))).filter(|context| context.is_sampled())
}

/// Several fields count as one; one that cannot be passed on as none.
fn state(headers: &HeaderMap) -> String {
    let mut state = String::new();
    for value in headers.get_all(TRACESTATE) {
        match value.to_str() {
            Ok(value) if state.len() + value.len() <= TRACE_STATE_BYTES_MAX => {
                if !state.is_empty() {
                    state.push(',');
                }
                state.push_str(value);
            }
            _ => return String::new(),
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use tracing::Span;

    use super::*;
    use crate::trace::Propagator;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    struct Idle;

    impl Propagator for Idle {
        fn current(&self) -> Option<TraceContext> {
            None
        }

        fn continue_from(&self, _: &Span, _: &TraceContext) {}
    }

    fn told(fields: &[(&'static str, &str)]) -> Option<(String, String)> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().expect("a value"));
        }
        assert_eq!(of(&Tracing::default(), &headers), None, "nobody traces");
        of(&Tracing::by(Idle), &headers).map(|context| (context.to_string(), context.state().to_owned()))
    }

    #[test]
    fn a_request_goes_on_in_its_trace() {
        let with = |state: &str| Some((PARENT.to_owned(), state.to_owned()));
        assert_eq!(told(&[("traceparent", PARENT)]), with(""));
        assert_eq!(told(&[("traceparent", PARENT), ("tracestate", "a=1"), ("tracestate", "b=2")]), with("a=1,b=2"));
        let long = "x".repeat(TRACE_STATE_BYTES_MAX);
        assert_eq!(told(&[("traceparent", PARENT), ("tracestate", &long)]), with(&long));
        assert_eq!(told(&[("traceparent", PARENT), ("tracestate", &long), ("tracestate", "b=2")]), with(""));
    }

    #[test]
    fn what_is_not_sampled_or_not_understood_counts_as_not_there() {
        assert_eq!(told(&[("tracestate", "a=1")]), None);
        assert_eq!(told(&[("traceparent", &PARENT.replace("-01", "-00"))]), None);
        assert_eq!(told(&[("traceparent", &PARENT[1..])]), None);
        assert_eq!(told(&[("traceparent", PARENT), ("traceparent", PARENT)]), None, "which of them is meant?");
    }
}
