//! The program: reads the command line and runs the role it names.

use std::process::ExitCode;

use clap::Parser;
use netloom_server::{
    agent::{Agent, print::PrintUplink},
    cli::{Cli, Command, RunArgs, ServeArgs, WatchArgs},
    client,
    config::Config,
    shutdown,
};
use tracing_subscriber::EnvFilter;

/// The exit code of an error, as monitoring plug-ins count: 0 fine, 1 warning, 2 critical or error, 3 unknown.
const EXIT_ERROR: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    run(&cli).unwrap_or_else(|error| {
        eprintln!("netloom: {error:#}");
        ExitCode::from(EXIT_ERROR)
    })
}

/// Runs somebody else's command; its exit code is ours. Nothing is logged: standard error belongs to the command.
fn record(args: &RunArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let code = runtime.block_on(client::run::run(args));
    runtime.shutdown_background();
    Ok(ExitCode::from(u8::try_from(code?).unwrap_or(u8::MAX)))
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    let (config, is_watch) = match &cli.command {
        #[cfg(feature = "hub")]
        Command::Serve(args) => (Config::load(args)?, false),
        Command::Watch(WatchArgs { config }) => {
            (Config::load(&ServeArgs { config: config.clone(), ..ServeArgs::default() })?, true)
        }
        Command::Run(args) => return record(args),
    };
    let filter = EnvFilter::try_new(&config.log).map_err(|error| anyhow::anyhow!("configuration: log: {error}"))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let runtime = tokio::runtime::Runtime::new()?;
    let result = runtime.block_on(async {
        let shutdown = shutdown::on_signal()?;
        if is_watch {
            return watch(config, shutdown).await;
        }
        #[cfg(feature = "hub")]
        serve(config, shutdown).await?;
        Ok(())
    });
    // A name look-up that hangs in the system's resolver must not hold up the end.
    runtime.shutdown_background();
    result.map(|()| ExitCode::SUCCESS)
}

/// Prints what this machine measures until it is stopped.
async fn watch(config: Config, shutdown: tokio_util::sync::CancellationToken) -> anyhow::Result<()> {
    let settings = netloom_core::settings::apply(&config.settings, &config.settings_from_env)
        .map_err(|errors| anyhow::anyhow!("{errors:?}"))?;
    let orders = netloom_core::api::AgentConfig { settings, hub: config.listen };
    let (_keep, orders) = tokio::sync::watch::channel(orders);
    Agent { node: config.node, uplink: std::sync::Arc::new(PrintUplink), config: orders, shutdown }.run().await;
    Ok(())
}

#[cfg(feature = "hub")]
async fn serve(config: Config, shutdown: tokio_util::sync::CancellationToken) -> anyhow::Result<()> {
    use anyhow::Context;
    use netloom_server::hub;

    let listen = config.listen;
    let listener = tokio::net::TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    hub::run(config, listener, shutdown, || println!("Netloom is at http://{address}")).await
}
