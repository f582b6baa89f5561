//! What reading this machine costs, as one line of JSON: `cargo xtask bench probes` runs it, also in namespaces with many
//! interfaces.

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        net::{TcpListener, TcpStream},
        time::Instant,
    };

    use netloom_core::{check::connection::group::group, sample::Readings};
    use netloom_server::collect::{
        Collector, Moment, connection, interface::InterfaceCollector, inventory, link::CounterReader,
    };
    use rustix::process::{Resource, Rlimit, setrlimit};

    /// Readings of which the median is taken.
    const READINGS: usize = 2_000;
    /// Looks at connections of which the median is taken.
    const LOOKS: usize = 20;
    /// Connections within this process, two sockets each.
    const CONNECTIONS: usize = 5_000;

    pub(super) fn main() {
        let interfaces = inventory::read().expect("interfaces can be listed");
        let mut reader = CounterReader::default();
        let counters_us = median_us(READINGS, || reader.read().expect("the kernel tells"));
        let devices_us = median_us(READINGS, || {
            std::fs::read_to_string("/proc/net/dev").expect("readable");
        });
        let mut collector = InterfaceCollector::new("n1");
        let mut at = 0;
        let collect_us = median_us(READINGS, || {
            at += 1_000;
            let mut readings = Readings::default();
            let now = Moment { mono_ns: at * 1_000_000, ts_ms: at as i64 };
            collector.collect(now, &interfaces, &mut readings).expect("the kernel tells");
        });
        let (sockets, look_us) = connections();
        println!(
            r#"{{"interfaces":{},"counters_us":{counters_us:.1},"devices_us":{devices_us:.1},"collect_us":{collect_us:.1},"sockets":{sockets},"look_us":{look_us:.0}}}"#,
            reader.counters().count()
        );
    }

    /// How many sockets there are, and how long a look at all of them takes.
    fn connections() -> (usize, f64) {
        let files = Some(4 * CONNECTIONS as u64);
        // Where that is not permitted there are fewer, which is told.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: files, maximum: files });
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let connect = || Some((TcpStream::connect(address).ok()?, listener.accept().ok()?));
        let held: Vec<_> = std::iter::from_fn(connect).take(CONNECTIONS).collect();
        let mut count = 0;
        let look_us = median_us(LOOKS, || {
            let all = connection::all().expect("the kernel tells");
            count = all.len();
            group(&all, &std::collections::BTreeMap::new());
        });
        drop(held);
        (count, look_us)
    }

    fn median_us(times: usize, mut what: impl FnMut()) -> f64 {
        let mut took_us: Vec<f64> = (0..times)
            .map(|_| {
                let started = Instant::now();
                what();
                started.elapsed().as_nanos() as f64 / 1e3
            })
            .collect();
        took_us.sort_by(f64::total_cmp);
        took_us[times / 2]
    }
}
