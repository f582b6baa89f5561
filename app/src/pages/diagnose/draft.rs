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
    components::pieces::trouble_line,
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
        let asked = move || query.with(|query| ["node", "host"].map(|name| query.get(name)));
        let [node, host] = untrack(asked);
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
        // Another link to this page while it is open; and going on to the page without a diagnosis opens the form.
        Effect::new(move |before: Option<([Option<String>; 2], bool)>| {
            let (asked, is_shown) = (asked(), id.with(Option::is_some));
            if let Some((asked_before, was_shown)) = before {
                if is_shown != was_shown {
                    draft.is_open.set(!is_shown);
                }
                if let ([Some(node), host], true) = (&asked, asked != asked_before) {
                    draft.node.set(node.clone());
                    draft.hosts.set(host.clone().unwrap_or_default());
                    draft.is_open.set(true);
                }
            }
            (asked, is_shown)
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
                Ok(id) => {
                    self.is_open.try_set(false);
                    self.go.try_run(id);
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

/// What the form shows beside what was typed.
#[derive(Clone, PartialEq)]
struct Around {
    /// The nodes, and whether each is silent.
    nodes: Vec<(String, bool)>,
    /// What a test of throughput may take, as far as one is allowed.
    budget: Option<String>,
    /// The active run that it would disturb.
    run: Option<String>,
}

impl Draft {
    fn around(self) -> Around {
        let node = |node: &NodeStatus| (node.info.node.clone(), node.status == NodeState::Silent);
        Around {
            nodes: self.live.nodes.with(|nodes| nodes.iter().map(node).collect()),
            budget: budget(self.live),
            run: self.active_run(),
        }
    }
}

/// What a test of throughput may take, as far as the settings allow one.
fn budget(live: Live) -> Option<String> {
    live.settings.with(|reply| {
        let active = &reply.settings.active;
        active.throughput.then(|| format!("{} s and {} MB", active.longest_s, active.most_mb))
    })
}

/// The form, under a button that opens it.
pub(super) fn form(draft: Draft) -> AnyView {
    let range = TimeRange::expect();
    let around = Memo::new(move |_| draft.around());
    let on_submit = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        draft.start();
    };
    // Drawn anew with every change; what is the same stays as it is, and so does the focus.
    let body = move || {
        let is_open = draft.is_open.get();
        around.with(|around| {
            view! {
                <button
                    type="button"
                    class="link-button"
                    aria-expanded=is_open.to_string()
                    aria-controls="diagnose-form"
                    data-testid="diagnose-new"
                    on:click=move |_| draft.is_open.update(|is_open| *is_open = !*is_open)
                >
                    {if is_open { "What to check" } else { "Check something else" }}
                </button>
                <form class="diagnose-form" id="diagnose-form" novalidate hidden=!is_open on:submit=on_submit>
                    {from(draft, around)} {hosts(draft, around)} {throughput(draft, around, range)}
                    <p class="sheet-foot">
                        <button
                            type="submit"
                            class="button is-primary"
                            data-testid="diagnose-start"
                            disabled=draft.is_busy.get()
                        >
                            "Start"
                        </button>
                    </p>
                </form>
            }
            .into_any()
        })
    };
    view! {
        <section class="card" aria-label="What to check">
            {body} {trouble_line("diagnose-trouble", draft.trouble)}
        </section>
    }
    .into_any()
}

/// A field: its label, its control, and what there is to say about it.
fn field(id: &'static str, label: &'static str, control: AnyView, help: AnyView) -> AnyView {
    view! {
        <div class="sheet-field">
            <label class="field-label" for=id>
                {label}
            </label>
            {control}
            <p class="field-help" id=format!("{id}-help")>
                {help}
            </p>
        </div>
    }
    .into_any()
}

fn from(draft: Draft, around: &Around) -> AnyView {
    let chosen = draft.node.get();
    let option = |name: &String, word: String| {
        let is_chosen = *name == chosen;
        view! {
            <option value=name.clone() selected=is_chosen prop:selected=is_chosen>
                {word}
            </option>
        }
    };
    let known = around.nodes.iter().map(|(name, is_silent)| {
        let word = if *is_silent { format!("{name} (silent)") } else { name.clone() };
        option(name, word)
    });
    // The address of the page may name a node that is no more: what is shown is what is asked for.
    let is_unknown = !chosen.is_empty() && around.nodes.iter().all(|(name, _)| *name != chosen);
    let unknown = is_unknown.then(|| option(&chosen, format!("{chosen} (unknown)")));
    let control = view! {
        <select
            class="text-input"
            id="diagnose-node"
            data-testid="diagnose-node"
            on:change=move |event| draft.node.set(event_target_value(&event))
        >
            {known.collect_view()} {unknown}
        </select>
    };
    field("diagnose-node", "From", control.into_any(), "The node that sends the probes.".into_any())
}

fn hosts(draft: Draft, around: &Around) -> AnyView {
    let (text, from) = (draft.hosts.get(), draft.node.get());
    let pick = |name: &String| {
        let is_on = words(&text).any(|word| word == name);
        let host = name.clone();
        view! {
            <button
                type="button"
                class="segment"
                aria-pressed=is_on.to_string()
                data-testid=format!("pick-{name}")
                on:click=move |_| draft.hosts.update(|text| *text = turned(text, &host))
            >
                {name.clone()}
            </button>
        }
    };
    let picks = around.nodes.iter().map(|(name, _)| name).filter(|name| **name != from).map(pick).collect_view();
    let control = view! {
        <input
            class="text-input"
            type="text"
            id="diagnose-hosts"
            data-testid="diagnose-hosts"
            autocomplete="off"
            spellcheck="false"
            placeholder="what every node depends on"
            aria-describedby="diagnose-hosts-help"
            value=text.clone()
            prop:value=text.clone()
            on:input=move |event| draft.hosts.set(event_target_value(&event))
        />
        <div class="diagnose-picks" role="group" aria-label="Nodes">
            {picks}
        </div>
    };
    let help = "Nodes, names, addresses, or checks such as redis://10.0.0.5. Left empty: gateway, name servers, public \
                resolvers, the hub and its nodes.";
    field("diagnose-hosts", "What", control.into_any(), help.into_any())
}

fn throughput(draft: Draft, around: &Around, range: TimeRange) -> AnyView {
    let (is_on, is_allowed) = (draft.throughput.get(), around.budget.is_some());
    let control = view! {
        <input
            type="checkbox"
            class="switch"
            role="switch"
            id="diagnose-throughput"
            data-testid="diagnose-throughput"
            aria-describedby="diagnose-throughput-help"
            disabled=!is_allowed
            prop:checked=is_on
            on:change=move |event| draft.throughput.set(event_target_checked(&event))
        />
        <label class="diagnose-yes" hidden=around.run.is_none() || !is_on>
            <input
                type="checkbox"
                class="tick"
                data-testid="diagnose-during-run"
                prop:checked=draft.during_run.get()
                on:change=move |event| draft.during_run.set(event_target_checked(&event))
            />
            {format!("Yes, test although the run {} is active", around.run.clone().unwrap_or_default())}
        </label>
    };
    let words = match &around.budget {
        Some(budget) => format!("Between nodes, at most {budget}. It takes what the links give, and others feel it."),
        None => "Tests of throughput load the network and are switched off; somebody has to allow them: ".to_owned(),
    };
    let settings = view! {
        {words}
        <a href=range.carry("/settings") hidden=is_allowed>
            "settings"
        </a>
    };
    field("diagnose-throughput", "Throughput", control.into_any(), settings.into_any())
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
