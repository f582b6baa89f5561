//! A diagnosis by a node of the hub: asked for, followed, and, when nobody waits any more, left to the hub.

use std::time::Duration;

use anyhow::{anyhow, bail};
use netloom_core::diagnosis::{Diagnosis, DiagnosisRequest};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{LOCAL_HUB, STOPPED, cut, words::plain};
use crate::{
    cli::DiagnoseArgs,
    client::api::{CallError, Hub},
    tool::screen::Screen,
};

/// How often the hub is asked how far a node is.
const ASK_EVERY: Duration = Duration::from_millis(300);
/// How long a diagnosis through the hub is waited for. The hub gives up before.
const LIMIT: Duration = Duration::from_mins(10);
/// How long a hub may be away meanwhile: it starts anew within seconds, and goes on with what it was asked for.
const AWAY_LIMIT: Duration = Duration::from_secs(20);

/// Has a node of the hub check, and follows it until it ends, it is stopped, or the hub is away for too long.
pub(super) async fn run(
    args: &DiagnoseArgs,
    node: &str,
    screen: &Screen,
    stop: &CancellationToken,
) -> anyhow::Result<Diagnosis> {
    let hub = Hub::at(args.hub.as_deref().unwrap_or(LOCAL_HUB))?;
    let request = DiagnosisRequest {
        node: node.to_owned(),
        hosts: args.hosts.clone(),
        throughput: args.throughput,
        during_run: args.during_run,
    };
    let begun = tokio::select! {
        begun = hub.diagnose(&request) => begun.map_err(|error| anyhow!("the hub at {}: {error}", hub.url()))?,
        () = stop.cancelled() => bail!("{STOPPED} before the hub at {} said that it has begun", hub.url()),
    };
    let place = plain(&format!("{}/diagnose?id={}", hub.url(), begun.id));
    screen.note(&format!("netloom: {node} checks: {place}"));
    let mut diagnosis = begun;
    let why = tokio::select! {
        why = follow(&hub, &mut diagnosis, screen, AWAY_LIMIT) => why,
        () = stop.cancelled() => Some(STOPPED.to_owned()),
    };
    if let Some(why) = why {
        let id = plain(&diagnosis.id);
        screen.note(&format!(
            "netloom: {why}; the hub goes on: what comes of it is at {place}, and as JSON at {}/api/v1/diagnoses/{id}",
            hub.url()
        ));
        cut(&mut diagnosis, &why);
    }
    Ok(diagnosis)
}

/// Follows it to its end. Returns why it is followed no longer, if that was before.
async fn follow(hub: &Hub, diagnosis: &mut Diagnosis, screen: &Screen, away_limit: Duration) -> Option<String> {
    let until = Instant::now() + LIMIT;
    let mut answered = Instant::now();
    while !diagnosis.state.is_end() {
        if Instant::now() >= until {
            return Some(format!("{} did not come to an end within {} s", diagnosis.node, LIMIT.as_secs()));
        }
        sleep(ASK_EVERY).await;
        match hub.diagnosis(&diagnosis.id).await {
            Ok(newer) => (*diagnosis, answered) = (newer, Instant::now()),
            Err(CallError::Away(_)) if answered.elapsed() < away_limit => continue,
            Err(error) => return Some(format!("the hub at {}: {error}", hub.url())),
        }
        let brief = diagnosis.brief();
        screen.begin(brief.items.max(1) as u64);
        screen.show(brief.done as u64, format!("{} checks", plain(&diagnosis.node)));
    }
    None
}

#[cfg(test)]
mod tests {
    use netloom_core::{diagnosis::DiagnosisState, time::Timestamp};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    fn diagnosis(state: DiagnosisState) -> Diagnosis {
        Diagnosis { state, ..Diagnosis::asked("d1", "n1", Vec::new(), Timestamp(0)) }
    }

    /// A hub on loopback that gives these answers, each on a connection of its own; an empty one is none. Nobody listens
    /// after the last.
    async fn hub(answers: Vec<String>) -> Hub {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.expect("somebody asks");
                let _ = stream.read(&mut [0; 1_024]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Hub::at(&url).expect("a URL")
    }

    fn answer(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }

    #[tokio::test]
    async fn a_hub_that_stumbles_is_asked_again_and_one_that_is_gone_is_not() {
        let json = |state| serde_json::to_string(&diagnosis(state)).expect("JSON");
        let stumbling = vec![
            String::new(),
            answer("503 Service Unavailable", ""),
            answer("200 OK", &json(DiagnosisState::Running)),
            answer("200 OK", &json(DiagnosisState::Done)),
        ];
        let unknown = vec![answer("404 Not Found", "")];
        for (answers, away_limit, expected) in [
            (stumbling, AWAY_LIMIT, None),
            (unknown, AWAY_LIMIT, Some("404")),
            (Vec::new(), Duration::ZERO, Some("the hub at http://127.0.0.1:")),
        ] {
            let (hub, screen) = (hub(answers).await, Screen::new(1, true));
            let mut followed = diagnosis(DiagnosisState::Waiting);
            let why = follow(&hub, &mut followed, &screen, away_limit).await;
            match expected {
                Some(part) => assert!(why.as_ref().is_some_and(|why| why.contains(part)), "{why:?}"),
                None => assert_eq!((why, followed.state), (None, DiagnosisState::Done)),
            }
        }
    }
}
