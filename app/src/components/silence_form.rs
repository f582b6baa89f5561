//! The form that makes a silence.

use leptos::{prelude::*, task::spawn_local};
use netloom_core::{
    api::Problem,
    rule::Severity,
    sample::Labels,
    settings::FieldError,
    silence::{Matcher, SilenceRequest},
    time::Timestamp,
};

use super::pieces::{self, Foot, segment};
use super::sheet::{
    Control, Sheet, SheetField, Texts, text_of,
    texts::{either, labels, labels_text, links, links_text, names, seconds},
};
use crate::{
    api, browser,
    clock::Clock,
    live::{Live, alarm::severity},
};

/// How long a silence may last, besides until a moment.
const LENGTHS: [(&str, &str); 4] = [("1 h", "1 h"), ("4 h", "4 h"), ("1 d", "1 d"), (UNTIL, "Until …")];
const UNTIL: &str = "until";

/// The fields of a matcher: name, label, help, example.
const MATCHER_FIELDS: [(&str, &str, &str, &str); 5] = [
    ("rules", "Rules", "By their ids; every rule when empty.", "latency_high, loss_high"),
    ("nodes", "Nodes", "On, from or to one of these.", "gpu-1, gpu-2"),
    ("links", "Links", "In their direction.", "gpu-1 -> gpu-2"),
    ("labels", "Labels", "With all of these.", "interface=eth0"),
    ("severities", "Severities", "info, warning, critical; every severity when empty.", "warning"),
];

/// A matcher as it is typed.
pub(crate) fn matcher_texts(matcher: &Matcher) -> Texts {
    let severities: Vec<&str> = matcher.severities.iter().map(|severity| severity.word()).collect();
    vec![
        ("rules", matcher.rules.join(", ")),
        ("nodes", matcher.nodes.join(", ")),
        ("links", links_text(&matcher.links)),
        ("labels", labels_text(&matcher.labels)),
        ("severities", severities.join(", ")),
    ]
}

/// The matcher that was typed, and what is wrong with it.
pub(crate) fn read_matcher(texts: &Texts) -> (Matcher, Vec<FieldError>) {
    let list = |key| names(text_of(texts, key));
    let mut errors = Vec::new();
    let mut severities = Vec::new();
    for word in list("severities") {
        match severity(&word.to_ascii_lowercase()) {
            Some(severity) => severities.push(severity),
            None => errors.push(FieldError::new("severities", "must be some of info, warning, critical")),
        }
    }
    let links = links(text_of(texts, "links")).unwrap_or_else(|why| {
        errors.push(FieldError::new("links", why));
        Vec::new()
    });
    let labels = labels(text_of(texts, "labels")).unwrap_or_else(|why| {
        errors.push(FieldError::new("labels", why));
        Labels::new()
    });
    let matcher = Matcher { rules: list("rules"), nodes: list("nodes"), links, labels, severities };
    if matcher.is_empty() && errors.is_empty() {
        errors.push(FieldError::new("nodes", "say at least one of rules, nodes, links, labels and severities"));
    }
    (matcher, errors)
}

/// Which alerts a matcher takes, in words.
pub(crate) fn matcher_words(matcher: &Matcher) -> String {
    let links: Vec<String> = matcher.links.iter().map(|link| format!("{} → {}", link.src, link.dst)).collect();
    let labels = labels_text(&matcher.labels);
    let severities: Vec<String> = matcher.severities.iter().map(|one: &Severity| one.word().to_owned()).collect();
    let parts = [
        ("of the rule ", either(&matcher.rules)),
        ("of severity ", either(&severities)),
        ("on ", either(&matcher.nodes)),
        ("on ", either(&links)),
        ("with ", labels),
    ];
    let said = parts.into_iter().filter(|(_, what)| !what.is_empty()).map(|(how, what)| format!("{how}{what}"));
    let said: Vec<String> = said.collect();
    if said.is_empty() { "All alerts".to_owned() } else { format!("Alerts {}", said.join(", ")) }
}

/// What is wrong with what was typed; moments are looked at when it is sent.
fn check(texts: &Texts) -> Vec<FieldError> {
    let (_, mut errors) = read_matcher(texts);
    if text_of(texts, "lasts") == UNTIL && text_of(texts, "until").is_empty() {
        errors.push(FieldError::new("until", "say until when"));
    }
    errors
}

/// The request for what was typed.
fn request(texts: &Texts, clock: Clock) -> Result<SilenceRequest, FieldError> {
    let moment = |key: &'static str| {
        let text = text_of(texts, key);
        let read = clock.read_input(text);
        if text.is_empty() { Ok(None) } else { read.map(Some).ok_or_else(|| FieldError::new(key, "is no moment")) }
    };
    let starts_at = moment("from")?;
    let begins_ms = starts_at.unwrap_or_else(|| clock.now_exact()).ms();
    let ends_at = match (text_of(texts, "lasts"), moment("until")?) {
        (UNTIL, Some(until)) => until,
        (UNTIL, None) => return Err(FieldError::new("until", "say until when")),
        (length, _) => Timestamp(begins_ms + (seconds(length).unwrap_or(3_600.0) * 1_000.0) as i64),
    };
    if ends_at.ms() <= begins_ms {
        return Err(FieldError::new("until", "must be later than it begins"));
    }
    let (matcher, _) = read_matcher(texts);
    let text = |key| text_of(texts, key).trim().to_owned();
    Ok(SilenceRequest { matcher, starts_at, ends_at, by: text("by"), why: text("why") })
}

/// The field of the form for what the hub found wrong.
fn field_of(path: &str) -> &str {
    match path {
        "starts_at" => "from",
        "ends_at" => "until",
        "matcher" => "nodes",
        path => {
            let path = path.strip_prefix("matcher.").unwrap_or(path);
            path.split(['[', '.']).next().unwrap_or(path)
        }
    }
}

/// The fields of a matcher.
#[component]
pub(crate) fn MatcherFields(sheet: Sheet) -> impl IntoView {
    let field = move |(key, label, help, example)| {
        view! { <SheetField sheet key label help control=Control::Line(example) /> }
    };
    MATCHER_FIELDS.map(field).into_any()
}

/// Matcher, how long, who and why. `done` is called when the silence is made.
#[component]
pub(crate) fn SilenceForm(
    /// The matcher that it begins with, as it is typed.
    mut texts: Texts,
    done: Callback<()>,
) -> impl IntoView {
    let (live, clock) = (Live::expect(), Clock::expect());
    texts.push(("lasts", LENGTHS[0].0.to_owned()));
    let sheet = Sheet::begin("silence", texts, check);
    let (trouble, is_busy) = (RwSignal::new(String::new()), RwSignal::new(false));
    // The name is this browser's, which the server does not know.
    Effect::new(move |_| {
        if let Some(name) = browser::recall(browser::USER) {
            sheet.set("by", name);
        }
    });
    let refused = move |problem: Problem| {
        let by_field = problem.field.into_iter().map(|field| FieldError::new(field, problem.detail.clone()));
        let all = if problem.errors.is_empty() { by_field.collect() } else { problem.errors };
        sheet.refuse(all.into_iter().map(|error| FieldError::new(field_of(&error.field), error.message)).collect());
        trouble.set(problem.detail);
    };
    let save = move || {
        if is_busy.get_untracked() || !sheet.is_right() {
            return;
        }
        let request = match untrack(|| request(&sheet.texts(), clock)) {
            Ok(request) => request,
            Err(error) => return sheet.refuse(vec![error]),
        };
        is_busy.set(true);
        spawn_local(async move {
            let made = api::make_silence(&request).await;
            is_busy.try_set(false);
            match made {
                Ok(()) => {
                    if !request.by.is_empty() {
                        browser::remember(browser::USER, Some(&request.by));
                    }
                    live.refresh_silences();
                    done.run(());
                }
                Err(problem) => refused(problem),
            }
        });
    };
    let body = view! {
        <MatcherFields sheet />
        <Lasts sheet />
        <SheetField sheet key="from" label="From" help="Now when empty." control=Control::Moment />
        <SheetField sheet key="by" label="Your name" help="Remembered in this browser." control=Control::Line("Ada") />
        <SheetField sheet key="why" label="Why" help="What is being done." control=Control::Line("The switch is changed") />
    };
    let foot = Foot {
        trouble: trouble.into(),
        trouble_testid: "silence-trouble",
        word: "Silence",
        testid: "save-silence",
        is_busy,
        cancel: done,
    };
    pieces::form("sheet", "silence-form", Callback::new(move |()| save()), body.into_any(), foot)
}

/// Some lengths beside each other, and any other end.
#[component]
fn Lasts(sheet: Sheet) -> impl IntoView {
    let length = move |(key, word): (&'static str, &'static str)| {
        let is_on = Signal::derive(move || sheet.is("lasts", key));
        let choose = Callback::new(move |()| sheet.set("lasts", key.to_owned()));
        segment(word.into_any(), format!("lasts-{}", key.replace(' ', "")), is_on, choose)
    };
    let until = move || {
        sheet.is("lasts", UNTIL).then(|| {
            view! { <SheetField sheet key="until" label="Until" help="Over at this moment." control=Control::Moment /> }
        })
    };
    view! {
        <div class="sheet-field">
            <span class="field-label">"For"</span>
            <span class="segments" role="group" aria-label="For how long">
                {LENGTHS.map(length)}
            </span>
        </div>
        {until}
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::rule::spec::LinkScope;

    fn matcher() -> Matcher {
        Matcher {
            rules: vec!["loss_high".into()],
            nodes: vec!["a".into(), "b".into()],
            links: vec![LinkScope { src: "a".into(), dst: "b".into() }],
            labels: [("mode".to_owned(), "udp".to_owned())].into(),
            severities: vec![Severity::Warning],
        }
    }

    #[test]
    fn a_matcher_reads_back_and_tells_whom_it_takes() {
        assert_eq!(read_matcher(&matcher_texts(&matcher())), (matcher(), Vec::new()));
        let words = "Alerts of the rule loss_high, of severity warning, on a or b, on a → b, with mode=udp";
        assert_eq!(matcher_words(&matcher()), words);
        assert_eq!(matcher_words(&Matcher::default()), "All alerts");
    }

    #[test]
    fn what_would_take_everything_or_means_nothing_is_found() {
        let blamed = |key: &'static str, text: &str| {
            let errors = check(&vec![(key, text.to_owned())]);
            errors.into_iter().map(|error| error.field).collect::<Vec<_>>()
        };
        assert_eq!(blamed("rules", ""), ["nodes"]);
        assert_eq!(blamed("links", "a"), ["links"]);
        assert_eq!(blamed("severities", "bad"), ["severities"]);
        assert!(blamed("nodes", "a").is_empty());
    }

    #[test]
    fn it_lasts_as_long_as_was_chosen() {
        let owner = Owner::new();
        owner.set();
        let clock = Clock::provide(Timestamp(1_000));
        let typed = |lasts: &str, until: &str| {
            let texts = vec![("nodes", "a".to_owned()), ("lasts", lasts.to_owned()), ("until", until.to_owned())];
            request(&texts, clock).map(|request| request.ends_at.ms())
        };
        assert_eq!(typed("4 h", ""), Ok(14_401_000));
        assert_eq!(typed(UNTIL, "1970-01-01T01:00"), Ok(3_600_000));
        assert_eq!(typed(UNTIL, "").expect_err("no end").field, "until");
        assert_eq!(typed(UNTIL, "1970-01-01T00:00").expect_err("is over").field, "until");
    }

    #[test]
    fn what_the_hub_blames_has_a_field() {
        assert_eq!(["ends_at", "matcher.links[0].src", "why"].map(field_of), ["until", "links", "why"]);
    }
}
