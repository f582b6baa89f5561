//! How long answers take, once it is certain that they are whole.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::answer::{self, Answer};
use super::payload::Payload;
use super::question::Question;
use super::server::Server;
use crate::interrupt;

/// Answers that are not counted: they fill caches and grow buffers.
const WARM_UPS: usize = 3;
/// Answers of which the median is taken.
const COUNTED: usize = 20;

/// What one question cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Latency {
    /// Which question.
    pub(crate) question: Question,
    /// From sending it to the last byte of the answer, ms, the median.
    pub(crate) median_ms: f64,
    /// What the answer held.
    pub(crate) answer: Answer,
}

/// Asks one question often, over one connection.
pub(crate) fn measure(server: &Server, payload: &Payload, question: Question) -> Result<Latency> {
    let (client, get) = (server.client(), question.ask(server.engine, payload.end_ms));
    let mut body = Vec::new();
    let mut times_ms = Vec::new();
    for _ in 0..WARM_UPS + COUNTED {
        interrupt::check()?;
        let began = Instant::now();
        client.get(&get, &mut body)?;
        times_ms.push(began.elapsed().as_secs_f64() * 1e3);
        if times_ms.len() == 1 {
            require_whole(server, question, &body)?;
        }
    }
    let answer = require_whole(server, question, &body)?;
    Ok(Latency { question, median_ms: median(&mut times_ms[WARM_UPS..]), answer })
}

fn require_whole(server: &Server, question: Question, body: &[u8]) -> Result<Answer> {
    let (answer, expected) = (answer::read(server.engine, body)?, question.expected());
    let (series, points) = (answer.size.series, answer.size.points);
    let (all_series, all_points) = (expected.series, expected.points);
    ensure!(
        answer.size == expected,
        "the answer has {series} series with {points} points, not {all_series} with {all_points}"
    );
    Ok(answer)
}

/// The value in the middle, or between the two in the middle.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&mut [4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < f64::EPSILON);
    }
}
