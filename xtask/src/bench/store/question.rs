//! The four questions of the dashboard, in the language of each engine, with the size their answer must have.

use super::engine::Engine;
use super::http::Get;
use super::mesh::{self, PAIRS};

/// How far the questions look back, seconds.
const WINDOW_S: u64 = 900;
/// The step of the range question, seconds.
const STEP_S: u64 = 60;
/// The ends of the pair that is looked at closely.
const ENDS: (usize, usize) = (3, 17);
/// How old the newest value of a pair may be, seconds.
const NEWEST_S: u64 = 60;

/// One question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// Every sample of one pair.
    Pair,
    /// The newest value of each pair.
    Newest,
    /// The 99th percentile of each pair.
    P99,
    /// The highest value of any pair in each minute.
    Max,
}

/// How much an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// Series, or cells of a matrix.
    pub(crate) series: usize,
    /// Values in all of them.
    pub(crate) points: usize,
}

impl Question {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Pair, Self::Newest, Self::P99, Self::Max];

    /// What stands before its figures.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Pair => "one pair, raw, 15 min",
            Self::Newest => "newest of 4,032 pairs",
            Self::P99 => "p99 of 4,032 pairs, 15 min",
            Self::Max => "max of all pairs per min",
        }
    }

    /// The name of its figures in the file.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Pair => "pair_raw",
            Self::Newest => "matrix_newest",
            Self::P99 => "matrix_p99",
            Self::Max => "max_per_minute",
        }
    }

    /// How long its answer may take, ms.
    pub(crate) fn target_ms(self) -> f64 {
        match self {
            Self::Pair => 1.5,
            Self::Newest => 15.0,
            Self::P99 => 100.0,
            Self::Max => 40.0,
        }
    }

    /// The size of a whole answer.
    pub(crate) fn expected(self) -> Size {
        match self {
            Self::Pair => Size { series: 1, points: WINDOW_S as usize },
            Self::Newest | Self::P99 => Size { series: PAIRS, points: PAIRS },
            Self::Max => Size { series: 1, points: (WINDOW_S / STEP_S) as usize },
        }
    }

    /// How far the sums of two engines' answers may lie apart, as a part of one: percentiles are defined differently.
    pub(crate) fn tolerance(self) -> f64 {
        if self == Self::P99 { 0.02 } else { 1e-9 }
    }

    /// The question about the window that ends at `end_ms`.
    pub(crate) fn ask(self, engine: Engine, end_ms: u64) -> Get {
        match engine {
            Engine::Netloom => self.ask_netloom(end_ms),
            Engine::Victoria => {
                let mut get = self.ask_promql(end_ms);
                // Otherwise all but the first answer come from a cache.
                get.query.push(("nocache", "1".into()));
                get
            }
            Engine::Prometheus => self.ask_promql(end_ms),
        }
    }

    fn ask_netloom(self, end_ms: u64) -> Get {
        let (src, dst) = (mesh::name(ENDS.0), mesh::name(ENDS.1));
        let (end, begin) = (end_ms.to_string(), (end_ms - WINDOW_S * 1_000).to_string());
        let seconds = |seconds| format!("{seconds}s");
        let (path, query) = match self {
            Self::Pair => ("query", vec![("src", src), ("dst", dst), ("from", begin), ("to", end)]),
            Self::Newest => ("matrix", vec![("at", end), ("window", seconds(NEWEST_S)), ("agg", "last".into())]),
            Self::P99 => ("matrix", vec![("at", end), ("window", "15m".into()), ("agg", "p99".into())]),
            Self::Max => {
                let range = [("from", begin), ("to", end), ("step", seconds(STEP_S))];
                ("query", [&range[..], &[("agg", "max".into()), ("across", "max".into())]].concat())
            }
        };
        let path = if path == "matrix" { "/api/v1/matrix" } else { "/api/v1/query" };
        Get { path, query: [&[("metric", "rtt_us".to_owned())], &query[..]].concat() }
    }

    fn ask_promql(self, end_ms: u64) -> Get {
        let until_s = end_ms / 1_000;
        let expression = match self {
            Self::Pair => {
                let (src, dst) = (mesh::name(ENDS.0), mesh::name(ENDS.1));
                format!("rtt_us{{src=\"{src}\",dst=\"{dst}\",mode=\"udp\"}}[15m]")
            }
            Self::Newest => "rtt_us".to_owned(),
            Self::P99 => "quantile_over_time(0.99, rtt_us[15m])".to_owned(),
            Self::Max => "max(max_over_time(rtt_us[1m]))".to_owned(),
        };
        if self != Self::Max {
            let query = vec![("query", expression), ("time", until_s.to_string())];
            return Get { path: "/api/v1/query", query };
        }
        // A point stands for the minute before it.
        let start_s = until_s - WINDOW_S + STEP_S;
        let range = [("start", start_s), ("end", until_s), ("step", STEP_S)].map(|(name, at)| (name, at.to_string()));
        Get { path: "/api/v1/query_range", query: [&[("query", expression)], &range[..]].concat() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const END_MS: u64 = 1_795_000_020_000;

    fn asked(question: Question, engine: Engine) -> String {
        let get = question.ask(engine, END_MS);
        let query: Vec<_> = get.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}?{}", get.path, query.join("&"))
    }

    #[test]
    fn netloom_is_asked_through_its_own_api() {
        assert_eq!(
            Question::ALL.map(|question| asked(question, Engine::Netloom)),
            [
                "/api/v1/query?metric=rtt_us&src=node-03&dst=node-17&from=1794999120000&to=1795000020000",
                "/api/v1/matrix?metric=rtt_us&at=1795000020000&window=60s&agg=last",
                "/api/v1/matrix?metric=rtt_us&at=1795000020000&window=15m&agg=p99",
                "/api/v1/query?metric=rtt_us&from=1794999120000&to=1795000020000&step=60s&agg=max&across=max",
            ]
        );
    }

    #[test]
    fn the_others_are_asked_in_promql() {
        assert_eq!(
            asked(Question::Max, Engine::Prometheus),
            "/api/v1/query_range?query=max(max_over_time(rtt_us[1m]))&start=1794999180&end=1795000020&step=60"
        );
        assert_eq!(asked(Question::Newest, Engine::Victoria), "/api/v1/query?query=rtt_us&time=1795000020&nocache=1");
        assert_eq!(Question::Max.expected(), Size { series: 1, points: 15 });
    }
}
