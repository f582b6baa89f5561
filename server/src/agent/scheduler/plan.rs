//! What is checked by schedule on this node, and what is not, and why.

use std::{net::IpAddr, time::Duration};

use netloom_core::{
    check::{Check, spec::DnsSpec},
    settings::{Settings, checks::Scheduled},
};

/// How long a name server may take, ms: what resolvers wait before they ask another one is five seconds, and nobody waits
/// that long gladly.
const DNS_TIMEOUT_MS: u64 = 3_000;

const DNS: &str = "dns";
pub(super) const PATH: &str = "path";
const LINES: &str = "checks";

/// A check, and when.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Job {
    /// The measurement.
    pub(super) row: String,
    /// The time from one run to the next.
    pub(super) every: Duration,
    /// What is done.
    pub(super) work: Work,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Work {
    /// One check, again and again.
    Check {
        /// The label `dst`.
        dst: String,
        check: Check,
    },
    /// The ways to the hub and to the peers of the mesh, in turn.
    Ways { hub: Option<IpAddr> },
}

impl Job {
    /// In which time its first run is, ms: soon, but for what loads the network. Agents that start together must not do
    /// that at once.
    pub(super) fn first_within_ms(&self, soon_ms: u64) -> u64 {
        let every_ms = self.every.as_millis() as u64;
        let is_test = matches!(&self.work, Work::Check { check, .. } if check.is_test());
        if is_test { every_ms } else { every_ms.min(soon_ms) }
    }
}

#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) jobs: Vec<Job>,
    /// Measurements that are off, and why.
    pub(super) off: Vec<(String, String)>,
}

/// Whether a measurement is one of the schedule's.
pub(super) fn is_own(row: &str) -> bool {
    [DNS, PATH, LINES].contains(&row) || ["dns ", "check "].iter().any(|prefix| row.starts_with(prefix))
}

pub(super) fn plan(node: &str, settings: &Settings, hub: IpAddr, name_servers: &[IpAddr]) -> Plan {
    let (mut plan, is_usual) = (Plan::default(), settings.probe.default_targets);
    let checks = &settings.checks;
    match (checks.dns_interval_s, is_usual, name_servers) {
        (0, ..) => plan.off(DNS, "switched off: set checks.dns_interval_s"),
        (_, false, _) => plan.off(DNS, "the usual targets are not probed: switch on probe.default_targets"),
        (.., []) => plan.off(DNS, "no name server is configured on this machine"),
        (every_s, ..) => plan.jobs.extend(name_servers.iter().map(|server| {
            let spec = DnsSpec {
                server: server.to_string(),
                name: checks.dns_name.clone(),
                record: "A".to_owned(),
                timeout_ms: DNS_TIMEOUT_MS,
            };
            // The name under which it is a target, too.
            let dst = format!("dns {server}");
            let (every, check) = (Duration::from_secs(every_s), Check::Dns(spec));
            Job { row: dst.clone(), every, work: Work::Check { dst, check } }
        })),
    }
    match checks.path_interval_s {
        0 => plan.off(PATH, "switched off: set checks.path_interval_s"),
        every_s => {
            // A hub on this machine is no way off.
            let hub = Some(hub).filter(|hub| is_usual && is_elsewhere(*hub));
            plan.jobs.push(Job { row: PATH.to_owned(), every: Duration::from_secs(every_s), work: Work::Ways { hub } });
        }
    }
    plan.lines(node, settings);
    plan
}

/// Whether an address may be on another machine.
pub(super) fn is_elsewhere(address: IpAddr) -> bool {
    !address.to_canonical().is_loopback() && !address.is_unspecified()
}

impl Plan {
    /// Leaves out what would disturb a training run: nobody said yes to that.
    pub(super) fn spare_the_run(&mut self) {
        let tests = self.jobs.extract_if(.., |job| matches!(&job.work, Work::Check { check, .. } if check.is_test()));
        let why = "a training run is active: tests by schedule wait until it has ended";
        let rows = tests.map(|job| (job.row, why.to_owned()));
        self.off.extend(rows.collect::<Vec<_>>());
    }

    fn off(&mut self, row: &str, why: &str) {
        self.off.push((row.to_owned(), why.to_owned()));
    }

    fn lines(&mut self, node: &str, settings: &Settings) {
        let lines: Vec<Scheduled> = settings.checks.lines().filter(|line| line.is_for(node)).collect();
        if lines.is_empty() {
            self.off(LINES, "none on this node: add some in checks.scheduled");
        }
        for line in lines {
            let (row, dst) = (format!("check {}", line.address), line.target().to_owned());
            if let Err(why) = line.allowed(&settings.active) {
                self.off(&row, &why);
                continue;
            }
            let every = Duration::from_millis(line.every_ms.unsigned_abs());
            self.jobs.push(Job { row, every, work: Work::Check { dst, check: line.check } });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(plan: &Plan) -> (Vec<&str>, Vec<&str>) {
        let jobs = plan.jobs.iter().map(|job| job.row.as_str());
        (jobs.collect(), plan.off.iter().map(|(row, _)| row.as_str()).collect())
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn everything_is_on_or_off_with_a_reason() {
        let servers = [address("10.0.0.53"), address("fd00::53")];
        let mut settings = Settings::default();
        let plan_of = |settings: &Settings, servers: &[IpAddr]| plan("n1", settings, address("10.0.0.1"), servers);
        let plan = plan_of(&settings, &servers);
        assert_eq!(rows(&plan), (vec!["dns 10.0.0.53", "dns fd00::53", "path"], vec!["checks"]));
        assert_eq!(plan.jobs[2].work, Work::Ways { hub: Some(address("10.0.0.1")) });
        assert_eq!(rows(&plan_of(&settings, &[])), (vec!["path"], vec!["dns", "checks"]));
        settings.probe.default_targets = false;
        let plan = plan_of(&settings, &servers);
        assert_eq!(rows(&plan), (vec!["path"], vec!["dns", "checks"]));
        assert_eq!(plan.jobs[0].work, Work::Ways { hub: None });
        (settings.checks.path_interval_s, settings.checks.dns_interval_s) = (0, 0);
        let plan = plan_of(&settings, &servers);
        assert_eq!(rows(&plan), (vec![], vec!["dns", "path", "checks"]));
        assert!(plan.off.iter().all(|(row, why)| is_own(row) && !why.is_empty()));
    }

    #[test]
    fn lines_are_for_their_nodes_and_tests_for_those_who_allow_them() {
        let mut settings = Settings::default();
        settings.probe.default_targets = false;
        settings.checks.path_interval_s = 0;
        settings.checks.scheduled = [
            "redis://db:6379 every 30s on n1",
            "tcp://db:22 every 30s on n2",
            "",
            "something of a newer version every 30s",
            "download+https://db/big every 10m",
        ]
        .map(str::to_owned)
        .into();
        let plan_of = |settings: &Settings| plan("n1", settings, address("::1"), &[]);
        let off = plan_of(&settings);
        assert_eq!(rows(&off), (vec!["check redis://db:6379"], vec!["dns", "path", "check download+https://db/big"]));
        settings.active.throughput = true;
        let on = plan_of(&settings);
        assert_eq!(on.jobs.len(), 2);
        assert_eq!(on.jobs[0].first_within_ms(10_000), 10_000);
        assert_eq!(on.jobs[1].first_within_ms(10_000), 600_000);
    }
}
