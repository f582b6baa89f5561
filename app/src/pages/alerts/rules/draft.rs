//! A rule while it is typed: texts in the units that people use, and the rule that they mean.

use netloom_core::{
    metric,
    rule::{
        Severity,
        spec::{Condition, RuleSpec, Scope, Side},
    },
    settings::{self, FieldError, Settings},
    stats::aggregate::Aggregation,
    unit::Unit,
};
use serde_json::{Value, json};

use crate::{
    components::sheet::{
        Texts, text_of,
        texts::{duration, labels, labels_text, links, links_text, names, plain, seconds},
    },
    live::{alarm::severity, feed::aggregation_name},
};

/// The kinds of rules as the settings write them, and as people read them.
pub(super) const KINDS: [(&str, &str); 6] = [
    ("threshold", "Beyond a limit"),
    ("absent", "No data"),
    ("change", "Unlike the same time before"),
    ("deviation", "Unusual for itself"),
    ("failures", "Some of the last rounds bad"),
    ("budget", "Bad for a share of a period"),
];

/// The sides of a limit.
pub(super) const SIDES: [(&str, &str); 2] = [("above", "Above"), ("below", "Below")];
/// The sides of what is usual.
pub(super) const DIRECTIONS: [(&str, &str); 3] = [("above", "Higher"), ("below", "Lower"), ("either", "Either way")];

/// The fields of a kind, in the order of the form.
pub(super) fn fields_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "absent" => &["after_s"],
        "change" => &["direction", "percent", "against_s", "aggregation", "window_s"],
        "deviation" => &["direction", "sigmas", "learn_s", "aggregation", "window_s"],
        "failures" => &["side", "limit", "count", "of"],
        "budget" => &["side", "limit", "percent", "period_s"],
        _ => &["side", "limit", "recover", "aggregation", "window_s"],
    }
}

/// What stands in the fields of a kind before anybody typed there.
const USUAL: [(&str, &str); 13] = [
    ("kind", "threshold"),
    ("side", "above"),
    ("direction", "above"),
    ("aggregation", "avg"),
    ("window_s", "10 s"),
    ("after_s", "1 min"),
    ("percent", "50"),
    ("against_s", "1 d"),
    ("sigmas", "4"),
    ("learn_s", "7 d"),
    ("count", "3"),
    ("of", "5"),
    ("period_s", "1 d"),
];

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Above => "above",
        Side::Below => "below",
        Side::Either => "either",
    }
}

/// A rule as it is typed.
pub(super) fn texts_of_rule(rule: &RuleSpec) -> Texts {
    let unit = metric::unit_of(&rule.metric);
    let typed = |stored: f64| plain(unit.to_typed(stored));
    let mut texts: Texts = vec![
        ("id", rule.id.clone()),
        ("title", rule.title.clone()),
        ("enabled", rule.enabled.to_string()),
        ("metric", rule.metric.clone()),
        ("nodes", rule.scope.nodes.join(", ")),
        ("links", links_text(&rule.scope.links)),
        ("labels", labels_text(&rule.scope.labels)),
        ("run", rule.scope.run.clone()),
        ("for_s", duration(rule.for_s)),
        ("keep_firing_for_s", duration(rule.keep_firing_for_s)),
        ("severity", rule.severity.word().to_owned()),
        ("message", rule.message.clone()),
        ("runbook", rule.runbook.clone()),
    ];
    let both = |side: Side| {
        // A limit has no third side.
        let limit = if side == Side::Either { Side::Above } else { side };
        [("side", side_name(limit).to_owned()), ("direction", side_name(side).to_owned())]
    };
    let how = |aggregation: Aggregation, window_s: f64| {
        [("aggregation", aggregation_name(aggregation).to_owned()), ("window_s", duration(window_s))]
    };
    match &rule.condition {
        Condition::Threshold { side, limit, recover, aggregation, window_s } => {
            texts.push(("kind", "threshold".into()));
            texts.extend(both(*side));
            texts.push(("limit", typed(*limit)));
            texts.push(("recover", recover.map(typed).unwrap_or_default()));
            texts.extend(how(*aggregation, *window_s));
        }
        Condition::Absent { after_s } => {
            texts.extend([("kind", "absent".into()), ("after_s", duration(*after_s))]);
        }
        Condition::Change { side, percent, against_s, aggregation, window_s } => {
            texts.extend([
                ("kind", "change".into()),
                ("percent", plain(*percent)),
                ("against_s", duration(*against_s)),
            ]);
            texts.extend(both(*side));
            texts.extend(how(*aggregation, *window_s));
        }
        Condition::Deviation { side, sigmas, learn_s, aggregation, window_s } => {
            texts.extend([("kind", "deviation".into()), ("sigmas", plain(*sigmas)), ("learn_s", duration(*learn_s))]);
            texts.extend(both(*side));
            texts.extend(how(*aggregation, *window_s));
        }
        Condition::Failures { side, limit, count, of } => {
            texts.extend([("kind", "failures".into()), ("limit", typed(*limit))]);
            texts.extend([("count", count.to_string()), ("of", of.to_string())]);
            texts.extend(both(*side));
        }
        Condition::Budget { side, limit, percent, period_s } => {
            texts.extend([("kind", "budget".into()), ("limit", typed(*limit))]);
            texts.extend([("percent", plain(*percent)), ("period_s", duration(*period_s))]);
            texts.extend(both(*side));
        }
    }
    for (key, text) in USUAL {
        if texts.iter().all(|(known, _)| *known != key) {
            texts.push((key, text.to_owned()));
        }
    }
    texts
}

/// Reads texts, and notes what cannot be read.
struct Reader<'a> {
    texts: &'a Texts,
    unit: Unit,
    errors: Vec<FieldError>,
}

impl Reader<'_> {
    fn text(&self, key: &str) -> String {
        text_of(self.texts, key).trim().to_owned()
    }

    fn blame<T: Default>(&mut self, key: &str, why: &str) -> T {
        self.errors.push(FieldError::new(key, why));
        T::default()
    }

    fn number(&mut self, key: &str) -> f64 {
        match self.text(key).parse::<f64>().ok().filter(|number| number.is_finite()) {
            Some(number) => number,
            None => self.blame(key, "must be a number"),
        }
    }

    fn limit(&mut self, key: &str) -> f64 {
        let typed = self.number(key);
        // What people type has few digits, and so has what is stored.
        plain(self.unit.from_typed(typed)).parse().unwrap_or_default()
    }

    fn whole(&mut self, key: &str) -> u32 {
        match self.text(key).parse() {
            Ok(number) => number,
            Err(_) => self.blame(key, "must be a whole number"),
        }
    }

    fn seconds(&mut self, key: &str) -> f64 {
        match seconds(&self.text(key)) {
            Some(seconds) => seconds,
            None => self.blame(key, "must be a time such as 30 s, 5 min, 6 h or 7 d"),
        }
    }

    fn list<T: Default>(&mut self, key: &str, read: fn(&str) -> Result<T, String>) -> T {
        let read = read(&self.text(key));
        read.unwrap_or_else(|why| self.blame(key, &why))
    }

    fn side(&self, key: &str) -> Side {
        match self.text(key).as_str() {
            "below" => Side::Below,
            "either" => Side::Either,
            _ => Side::Above,
        }
    }

    fn aggregation(&self) -> Aggregation {
        Aggregation::parse(&self.text("aggregation")).unwrap_or_default()
    }

    fn condition(&mut self) -> Condition {
        let (side, direction, aggregation) = (self.side("side"), self.side("direction"), self.aggregation());
        match self.text("kind").as_str() {
            "absent" => Condition::Absent { after_s: self.seconds("after_s") },
            "change" => Condition::Change {
                side: direction,
                percent: self.number("percent"),
                against_s: self.seconds("against_s"),
                aggregation,
                window_s: self.seconds("window_s"),
            },
            "deviation" => Condition::Deviation {
                side: direction,
                sigmas: self.number("sigmas"),
                learn_s: self.seconds("learn_s"),
                aggregation,
                window_s: self.seconds("window_s"),
            },
            "failures" => Condition::Failures {
                side,
                limit: self.limit("limit"),
                count: self.whole("count"),
                of: self.whole("of"),
            },
            "budget" => Condition::Budget {
                side,
                limit: self.limit("limit"),
                percent: self.number("percent"),
                period_s: self.seconds("period_s"),
            },
            _ => {
                let recover = if self.text("recover").is_empty() { None } else { Some(self.limit("recover")) };
                let (limit, window_s) = (self.limit("limit"), self.seconds("window_s"));
                Condition::Threshold { side, limit, recover, aggregation, window_s }
            }
        }
    }
}

/// The rule that was typed, and what of it cannot be read.
pub(super) fn read(texts: &Texts) -> (RuleSpec, Vec<FieldError>) {
    let metric = text_of(texts, "metric").trim().to_owned();
    let mut reader = Reader { texts, unit: metric::unit_of(&metric), errors: Vec::new() };
    if metric.is_empty() {
        reader.errors.push(FieldError::new("metric", "choose a metric"));
    }
    let title = reader.text("title");
    let id = Some(reader.text("id")).filter(|id| !id.is_empty()).unwrap_or_else(|| id_of(&title));
    if id.is_empty() {
        reader.errors.push(FieldError::new("title", "the rule needs a name"));
    }
    let scope = Scope {
        nodes: names(&reader.text("nodes")),
        links: reader.list("links", links),
        labels: reader.list("labels", labels),
        run: reader.text("run"),
    };
    let rule = RuleSpec {
        id,
        title,
        enabled: reader.text("enabled") != "false",
        metric,
        scope,
        condition: reader.condition(),
        for_s: reader.seconds("for_s"),
        keep_firing_for_s: reader.seconds("keep_firing_for_s"),
        severity: severity(&reader.text("severity")).unwrap_or(Severity::Warning),
        message: reader.text("message"),
        runbook: reader.text("runbook"),
    };
    (rule, reader.errors)
}

/// The id of a rule that was given a title only.
fn id_of(title: &str) -> String {
    let mut id = String::new();
    for c in title.to_ascii_lowercase().chars() {
        if c.is_ascii_alphanumeric() {
            id.push(c);
        } else if !id.is_empty() && !id.ends_with('_') {
            id.push('_');
        }
    }
    let id = id.trim_matches(|c: char| c == '_' || c.is_ascii_digit());
    id.chars().take(metric::NAME_MAX_CHARS).collect()
}

/// Everything that is wrong with what was typed, by the names of the fields. The rule is judged where it will stand, among
/// the settings in force: in place of the one with the id `before`, or behind all others.
pub(super) fn check(texts: &Texts, before: Option<&str>, settings: &Settings) -> Vec<FieldError> {
    let (rule, errors) = read(texts);
    if !errors.is_empty() {
        return errors;
    }
    let mut rules = settings.alerts.rules.clone();
    let place = rules.iter().position(|known| Some(known.id.as_str()) == before).unwrap_or(rules.len());
    match rules.get_mut(place) {
        Some(known) => *known = rule,
        None => rules.push(rule),
    }
    let change = json!({ "alerts": { "rules": rules } });
    let errors = settings::apply(settings, &change).err().unwrap_or_default();
    errors.into_iter().filter_map(|error| at_field(&error, place)).collect()
}

/// What is wrong with the rule at a place of the list, at the field of the form; nothing for what is wrong elsewhere.
pub(super) fn at_field(error: &FieldError, place: usize) -> Option<FieldError> {
    let path = match error.field.strip_prefix(&format!("alerts.rules[{place}]")) {
        Some(path) => path.trim_start_matches('.'),
        None if error.field == "alerts.rules" => "",
        None => return None,
    };
    let path = path.strip_prefix("condition.").or_else(|| path.strip_prefix("scope.")).unwrap_or(path);
    let key = match path.split(['[', '.']).next().unwrap_or_default() {
        "" | "scope" => "title",
        "condition" => "kind",
        key => key,
    };
    Some(FieldError::new(key, error.message.clone()))
}

/// Whether small figures are the bad ones.
pub(super) fn is_below(rule: &RuleSpec) -> bool {
    match &rule.condition {
        Condition::Threshold { side, .. }
        | Condition::Change { side, .. }
        | Condition::Deviation { side, .. }
        | Condition::Failures { side, .. }
        | Condition::Budget { side, .. } => *side == Side::Below,
        Condition::Absent { .. } => false,
    }
}

/// The document of what was typed, for the preview.
pub(super) fn document(rule: &RuleSpec) -> Value {
    serde_json::to_value(rule).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use netloom_core::rule::spec::LinkScope;

    fn rule(condition: Condition) -> RuleSpec {
        RuleSpec {
            id: "mine".into(),
            title: "Mine".into(),
            metric: "rtt_us".into(),
            scope: Scope {
                nodes: vec!["gpu[1-8]".into()],
                links: vec![LinkScope { src: "gpu1".into(), dst: "b".into() }],
                labels: [("mode".to_owned(), "udp".to_owned())].into(),
                run: "*".into(),
            },
            condition,
            keep_firing_for_s: 300.0,
            message: "{subject} is slow".into(),
            ..RuleSpec::default()
        }
    }

    #[test]
    fn every_kind_reads_back() {
        let (aggregation, window_s) = (Aggregation::P50, 10.0);
        let conditions = [
            Condition::Threshold { side: Side::Above, limit: 1e5, recover: Some(9e4), aggregation, window_s },
            Condition::Threshold { side: Side::Below, limit: 1e5, recover: None, aggregation, window_s },
            Condition::Absent { after_s: 60.0 },
            Condition::Change { side: Side::Either, percent: 50.0, against_s: 86_400.0, aggregation, window_s },
            Condition::Deviation { side: Side::Below, sigmas: 4.5, learn_s: 604_800.0, aggregation, window_s },
            Condition::Failures { side: Side::Above, limit: 500.0, count: 3, of: 5 },
            Condition::Budget { side: Side::Above, limit: 500.0, percent: 0.1, period_s: 86_400.0 },
        ];
        for condition in conditions {
            let rule = rule(condition);
            assert_eq!(read(&texts_of_rule(&rule)), (rule, Vec::new()));
        }
    }

    fn changed(change: &[(&'static str, &str)]) -> Texts {
        let limit = Condition::Threshold {
            side: Side::Above,
            limit: 1e5,
            recover: None,
            aggregation: Aggregation::P50,
            window_s: 10.0,
        };
        let mut texts = texts_of_rule(&rule(limit));
        for (key, text) in change {
            texts.retain(|(known, _)| known != key);
            texts.push((*key, (*text).to_owned()));
        }
        texts
    }

    #[test]
    fn limits_are_typed_in_the_units_that_people_use() {
        assert_eq!(text_of(&changed(&[]), "limit"), "100");
        let limit = |change: &[(&'static str, &str)]| match read(&changed(change)).0.condition {
            Condition::Threshold { limit, .. } => limit,
            _ => f64::NAN,
        };
        assert_eq!(limit(&[("limit", "2.5")]).to_bits(), 2_500.0_f64.to_bits());
        assert_eq!(limit(&[("metric", "loss_ratio"), ("limit", "7")]).to_bits(), 0.07_f64.to_bits());
        assert_eq!(limit(&[("metric", "if_rx_bps"), ("limit", "10")]).to_bits(), 1e7_f64.to_bits());
        assert_eq!(limit(&[("metric", "queue_length"), ("limit", "10")]).to_bits(), 10.0_f64.to_bits());
    }

    #[test]
    fn what_cannot_be_read_is_blamed_at_its_field() {
        let blamed = |key: &'static str, text: &str| -> Vec<String> {
            check(&changed(&[(key, text)]), None, &Settings::default()).into_iter().map(|error| error.field).collect()
        };
        for (key, text) in [("limit", "fast"), ("for_s", "soon"), ("links", "a"), ("labels", "x"), ("metric", " ")] {
            assert_eq!(blamed(key, text), [key]);
        }
        assert_eq!(blamed("for_s", "20 s"), Vec::<String>::new());
    }

    #[test]
    fn an_id_follows_from_the_title_where_none_was_typed() {
        assert_eq!(id_of("Slow rack 3: A → B"), "slow_rack_3_a_b");
        assert_eq!(id_of("100 Gbit links"), "gbit_links");
        let id = |title: &str| read(&changed(&[("id", ""), ("title", title)])).0.id;
        assert_eq!(id("Slow rack"), "slow_rack");
        assert_eq!(read(&changed(&[("id", ""), ("title", "→")])).1[0].field, "title");
    }

    #[test]
    fn what_the_core_blames_has_a_field() {
        let at = |field: &str| at_field(&FieldError::new(field, "is wrong"), 2).map(|error| error.field);
        let known = |key: &str| Some(key.to_owned());
        assert_eq!(at("alerts.rules[2].condition.limit"), known("limit"));
        assert_eq!(at("alerts.rules[2].scope.nodes[0]"), known("nodes"));
        assert_eq!(at("alerts.rules[2].scope.links[1].src"), known("links"));
        assert_eq!(at("alerts.rules[2].condition"), known("kind"));
        assert_eq!(at("alerts.rules[2]"), known("title"));
        assert_eq!(at("alerts.rules"), known("title"));
        assert_eq!(at("alerts.rules[1].id"), None);
    }
}
