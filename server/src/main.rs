//! The program: reads the command line and runs the role it names.

use std::process::ExitCode;

use clap::Parser;
#[cfg(feature = "hub")]
use netloom_server::care;
use netloom_server::{
    cli::{Cli, Command, RunArgs, ServeArgs},
    client,
    config::Config,
    exit, shutdown, watch,
};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let code = run(&Cli::parse()).unwrap_or_else(|error| {
        eprintln!("netloom: {error:#}");
        exit::ERROR
    });
    ExitCode::from(code)
}

fn run(cli: &Cli) -> anyhow::Result<u8> {
    match &cli.command {
        #[cfg(feature = "hub")]
        Command::Serve(args) => run_role(Config::load(args)?, serve),
        Command::Watch(args) => {
            let config = Config::load(&ServeArgs { config: args.config.clone(), ..ServeArgs::default() })?;
            run_role(config, async |config, shutdown| watch::run(config, args, shutdown).await)
        }
        Command::Run(args) => record(args),
        Command::Export(args) => run_command(client::export::run(args)),
        Command::Import(args) => run_command(client::import::run(args)),
        #[cfg(feature = "hub")]
        Command::Backup(args) => run_command(care::backup::run(args)),
        #[cfg(feature = "hub")]
        Command::Check(args) => run_command(care::check::run(args)),
    }
}

/// Runs somebody else's command; its exit code is ours. Nothing is logged: standard error belongs to the command.
fn record(args: &RunArgs) -> anyhow::Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let code = runtime.block_on(client::run::run(args));
    runtime.shutdown_background();
    Ok(u8::try_from(code?).unwrap_or(u8::MAX))
}

/// Runs what ends by a signal, and logs.
fn run_role(
    config: Config,
    role: impl AsyncFnOnce(Config, tokio_util::sync::CancellationToken) -> anyhow::Result<()>,
) -> anyhow::Result<u8> {
    let filter = EnvFilter::try_new(&config.log).map_err(|error| anyhow::anyhow!("configuration: log: {error}"))?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    run_command(async {
        role(config, shutdown::on_signal()?).await?;
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

#[cfg(feature = "hub")]
async fn serve(config: Config, shutdown: tokio_util::sync::CancellationToken) -> anyhow::Result<()> {
    use anyhow::Context;
    use netloom_server::hub;

    let listen = config.listen;
    let listener = tokio::net::TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
    let address = listener.local_addr()?;
    hub::run(config, listener, shutdown, || println!("Netloom is at http://{address}")).await
}
