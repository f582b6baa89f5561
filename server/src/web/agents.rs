//! Agents: codes to join with, who has joined, and who may no more.

use std::net::IpAddr;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, post},
};
use netloom_core::{
    api::{AgentRecord, EnrolmentCode, Problem},
    topology::Interface,
};

use super::{WebState, problem::ProblemReply};
use crate::{collect::inventory, uplink::UplinkPlace};

/// The routes of this area.
pub fn router() -> Router<WebState> {
    Router::new()
        .route("/api/v1/agents", get(agents))
        .route("/api/v1/agents/codes", post(make_code))
        .route("/api/v1/agents/{node}/revoke", post(revoke))
}

/// Every agent that ever joined, by the name of its node; revoked ones carry when that was.
#[utoipa::path(get, path = "/api/v1/agents", tag = "agents", responses(
    (status = 200, description = "agents by name", body = Vec<AgentRecord>),
))]
pub async fn agents(State(state): State<WebState>) -> Result<Json<Vec<AgentRecord>>, ProblemReply> {
    Ok(Json(state.agents.records().await?))
}

/// A code with which one agent may join within ten minutes, and the commands to run on its machine.
#[utoipa::path(post, path = "/api/v1/agents/codes", tag = "agents", responses(
    (status = 200, description = "the code", body = EnrolmentCode),
    (status = 409, description = "this hub does not listen for agents", body = Problem),
    (status = 422, description = "too many codes are open", body = Problem),
))]
pub async fn make_code(State(state): State<WebState>) -> Result<Json<EnrolmentCode>, ProblemReply> {
    let Some(place) = &state.uplink else {
        let detail = "this hub does not listen for agents: start it with --agent-listen 0.0.0.0:6387";
        return Err(ProblemReply::new(StatusCode::CONFLICT, "no-agents-wanted", detail));
    };
    let (code, expires_at) = state.agents.make_code(place.certificate.fingerprint).await?;
    let code = code.text();
    let command = |host: String| {
        let port = place.address.port();
        format!("netloom agent --hub https://{host}:{port} --token {code}")
    };
    let commands = hosts(place).into_iter().map(command).collect();
    Ok(Json(EnrolmentCode { code, commands, expires_at }))
}

/// Takes an agent's token away, at once. The node may join again with a new code, and keeps its number.
#[utoipa::path(post, path = "/api/v1/agents/{node}/revoke", tag = "agents", params(("node" = String, Path, description = "the name of the node")), responses(
    (status = 204, description = "it may speak no more"),
    (status = 404, description = "no agent of that name may", body = Problem),
))]
pub async fn revoke(State(state): State<WebState>, Path(node): Path<String>) -> Result<StatusCode, ProblemReply> {
    state.agents.revoke(&node).await?;
    state.ingest.forget(&node);
    Ok(StatusCode::NO_CONTENT)
}

/// Where agents may reach this machine: where it listens, or by each of its addresses and its name.
fn hosts(place: &UplinkPlace) -> Vec<String> {
    let ip = place.address.ip();
    if !ip.is_unspecified() {
        return vec![in_a_url(ip)];
    }
    let mut hosts = addresses(&inventory::read().unwrap_or_default(), ip.is_ipv4());
    hosts.extend(sysinfo::System::host_name());
    hosts
}

/// The addresses of interfaces that others can reach, those of what counts first.
fn addresses(interfaces: &[Interface], is_v4_only: bool) -> Vec<String> {
    let all = interfaces.iter().filter(|interface| interface.is_up).flat_map(|interface| &interface.addresses);
    let parsed = all.filter_map(|address| address.split('/').next()?.parse::<IpAddr>().ok());
    let is_reachable = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        IpAddr::V6(ip) => !is_v4_only && !ip.is_loopback() && !ip.is_unicast_link_local(),
    };
    parsed.filter(is_reachable).map(in_a_url).collect()
}

fn in_a_url(ip: IpAddr) -> String {
    if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() }
}

#[cfg(test)]
mod tests {
    use netloom_core::topology::InterfaceKind;

    use super::*;

    #[test]
    fn only_addresses_that_others_can_reach_are_named() {
        let interface = |is_up, addresses: &[&str]| Interface {
            name: "eth0".into(),
            kind: InterfaceKind::Physical,
            is_up,
            has_master: false,
            speed_mbps: None,
            mtu_bytes: None,
            addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
            is_counted: true,
        };
        let interfaces = [
            interface(true, &["10.0.0.1/24", "fe80::1/64", "2001:db8::1/64", "169.254.1.1/16"]),
            interface(true, &["127.0.0.1/8", "::1/128"]),
            interface(false, &["10.9.9.9/24"]),
        ];
        assert_eq!(addresses(&interfaces, false), ["10.0.0.1", "[2001:db8::1]"]);
        assert_eq!(addresses(&interfaces, true), ["10.0.0.1"]);
    }
}
