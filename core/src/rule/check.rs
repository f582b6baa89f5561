//! Checks a rule as people write it, field by field, with the same code in browser and hub.

mod scope;

use super::{
    message,
    spec::{Condition, RuleSpec, Side, TEXT_MAX_CHARS},
};
use crate::{
    incident::JOB_RULE_PREFIX,
    metric,
    settings::{
        FieldError,
        alerts::{AlertSettings, BUILT_IN_IDS},
        storage::StorageSettings,
    },
    stats::{aggregate::Aggregation, window::WINDOW_MAX_MS},
};

/// The longest title, characters: it stands in one line of a list.
const TITLE_MAX_CHARS: usize = 100;
/// The longest that anything may be looked back at or waited for, s: ten years, so that it can be counted in ms; what is
/// stored sets the limit.
const LONGEST_S: f64 = 10.0 * 366.0 * 86_400.0;
/// Rounds that are looked at: with one a second, a minute and a half.
const ROUNDS_MAX: u32 = 100;
/// The shortest past from which anything is learned, s.
const LEARN_MIN_S: f64 = 600.0;
/// The shortest period of a budget, s: a bucket of it is a second.
const PERIOD_MIN_S: f64 = 60.0;

/// What is wrong with a rule, as it is found.
struct Faults<'a> {
    at: &'a str,
    found: Vec<FieldError>,
}

impl Faults<'_> {
    fn add(&mut self, field: &str, message: impl Into<String>) {
        self.found.push(FieldError::new(format!("{}.{field}", self.at), message));
    }

    fn number(&mut self, field: &str, value: f64, (min, max): (f64, f64), unit: &str) {
        // Not a number is in no range.
        if !(min..=max).contains(&value) {
            self.add(field, format!("must be a number from {min} to {max} {unit}").trim_end());
        }
    }

    fn finite(&mut self, field: &str, value: f64) {
        if !value.is_finite() {
            self.add(field, "must be a number");
        }
    }
}

impl RuleSpec {
    /// What is wrong with it; `at` is where it stands, `alerts.rules[3]` for example.
    pub fn validate(&self, at: &str) -> Vec<FieldError> {
        let mut faults = Faults { at, found: Vec::new() };
        if let Err(why) = check_id(&self.id) {
            faults.add("id", why);
        }
        check_line(&mut faults, "title", &self.title, TITLE_MAX_CHARS);
        if !metric::is_valid_name(&self.metric) {
            faults.add("metric", "must be the name of a metric: small letters, digits and underscores");
        }
        scope::check(self, &mut faults);
        check_condition(&self.condition, &mut faults);
        faults.number("for_s", self.for_s, (0.0, LONGEST_S), "s");
        faults.number("keep_firing_for_s", self.keep_firing_for_s, (0.0, LONGEST_S), "s");
        check_line(&mut faults, "message", &self.message, TEXT_MAX_CHARS);
        if let Err(why) = message::check(&self.message, |name| scope::has_label(self, name)) {
            faults.add("message", why);
        }
        check_line(&mut faults, "runbook", &self.runbook, TEXT_MAX_CHARS);
        if !self.runbook.is_empty() && !is_web_address(&self.runbook) {
            faults.add("runbook", "must be an address that begins with http:// or https://");
        }
        faults.found
    }

    /// What of it reaches further back than anything is stored.
    pub fn check_kept(&self, at: &str, storage: &StorageSettings) -> Vec<FieldError> {
        let mut faults = Faults { at, found: Vec::new() };
        let (raw_s, minute_s) = (storage.raw_ms() as f64 / 1_000.0, storage.minute_ms() as f64 / 1_000.0);
        let mut within = |field: &str, seconds: f64, kept_s: f64, setting: &str| {
            if seconds > kept_s {
                faults
                    .add(field, format!("must not be longer than {kept_s} s, for which figures are kept ({setting})"));
            }
        };
        let (raw, minute) = ("storage.raw_hours", "storage.minute_days");
        within("for_s", self.for_s, raw_s, raw);
        within("keep_firing_for_s", self.keep_firing_for_s, raw_s, raw);
        match self.condition {
            Condition::Absent { after_s } => within("condition.after_s", after_s, raw_s, raw),
            Condition::Change { against_s, window_s, .. } => {
                within("condition.against_s", against_s + window_s, minute_s, minute);
            }
            Condition::Deviation { learn_s, .. } => within("condition.learn_s", learn_s, minute_s, minute),
            Condition::Budget { period_s, .. } => within("condition.period_s", period_s, minute_s, minute),
            Condition::Threshold { .. } | Condition::Failures { .. } => {}
        }
        faults.found
    }
}

impl AlertSettings {
    /// What of the rules reaches further back than anything is stored.
    pub fn check_kept(&self, storage: &StorageSettings) -> Vec<FieldError> {
        let rules = self.rules.iter().enumerate();
        rules.flat_map(|(at, rule)| rule.check_kept(&format!("alerts.rules[{at}]"), storage)).collect()
    }
}

/// Checks that a text can name a rule of somebody's own.
fn check_id(id: &str) -> Result<(), String> {
    // The same letters as for metrics, without their one exception.
    if !metric::is_valid_name(id) || id.contains('B') {
        return Err("must begin with a small letter and have at most 64 small letters, digits and underscores".into());
    }
    if BUILT_IN_IDS.contains(&id) {
        return Err(format!("{id} is a rule that came with Netloom: choose another name"));
    }
    if id.starts_with(JOB_RULE_PREFIX) {
        return Err(format!("names that begin with {JOB_RULE_PREFIX} are for what jobs raise"));
    }
    Ok(())
}

fn check_line(faults: &mut Faults, field: &str, text: &str, max_chars: usize) {
    if text.chars().count() > max_chars || text.chars().any(char::is_control) {
        faults.add(field, format!("must be one line of at most {max_chars} characters"));
    }
}

fn is_web_address(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| !host.is_empty() && !host.starts_with('/') && !text.contains(char::is_whitespace))
}

fn check_condition(condition: &Condition, faults: &mut Faults) {
    match *condition {
        Condition::Threshold { side, limit, recover, window_s, .. } => {
            check_side(side, faults);
            faults.finite("condition.limit", limit);
            check_recover(side, limit, recover, faults);
            check_window(window_s, faults);
        }
        Condition::Absent { after_s } => faults.number("condition.after_s", after_s, (1.0, LONGEST_S), "s"),
        Condition::Change { percent, against_s, window_s, aggregation, .. } => {
            faults.number("condition.percent", percent, (0.1, 1e6), "%");
            check_window(window_s, faults);
            check_figure(aggregation, faults);
            faults.number("condition.against_s", against_s, (window_s.max(1.0), LONGEST_S), "s");
        }
        Condition::Deviation { sigmas, learn_s, window_s, aggregation, .. } => {
            faults.number("condition.sigmas", sigmas, (0.5, 100.0), "");
            check_window(window_s, faults);
            check_figure(aggregation, faults);
            faults.number("condition.learn_s", learn_s, (LEARN_MIN_S.max(window_s), LONGEST_S), "s");
        }
        Condition::Failures { side, limit, count, of } => {
            check_side(side, faults);
            faults.finite("condition.limit", limit);
            faults.number("condition.of", f64::from(of), (1.0, f64::from(ROUNDS_MAX)), "");
            faults.number("condition.count", f64::from(count), (1.0, f64::from(of.max(1))), "");
        }
        Condition::Budget { side, limit, percent, period_s } => {
            check_side(side, faults);
            faults.finite("condition.limit", limit);
            faults.number("condition.percent", percent, (0.0, 99.9), "%");
            faults.number("condition.period_s", period_s, (PERIOD_MIN_S, LONGEST_S), "s");
        }
    }
}

fn check_side(side: Side, faults: &mut Faults) {
    if side == Side::Either {
        faults.add("condition.side", "must be above or below: either side is for change and deviation only");
    }
}

fn check_recover(side: Side, limit: f64, recover: Option<f64>, faults: &mut Faults) {
    let Some(recover) = recover else { return };
    if !recover.is_finite() {
        faults.add("condition.recover", "must be a number");
    } else if side == Side::Above && recover > limit {
        faults.add("condition.recover", format!("must not be above the limit of {limit}"));
    } else if side == Side::Below && recover < limit {
        faults.add("condition.recover", format!("must not be below the limit of {limit}"));
    }
}

fn check_window(window_s: f64, faults: &mut Faults) {
    faults.number("condition.window_s", window_s, (1.0, WINDOW_MAX_MS as f64 / 1_000.0), "s");
}

fn check_figure(aggregation: Aggregation, faults: &mut Faults) {
    if aggregation == Aggregation::Count {
        faults.add("condition.aggregation", "must not be count: how many figures there are is no figure of the past");
    }
}

#[cfg(test)]
mod tests;
