//! What to check, from where.

use leptos::{prelude::*, task::spawn_local};
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};
use netloom_core::{
    api::{NodeRole, NodeState, NodeStatus},
    diagnosis::HOSTS_MAX,
    run::RunStatus,
};
use serde_json::json;

use crate::{
    api,
    clock::Clock,
    components::pieces::{segment as toggle, trouble_line},
    live::Live,
    range::{TimeRange, segment},
};

/// What is asked for before it is asked. A handle: copies speak of the same form.
#[derive(Clone, Copy)]
pub(super) struct Draft {
    live: Live,
    clock: Clock,
    node: RwSignal<String>,
    hosts: RwSignal<String>,
    throughput: RwSignal<bool>,
    during_run: RwSignal<bool>,
    is_open: RwSignal<bool>,
    is_busy: RwSignal<bool>,
    trouble: RwSignal<Option<String>>,
    go: Callback<String>,
}

/// The hosts of a text: words between spaces and commas.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', ',', '\n', '\t']).filter(|word| !word.is_empty())
}

/// A text with a host in it or, where it is in it already, without.
fn turned(text: &str, host: &str) -> String {
    let mut all: Vec<&str> = words(text).filter(|word| *word != host).collect();
    if all.len() == words(text).count() {
        all.push(host);
    }
    all.join(" ")
}

/// The node that checks unless another is chosen: the hub's own.
fn usual(nodes: &[NodeStatus]) -> String {
    let hub = nodes.iter().find(|node| node.role == NodeRole::Hub).or_else(|| nodes.first());
    hub.map(|node| node.info.node.clone()).unwrap_or_default()
}

impl Draft {
    /// Begins with what the address asks for. With a diagnosis in it (`id`) that is shown, and the form is closed.
    pub(super) fn begin(id: Memo<Option<String>>) -> Self {
        let (live, clock, range) = (Live::expect(), Clock::expect(), TimeRange::expect());
        let (query, navigate) = (use_query_map(), use_navigate());
        let go = Callback::new(move |id: String| {
            let path = if id.is_empty() { "/diagnose".to_owned() } else { format!("/diagnose?id={}", segment(&id)) };
            navigate(&untrack(|| range.carry(&path)), NavigateOptions::default());
        });
        let asked = Memo::new(move |_| query.with(|query| ["node", "host"].map(|name| query.get(name))));
        let [node, host] = asked.get_untracked();
        let draft = Self {
            live,
            clock,
            node: RwSignal::new(node.unwrap_or_else(|| live.nodes.with_untracked(|nodes| usual(nodes)))),
            hosts: RwSignal::new(host.unwrap_or_default()),
            throughput: RwSignal::new(false),
            during_run: RwSignal::new(false),
            is_open: RwSignal::new(id.with_untracked(Option::is_none)),
            is_busy: RwSignal::new(false),
            trouble: RwSignal::new(None),
            go,
        };
        // Another link to this page while it is open.
        Effect::new(move |_| {
            if let [Some(node), host] = asked.get() {
                draft.node.set(node);
                draft.hosts.set(host.unwrap_or_default());
                draft.is_open.set(true);
            }
        });
        // Going on to the page without a diagnosis opens the form.
        Effect::new(move |before: Option<bool>| {
            let is_shown = id.with(Option::is_some);
            if before.is_some_and(|before| before != is_shown) {
                draft.is_open.set(!is_shown);
            }
            is_shown
        });
        draft
    }

    /// The active run that a test of throughput would disturb.
    fn active_run(self) -> Option<String> {
        let now = self.clock.now();
        let is_active = |run: &&netloom_core::run::Run| run.status_at(now) == RunStatus::Running;
        self.live.runs.with(|runs| runs.iter().find(is_active).map(|run| run.name.clone()))
    }

    /// Asks for what the form says.
    fn start(self) {
        let hosts: Vec<String> = self.hosts.with_untracked(|text| words(text).map(str::to_owned).collect());
        if hosts.len() > HOSTS_MAX {
            self.trouble.set(Some(format!("At most {HOSTS_MAX} at once; these are {}.", hosts.len())));
            return;
        }
        let (throughput, during_run) = (self.throughput.get_untracked(), self.during_run.get_untracked());
        if let Some(run) = untrack(|| self.active_run()).filter(|_| throughput && !during_run) {
            let why = format!("The run {run} is active. Say yes to the test below, or leave throughput out.");
            self.trouble.set(Some(why));
            return;
        }
        let node = self.node.get_untracked();
        let request = json!({ "node": node, "hosts": hosts, "throughput": throughput, "during_run": during_run });
        self.trouble.set(None);
        self.is_busy.set(true);
        spawn_local(async move {
            match api::diagnose(&request).await {
                Ok(told) => {
                    self.is_open.try_set(false);
                    self.go.try_run(told.id);
                }
                Err(problem) => {
                    self.is_open.try_set(true);
                    self.trouble.try_set(Some(problem.detail));
                }
            }
            self.is_busy.try_set(false);
        });
    }

    /// Asks again for what was asked before.
    pub(super) fn again(self, node: String, hosts: &[String], throughput: bool) {
        self.node.set(node);
        self.hosts.set(hosts.join(" "));
        self.throughput.set(throughput);
        self.during_run.set(false);
        // A test that disturbs others is never begun by one click.
        if throughput {
            self.is_open.set(true);
        } else {
            self.start();
        }
    }

    /// Leaves a diagnosis that is no more.
    pub(super) fn leave(self) {
        self.go.run(String::new());
    }
}

/// The form, under a button that opens it.
#[component]
pub(super) fn Form(draft: Draft) -> impl IntoView {
    let on_submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        draft.start();
    };
    let is_closed = move || !draft.is_open.get();
    view! {
        <section class="card" aria-label="What to check">
            <button
                type="button"
                class="link-button"
                aria-expanded=move || draft.is_open.get().to_string()
                aria-controls="diagnose-form"
                data-testid="diagnose-new"
                on:click=move |_| draft.is_open.update(|is_open| *is_open = !*is_open)
            >
                {move || if is_closed() { "Check something else" } else { "What to check" }}
            </button>
            <form class="diagnose-form" id="diagnose-form" novalidate hidden=is_closed on:submit=on_submit>
                {from(draft)} {hosts(draft)} {throughput(draft)}
                <p class="sheet-foot">
                    <button
                        type="submit"
                        class="button is-primary"
                        data-testid="diagnose-start"
                        disabled=draft.is_busy
                    >
                        "Start"
                    </button>
                </p>
            </form>
            {trouble_line("diagnose-trouble", draft.trouble)}
        </section>
    }
    .into_any()
}

fn from(draft: Draft) -> AnyView {
    let option = move |node: NodeStatus| {
        let name = node.info.node;
        let word = if node.status == NodeState::Silent { format!("{name} (silent)") } else { name.clone() };
        let value = name.clone();
        let is_chosen = move || draft.node.with(|chosen| *chosen == name);
        view! {
            <option value=value selected=untrack(&is_chosen) prop:selected=is_chosen>
                {word}
            </option>
        }
    };
    view! {
        <div class="sheet-field">
            <label class="field-label" for="diagnose-node">
                "From"
            </label>
            <select
                class="text-input"
                id="diagnose-node"
                data-testid="diagnose-node"
                on:change=move |event| draft.node.set(event_target_value(&event))
            >
                {move || draft.live.nodes.get().into_iter().map(option).collect_view()}
            </select>
            <p class="field-help">"The node that sends the probes."</p>
        </div>
    }
    .into_any()
}

fn hosts(draft: Draft) -> AnyView {
    let names = Memo::new(move |_| {
        let nodes = draft.live.nodes.with(|nodes| nodes.iter().map(|node| node.info.node.clone()).collect::<Vec<_>>());
        draft.node.with(|from| nodes.into_iter().filter(|name| name != from).collect::<Vec<_>>())
    });
    let pick = move |name: String| {
        let (word, host) = (name.clone(), name.clone());
        let is_on = Signal::derive(move || draft.hosts.with(|text| words(text).any(|word| word == name)));
        let turn = Callback::new(move |()| draft.hosts.update(|text| *text = turned(text, &host)));
        toggle(word.clone().into_any(), format!("pick-{word}"), is_on, turn)
    };
    view! {
        <div class="sheet-field">
            <label class="field-label" for="diagnose-hosts">
                "What"
            </label>
            <input
                class="text-input"
                type="text"
                id="diagnose-hosts"
                data-testid="diagnose-hosts"
                autocomplete="off"
                spellcheck="false"
                placeholder="what every node depends on"
                aria-describedby="diagnose-hosts-help"
                value=draft.hosts.get_untracked()
                prop:value=draft.hosts
                on:input=move |event| draft.hosts.set(event_target_value(&event))
            />
            <div class="diagnose-picks" role="group" aria-label="Nodes">
                {move || names.get().into_iter().map(pick).collect_view()}
            </div>
            <p class="field-help" id="diagnose-hosts-help">
                "Nodes, names, addresses or checks such as " <code>"redis://10.0.0.5"</code>
                ". Left empty: gateway, name servers, public resolvers, the hub and its nodes."
            </p>
        </div>
    }
    .into_any()
}

/// What a test of throughput may take, as far as the settings allow one.
fn budget(live: Live) -> Option<String> {
    let document = live.settings.with(|reply| reply.settings.document());
    let at = |path: &str| netloom_core::settings::at(&document, path).cloned().unwrap_or_default();
    if at("active.throughput") != true {
        return None;
    }
    Some(format!("{} s and {} MB", at("active.longest_s"), at("active.most_mb")))
}

fn throughput(draft: Draft) -> AnyView {
    let range = TimeRange::expect();
    let budget = Memo::new(move |_| budget(draft.live));
    let run = Memo::new(move |_| draft.active_run().filter(|_| draft.throughput.get()));
    let help = move || match budget.get() {
        Some(budget) => format!("Between nodes, at most {budget}. It takes what the links give, and others feel it."),
        None => "Tests of throughput are switched off. They load the network, so somebody has to allow them: ".into(),
    };
    let settings = move || {
        let link = view! { <a href=move || range.carry("/settings")>"settings"</a> };
        budget.with(Option::is_none).then_some(link)
    };
    view! {
        <div class="sheet-field">
            <label class="field-label" for="diagnose-throughput">
                "Throughput"
            </label>
            <input
                type="checkbox"
                class="switch"
                role="switch"
                id="diagnose-throughput"
                data-testid="diagnose-throughput"
                aria-describedby="diagnose-throughput-help"
                disabled=move || budget.with(Option::is_none)
                prop:checked=draft.throughput
                on:change=move |event| draft.throughput.set(event_target_checked(&event))
            />
            <p class="field-help" id="diagnose-throughput-help">
                {help} {settings}
            </p>
            <label class="diagnose-yes" hidden=move || run.with(Option::is_none)>
                <input
                    type="checkbox"
                    class="tick"
                    data-testid="diagnose-during-run"
                    prop:checked=draft.during_run
                    on:change=move |event| draft.during_run.set(event_target_checked(&event))
                />
                <span>{move || format!("Yes, test although the run {} is active", run.get().unwrap_or_default())}</span>
            </label>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_words_and_a_node_is_put_in_or_taken_out() {
        assert_eq!(words(" a, b\nc ").collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(turned("a,b", "c"), "a b c");
        assert_eq!(turned("a b c", "b"), "a c");
        assert_eq!(turned("", "a"), "a");
    }

    #[test]
    fn the_hub_checks_unless_another_is_chosen() {
        let node = |name: &str, role| NodeStatus { role, ..crate::example::node(name, &[]) };
        assert_eq!(usual(&[node("a", NodeRole::Agent), node("b", NodeRole::Hub)]), "b");
        assert_eq!(usual(&[node("a", NodeRole::Agent)]), "a");
        assert_eq!(usual(&[]), "");
    }
}
