//! A test between two nodes, as somebody asks the hub for it.

use serde::{Deserialize, Serialize};

use super::{Direction, Protocol, ThroughputSpec, budget};
use crate::{check::spec::Family, settings::FieldError, settings::active::ActiveSettings};

/// How long is measured unless told otherwise, s.
pub const DURATION_S: f64 = 5.0;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TestRequest {
    /// The node that asks for the test; the hub's own when left out.
    pub src: String,
    /// The node that it tests against.
    pub dst: String,
    /// Over what.
    pub protocol: Protocol,
    /// Which way, seen from `src`.
    pub direction: Direction,
    /// Connections at once; as the settings say when left out.
    pub streams: Option<u16>,
    /// How long is measured, s; 5 when left out, or what the settings allow.
    pub duration_s: Option<f64>,
    /// The rate of UDP, bit/s, all streams together; a million when left out.
    pub rate_bps: Option<u64>,
    /// Says yes to a test while a training run is active.
    pub during_run: bool,
}

/// What a test would take, told before it starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TestBudget {
    /// For how long the network is loaded, ms, and how much is sent at most, bytes.
    #[serde(flatten)]
    pub budget: budget::Budget,
    /// Connections at once.
    pub streams: u16,
    /// Why the test would be refused now; empty when it would not be.
    #[serde(default)]
    pub refusal: String,
}

impl TestRequest {
    /// The test, as far as settings allow; host, port and ticket come from the other end.
    ///
    /// # Errors
    /// The field that is wrong, with what is allowed.
    pub fn spec(&self, active: &ActiveSettings) -> Result<ThroughputSpec, FieldError> {
        let longest_ms = active.longest_s.saturating_mul(1_000);
        // Short tests have a short warm-up.
        let warm_up_ms = budget::WARM_UP_MS.min(longest_ms / 4);
        let usual_s = DURATION_S.min(longest_ms.saturating_sub(warm_up_ms) as f64 / 1e3);
        let duration_s = self.duration_s.unwrap_or(usual_s);
        if !duration_s.is_finite() || duration_s < 0.0 {
            return Err(FieldError::new("duration_s", "must be a number of seconds"));
        }
        let ways = if self.direction == Direction::Both { 2 } else { 1 };
        let is_udp = self.protocol == Protocol::Udp;
        let spec = ThroughputSpec {
            host: String::new(),
            family: Family::Any,
            port: 0,
            ticket: String::new(),
            protocol: self.protocol,
            direction: self.direction,
            streams: self.streams.unwrap_or(active.streams),
            duration_ms: (duration_s * 1e3) as u64,
            warm_up_ms,
            bytes_max: active.most_bytes() / ways,
            rate_bps: if is_udp { self.rate_bps.unwrap_or(budget::UDP_RATE_BPS) } else { 0 },
        };
        spec.check().map_err(|(field, why)| match field {
            "duration_ms" => FieldError::new("duration_s", "must be from 0.1 to 3600"),
            field => FieldError::new(field, why),
        })?;
        let time_ms = spec.duration_ms + spec.warm_up_ms;
        if time_ms > longest_ms {
            let most_s = longest_ms.saturating_sub(warm_up_ms) as f64 / 1e3;
            return Err(FieldError::new("duration_s", format!("must be at most {most_s}, as active.longest_s says")));
        }
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn active() -> ActiveSettings {
        ActiveSettings { throughput: true, ..ActiveSettings::default() }
    }

    #[test]
    fn what_is_left_out_comes_from_the_settings() {
        let spec = TestRequest::default().spec(&active()).expect("is right");
        assert_eq!((spec.streams, spec.duration_ms, spec.warm_up_ms), (4, 5_000, 500));
        assert_eq!(spec.bytes_max, 10_000_000_000);
        let both = TestRequest { direction: Direction::Both, ..TestRequest::default() };
        assert_eq!(both.spec(&active()).expect("is right").budget().bytes, 10_000_000_000);
        let short = ActiveSettings { longest_s: 1, ..active() };
        let spec = TestRequest::default().spec(&short).expect("is right");
        assert_eq!((spec.duration_ms, spec.warm_up_ms), (750, 250));
    }

    #[test]
    fn what_is_too_much_is_named() {
        let blamed = |request: TestRequest| request.spec(&active()).expect_err("is wrong").field;
        let request = TestRequest::default;
        assert_eq!(blamed(TestRequest { duration_s: Some(9.6), ..request() }), "duration_s");
        assert_eq!(blamed(TestRequest { duration_s: Some(f64::NAN), ..request() }), "duration_s");
        assert_eq!(blamed(TestRequest { duration_s: Some(0.0), ..request() }), "duration_s");
        assert_eq!(blamed(TestRequest { streams: Some(17), ..request() }), "streams");
        assert_eq!(blamed(TestRequest { protocol: Protocol::Udp, rate_bps: Some(1), ..request() }), "rate_bps");
    }
}
