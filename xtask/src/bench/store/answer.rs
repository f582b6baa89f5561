//! Counting what an answer holds: a quick answer that lacks half of the data is no answer.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::engine::Engine;
use super::question::Size;

/// What an answer holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Answer {
    /// How much it is.
    pub(crate) size: Size,
    /// All values together, so that the answers of different engines can be held against each other.
    pub(crate) sum: f64,
}

/// Reads the body of an answer.
pub(crate) fn read(engine: Engine, body: &[u8]) -> Result<Answer> {
    let json: Value = serde_json::from_slice(body).context("the answer is no JSON")?;
    let values = match engine {
        Engine::Netloom => netloom(&json),
        Engine::Victoria | Engine::Prometheus => promql(&json)?,
    };
    let values = values.context("the answer has another form than expected")?;
    let points = values.iter().map(Vec::len).sum();
    Ok(Answer { size: Size { series: values.len(), points }, sum: values.iter().flatten().sum() })
}

/// The values of each series, or each cell of a matrix that has one.
fn netloom(json: &Value) -> Option<Vec<Vec<f64>>> {
    if let Some(rows) = json["values"].as_array() {
        let cells = rows.iter().map(Value::as_array).collect::<Option<Vec<_>>>()?;
        return Some(cells.into_iter().flatten().filter_map(|cell| Some(vec![cell.as_f64()?])).collect());
    }
    let points = |series: &Value| series["points"].as_array()?.iter().map(|point| point[1].as_f64()).collect();
    json["series"].as_array()?.iter().map(points).collect()
}

/// The values of each element of a vector or a matrix.
fn promql(json: &Value) -> Result<Option<Vec<Vec<f64>>>> {
    ensure!(json["status"] == "success", "the answer says {}", json["error"]);
    let number = |point: &Value| point[1].as_str()?.parse::<f64>().ok();
    let values = |element: &Value| match element["values"].as_array() {
        Some(points) => points.iter().map(number).collect(),
        None => Some(vec![number(&element["value"])?]),
    };
    Ok(json["data"]["result"].as_array().and_then(|elements| elements.iter().map(values).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(series: usize, points: usize, sum: f64) -> Answer {
        Answer { size: Size { series, points }, sum }
    }

    #[test]
    fn series_and_cells_of_netloom_are_counted() {
        let query = br#"{"metric":"rtt_us","series":[{"labels":{},"points":[[1,2.0],[2,3.0]]}]}"#;
        assert_eq!(read(Engine::Netloom, query).unwrap(), answer(1, 2, 5.0));
        let matrix = br#"{"nodes":["a","b"],"values":[[null,1],[2.5,null]]}"#;
        assert_eq!(read(Engine::Netloom, matrix).unwrap(), answer(2, 2, 3.5));
    }

    #[test]
    fn vectors_and_matrices_of_promql_are_counted() {
        let vector = br#"{"status":"success","data":{"result":[{"value":[1,"4"]},{"value":[1,"0.5"]}]}}"#;
        assert_eq!(read(Engine::Victoria, vector).unwrap(), answer(2, 2, 4.5));
        let matrix = br#"{"status":"success","data":{"result":[{"values":[[1,"4"],[2,"5"]]}]}}"#;
        assert_eq!(read(Engine::Prometheus, matrix).unwrap(), answer(1, 2, 9.0));
    }

    #[test]
    fn errors_are_no_answers() {
        let error = read(Engine::Victoria, br#"{"status":"error","error":"too many"}"#).unwrap_err().to_string();
        assert!(error.contains("too many"), "{error}");
        assert!(read(Engine::Netloom, br#"{"title":"Not Found","status":404}"#).is_err());
        assert!(read(Engine::Netloom, b"<html>").is_err());
    }
}
