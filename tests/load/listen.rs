//! Tabs that show the matrix, and some that were forgotten: they read nothing.

use std::{net::SocketAddr, time::Duration};

use futures::future::join_all;
use netloom_server::clock;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout_at},
};

const REQUEST: &str = "GET /api/v1/stream?topics=verdict&matrix=rtt_us HTTP/1.1\r\nhost: localhost\r\n\r\n";
/// Tabs are opened over this long, so that the first picture of one is not the wait of another.
const OPEN_OVER: Duration = Duration::from_secs(3);
/// What comes first is the whole matrix, as old as its parts are: only what comes later than this tells of waits.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

pub async fn run(hub: SocketAddr, (clients, stuck): (usize, usize), period: Duration) -> Value {
    let forgotten = join_all((0..stuck).map(|_| open(hub))).await;
    let client = async |at: usize| {
        sleep(OPEN_OVER.mul_f64(at as f64 / clients as f64)).await;
        listen(hub, period).await.unwrap_or_default()
    };
    let heard = join_all((0..clients).map(client)).await;
    drop(forgotten);
    let deaf = heard.iter().filter(|ages| ages.is_empty()).count();
    let mut ages: Vec<i64> = heard.into_iter().flatten().collect();
    ages.sort_unstable();
    let at = |share: f64| ages.get((ages.len() as f64 * share) as usize).or(ages.last()).copied();
    json!({
        "clients": clients,
        "deaf": deaf,
        "rows": ages.len(),
        "p50_ms": at(0.50),
        "p95_ms": at(0.95),
        "p99_ms": at(0.99),
        "max_ms": ages.last(),
    })
}

async fn open(hub: SocketAddr) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(hub).await?;
    stream.write_all(REQUEST.as_bytes()).await?;
    Ok(stream)
}

/// Listens; returns how old each row of the matrix was when it arrived, ms.
async fn listen(hub: SocketAddr, period: Duration) -> std::io::Result<Vec<i64>> {
    let mut stream = open(hub).await?;
    let (start, mut ages, mut text) = (Instant::now(), Vec::new(), Vec::new());
    let end = start + period;
    let mut buffer = vec![0; 64 * 1_024];
    while let Ok(read) = timeout_at(end, stream.read(&mut buffer)).await {
        let count = read?;
        if count == 0 {
            break;
        }
        let now_ms = clock::now().ms();
        text.extend_from_slice(&buffer[..count]);
        // What stands behind the last line's end waits for the rest. Sizes of chunks stand on lines of their own.
        let Some(whole) = text.iter().rposition(|byte| *byte == b'\n') else { continue };
        let rest = text.split_off(whole + 1);
        if start.elapsed() > SETTLED_AFTER {
            for line in text.split(|byte| *byte == b'\n') {
                ages.extend(rows(line).map(|value| super::age_ms(value, now_ms)));
            }
        }
        text = rest;
    }
    Ok(ages)
}

/// The first value of each row that a line tells of.
fn rows(line: &[u8]) -> impl Iterator<Item = f64> + use<> {
    let data = line.strip_prefix(b"data: ").unwrap_or_default();
    let change: Value = serde_json::from_slice(data).unwrap_or_default();
    let rows = change["rows"].as_array().cloned().unwrap_or_default();
    rows.into_iter().filter_map(|row| row[1].as_array()?.iter().find_map(Value::as_f64))
}
