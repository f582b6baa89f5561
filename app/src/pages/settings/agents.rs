//! The agents that have joined, and how one more joins.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::{
    api::{AgentRecord, EnrolmentCode},
    time::{Timestamp, duration_words},
};

use crate::{
    api, browser,
    clock::Clock,
    components::{
        empty_state::EmptyState,
        status_badge::{StatusBadge, Tone},
        when::When,
    },
    pages::nodes::Version,
    range::{TimeRange, segment},
};

/// How often the list is asked for anew while a code waits to be used, ms.
const REFRESH_MS: i64 = 5_000;

/// What the section knows. A handle: copies speak of the same section.
#[derive(Clone, Copy)]
struct Agents {
    all: RwSignal<Option<Vec<AgentRecord>>>,
    code: RwSignal<Option<EnrolmentCode>>,
    failure: RwSignal<Option<String>>,
}

impl Agents {
    fn refresh(self) {
        spawn_local(async move {
            match api::agents().await {
                Ok(all) => {
                    self.all.try_set(Some(all));
                }
                Err(problem) => {
                    self.failure.try_set(Some(problem.detail));
                }
            }
        });
    }

    fn make_code(self) {
        self.failure.set(None);
        spawn_local(async move {
            match api::enrolment_code().await {
                Ok(code) => {
                    self.code.try_set(Some(code));
                }
                Err(problem) => {
                    self.failure.try_set(Some(problem.detail));
                }
            }
        });
    }

    fn revoke(self, node: String) {
        self.failure.set(None);
        spawn_local(async move {
            if let Err(problem) = api::revoke_agent(&node).await {
                self.failure.try_set(Some(problem.detail));
            }
            self.refresh();
        });
    }
}

/// How much longer a code is good, in words; nothing when it is not any more.
fn left(code: &EnrolmentCode, now: Timestamp) -> Option<String> {
    let left_ms = code.expires_at.ms() - now.ms();
    (left_ms > 0).then(|| duration_words(left_ms))
}

/// The section.
#[component]
pub(super) fn AgentsSection() -> impl IntoView {
    let clock = Clock::expect();
    let agents = Agents { all: RwSignal::new(None), code: RwSignal::new(None), failure: RwSignal::new(None) };
    let asked_ms = StoredValue::new(None::<i64>);
    // The clock ticks in browsers only. Somebody who has a code waits for the node to appear.
    Effect::new(move |_| {
        let now_ms = clock.now().ms();
        let waits = agents.code.with_untracked(Option::is_some);
        let is_due = asked_ms.get_value().is_none_or(|asked_ms| waits && now_ms - asked_ms >= REFRESH_MS);
        if is_due {
            asked_ms.set_value(Some(now_ms));
            agents.refresh();
        }
    });
    let row = move |agent: AgentRecord| view! { <Row agent agents /> };
    view! {
        <fieldset class="card settings-section" id="settings-agents" data-testid="agents">
            <legend class="settings-legend">"Agents"</legend>
            <p class="settings-help">
                "Other machines that measure and report to this hub. A code lets one of them join, once; what it sends "
                "afterwards is encrypted, and its access can be taken away here."
            </p>
            <p class="agents-failure" role="alert" data-testid="agents-failure">{move || agents.failure.get()}</p>
            <div class="table-scroll">
                <table>
                    <thead>
                        <tr>
                            <th scope="col">"Node"</th>
                            <th scope="col">"Access"</th>
                            <th scope="col" class="number">"Number"</th>
                            <th scope="col">"Version"</th>
                            <th scope="col">"Joined"</th>
                            <th scope="col">"From"</th>
                            <th scope="col"><span class="visually-hidden">"Revoke"</span></th>
                        </tr>
                    </thead>
                    <tbody>{move || agents.all.get().unwrap_or_default().into_iter().map(row).collect_view()}</tbody>
                </table>
            </div>
            <Show when=move || agents.all.with(|all| all.as_ref().is_some_and(Vec::is_empty))>
                <EmptyState title="No agent has joined yet">"Add a node to see every pair of machines."</EmptyState>
            </Show>
            <div class="agents-add">
                <button type="button" class="button" data-testid="add-node" on:click=move |_| agents.make_code()>
                    "Add a node"
                </button>
                {move || agents.code.get().map(|code| view! { <Code code clock /> })}
            </div>
        </fieldset>
    }
    .into_any()
}

/// The command that joins, and how long its code is good.
#[component]
fn Code(code: EnrolmentCode, clock: Clock) -> impl IntoView {
    let commands = code.commands.clone();
    let time = move || match left(&code, clock.now()) {
        Some(left) => format!("Good for one node and {left} more."),
        None => "This code is not good any more; make another.".to_owned(),
    };
    let command = |command: String| {
        let is_copied = RwSignal::new(false);
        let text = command.clone();
        let copy = move |_| {
            let text = text.clone();
            spawn_local(async move {
                is_copied.try_set(browser::copy(&text).await);
            });
        };
        view! {
            <li class="agents-command">
                <code data-testid="join-command">{command}</code>
                <button type="button" class="button" on:click=copy>
                    {move || if is_copied.get() { "Copied" } else { "Copy" }}
                </button>
            </li>
        }
    };
    view! {
        <div class="agents-code" data-testid="join-code">
            <p>"Run this on the machine that is to join:"</p>
            <ul>{commands.into_iter().map(command).collect_view()}</ul>
            <p class="muted" role="timer">{time}</p>
        </div>
    }
    .into_any()
}

#[component]
fn Row(agent: AgentRecord, agents: Agents) -> impl IntoView {
    let range = TimeRange::expect();
    let path = format!("/nodes/{}", segment(&agent.node));
    let (is_asking, testid) = (RwSignal::new(false), format!("agent-{}", agent.node));
    let node = agent.node.clone();
    let (tone, word) = if agent.revoked_at.is_some() { (Tone::Unknown, "revoked") } else { (Tone::Ok, "may report") };
    let confirm = move || {
        let node = node.clone();
        view! {
            <button type="button" class="link-button tone-critical" data-testid="revoke-sure" on:click=move |_| agents.revoke(node.clone())>
                "Revoke, it cannot report again"
            </button>
            " "
            <button type="button" class="link-button" on:click=move |_| is_asking.set(false)>"Keep"</button>
        }
    };
    let ask = move || {
        view! {
            <button type="button" class="link-button" data-testid="revoke" on:click=move |_| is_asking.set(true)>"Revoke"</button>
        }
    };
    let is_revoked = agent.revoked_at.is_some();
    let buttons = move || match (is_revoked, is_asking.get()) {
        (true, _) => ().into_any(),
        (false, true) => confirm().into_any(),
        (false, false) => ask().into_any(),
    };
    view! {
        <tr data-testid=testid>
            <th scope="row"><a href=move || range.carry(&path)>{agent.node}</a></th>
            <td>
                <StatusBadge tone word />
                {agent.revoked_at.map(|at| view! { " " <span class="muted"><When at /></span> })}
            </td>
            <td class="number">{agent.number}</td>
            <td><Version version=agent.version /></td>
            <td><When at=agent.enrolled_at /></td>
            <td><code>{agent.enrolled_from}</code></td>
            <td>{buttons}</td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_how_long_it_is_good() {
        let code = EnrolmentCode { code: "x".into(), commands: Vec::new(), expires_at: Timestamp(600_000) };
        assert_eq!(left(&code, Timestamp(0)).as_deref(), Some("10 min"));
        assert_eq!(left(&code, Timestamp(600_000)), None);
    }
}
