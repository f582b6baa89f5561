//! Telling which node stands in which rack: pasted, or from a file.

use std::sync::Arc;

use leptos::{prelude::*, task::spawn_local};

use crate::{
    api, browser,
    charts::racks::Racks,
    components::dialog::{Dialog, Overlay, Panel},
};

/// What is shown in an empty field.
const EXAMPLE: &str = "SwitchName=rack-1 Nodes=gpu-[01-08]\nSwitchName=rack-2 Nodes=gpu-[09-16]";

/// The dialog.
#[component]
pub(super) fn RacksDialog(racks: RwSignal<Arc<Racks>>) -> impl IntoView {
    view! {
        <Dialog panel=Panel::Racks label="Racks">
            <Form racks />
        </Dialog>
    }
}

#[component]
fn Form(racks: RwSignal<Arc<Racks>>) -> impl IntoView {
    let overlay = Overlay::expect();
    let (text, failure, is_busy) = (RwSignal::new(String::new()), RwSignal::new(None::<String>), RwSignal::new(false));
    let settle = move |answer: Result<Racks, String>| {
        is_busy.try_set(false);
        match answer {
            Ok(told) => {
                racks.set(Arc::new(told));
                overlay.close();
            }
            Err(why) => {
                failure.try_set(Some(why));
            }
        }
    };
    let save = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        is_busy.set(true);
        let text = text.get_untracked();
        spawn_local(async move { settle(api::save_layout(text).await.map_err(|problem| problem.detail)) });
    };
    let clear = move |_| {
        is_busy.set(true);
        spawn_local(async move { settle(api::clear_layout().await.map(|()| Racks::default()).map_err(|p| p.detail)) });
    };
    let load = move |event: leptos::ev::Event| {
        spawn_local(async move {
            if let Some(content) = browser::chosen_file(&event).await {
                text.try_set(content);
                failure.try_set(None);
            }
        });
    };
    let known = move || {
        racks.with(|racks| match racks.groups.len() {
            0 => "No racks are known yet.".to_owned(),
            count => {
                let nodes: usize = racks.groups.iter().map(|rack| rack.nodes.len()).sum();
                format!("{count} racks with {nodes} nodes are known. What is saved here takes their place.")
            }
        })
    };
    view! {
        <form class="racks" on:submit=save>
            <h2>"Racks"</h2>
            <p class="muted">
                "Nodes that share a switch: a Slurm " <code>"topology.conf"</code> ", or TOML with " <code>"[[rack]]"</code>
                ", " <code>"name"</code> " and " <code>"nodes"</code> ". " {known}
            </p>
            <label class="field-label" for="racks-text">"Paste it here"</label>
            <textarea
                id="racks-text"
                class="text-input racks-text"
                data-testid="racks-text"
                rows="9"
                spellcheck="false"
                placeholder=EXAMPLE
                aria-invalid=move || failure.with(Option::is_some).to_string()
                aria-describedby="racks-error"
                prop:value=text
                on:input=move |event| {
                    text.set(event_target_value(&event));
                    failure.set(None);
                }
            ></textarea>
            <p id="racks-error" class="field-error" role="alert" data-testid="racks-error">{move || failure.get()}</p>
            <label class="racks-file">
                "or choose a file " <input type="file" accept=".conf,.toml,text/plain" data-testid="racks-file" on:change=load />
            </label>
            <div class="racks-buttons">
                <button type="button" class="button" disabled=move || is_busy.get() || racks.with(|r| r.groups.is_empty()) on:click=clear>
                    "Forget the racks"
                </button>
                <button type="button" class="button" on:click=move |_| overlay.close()>"Cancel"</button>
                <button
                    type="submit"
                    class="button is-primary"
                    data-testid="racks-save"
                    disabled=move || is_busy.get() || text.with(|text| text.trim().is_empty())
                >
                    "Save"
                </button>
            </div>
        </form>
    }
    .into_any()
}
