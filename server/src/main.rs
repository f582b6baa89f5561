//! The program: reads the command line and runs the role it names.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use clap::{CommandFactory as _, FromArgMatches as _};
#[cfg(feature = "hub")]
use netloom_server::care;
use netloom_server::{
    agent::{
        echo,
        remote::{role, state},
    },
    cli::{AgentArgs, Cli, Command, ServeArgs},
    client, clock, colour,
    config::{self, Config},
    exit, shutdown, tool, watch,
};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let matches = Cli::command().color(colour::of_help()).get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let code = run(&cli).unwrap_or_else(|error| {
        eprintln!("netloom: {error:#}");
        exit::ERROR
    });
    ExitCode::from(code)
}

fn run(cli: &Cli) -> anyhow::Result<u8> {
    match &cli.command {
        #[cfg(feature = "hub")]
        Command::Serve(args) => {
            let config = Config::load(args)?;
            let log = config.log.clone();
            run_role(&log, async |shutdown| serve(config, shutdown).await)
        }
        #[cfg(feature = "hub")]
        Command::Demo(args) => {
            let serve = ServeArgs { listen: args.listen, set: args.set.clone(), ..ServeArgs::default() };
            let config = Config::load(&serve)?;
            let is_default = config.log == Config::default().log;
            let log = if is_default { netloom_server::demo::LOG.to_owned() } else { config.log.clone() };
            run_role(&log, async |shutdown| netloom_server::demo::run(args, config, shutdown).await)
        }
        Command::Agent(args) => run_role(&args.log, async |shutdown| agent(args, shutdown).await),
        Command::Watch(args) => {
            let config = Config::load(&ServeArgs { config: args.config.clone(), ..ServeArgs::default() })?;
            let log = config.log.clone();
            run_role(&log, async |shutdown| watch::run(config, args, shutdown).await)
        }
        Command::Probe(args) => run_command(tool::probe::run(args)),
        Command::Run(args) => run_alone(async { Ok(code_of(client::run::run(args).await?)) }),
        Command::Diagnose(args) => run_alone(tool::diagnose::run(args)),
        Command::Test(args) => run_alone(tool::test::run(args)),
        Command::Around(args) => run_alone(async { Ok(code_of(tool::around::run(args).await?)) }),
        #[cfg(feature = "tools")]
        Command::Completions(args) => tool::manual::completions(args),
        #[cfg(feature = "tools")]
        Command::Man(args) => tool::manual::man(args),
        Command::Throughput(args) => run_command(tool::throughput::run(args)),
        Command::Export(args) => run_command(client::export::run(args)),
        Command::Import(args) => run_command(client::import::run(args)),
        #[cfg(feature = "hub")]
        Command::Backup(args) => run_command(care::backup::run(args)),
        #[cfg(feature = "hub")]
        Command::Check(args) => run_command(care::check::run(args)),
    }
}

/// Runs what has one thread to itself: somebody else's command, whose standard error nothing is logged to, and what takes
/// times, which other threads would blur.
fn run_alone(command: impl Future<Output = anyhow::Result<u8>>) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let code = runtime.block_on(command);
    runtime.shutdown_background();
    code
}

/// The exit code of somebody else's command as ours.
fn code_of(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(u8::MAX)
}

/// Runs what ends by a signal, and logs.
fn run_role(log: &str, role: impl AsyncFnOnce(CancellationToken) -> anyhow::Result<()>) -> anyhow::Result<u8> {
    let filter = EnvFilter::try_new(log).map_err(|error| anyhow::anyhow!("configuration: log: {error}"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colour::on_stderr())
        .init();
    run_command(async {
        role(shutdown::on_signal()?).await?;
        Ok(exit::FINE)
    })
}

/// Runs what ends by itself; a signal ends it at once.
fn run_command(command: impl Future<Output = anyhow::Result<u8>>) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Runtime::new()?;
    let result = runtime.block_on(command);
    // A name look-up that hangs in the system's resolver must not hold up the end.
    runtime.shutdown_background();
    result
}

/// Measures for a hub elsewhere until it is stopped.
async fn agent(args: &AgentArgs, shutdown: CancellationToken) -> anyhow::Result<()> {
    const MIB: u64 = 1_024 * 1_024;
    let (listen, flag) = (args.echo_listen, "choose another address with --echo-listen");
    let echo = echo::bind(listen).with_context(|| format!("cannot answer probes at {listen} ({flag})"))?;
    let options = role::Options {
        hub: args.hub.clone(),
        code: args.token.clone(),
        node: config::node_name(args.node.as_deref())?,
        state_dir: args.state_dir.clone().unwrap_or_else(state::usual_folder),
        echo,
        collects: true,
        spool_max_bytes: args.spool_mib * MIB,
        wall: Arc::new(clock::now_us),
    };
    Box::pin(role::run(options, shutdown)).await
}

#[cfg(feature = "hub")]
async fn serve(config: Config, shutdown: CancellationToken) -> anyhow::Result<()> {
    use netloom_server::hub;

    let listen = config.listen;
    let listener = tokio::net::TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    hub::run(config, listener, shutdown, || println!("Netloom is at http://{address}")).await
}
