//! `cargo xtask dist`.

use anyhow::{Result, bail};

use crate::client::{self, Optimiser};
use crate::workspace::Workspace;
use crate::{budget, server};

/// Builds the binary that is handed out and holds the budgets of what a browser downloads.
pub(crate) fn run() -> Result<()> {
    let workspace = Workspace::open();
    let package = client::build(&workspace, Optimiser::Required)?;
    server::build(&workspace)?;
    let sizes = budget::measure(&package)?;
    println!("{}", budget::table(&sizes));
    let binary = workspace.binary();
    println!("{:<16} {:>9}", "netloom", budget::readable(std::fs::metadata(&binary)?.len()));
    println!("\n{}", binary.display());
    let over = budget::over(&sizes);
    if !over.is_empty() {
        bail!("over budget: {}", over.join(", "));
    }
    Ok(())
}
