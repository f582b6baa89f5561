//! `netloom backup`: a copy of the database, whole and of one moment, while the hub goes on writing.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, bail};
use netloom_core::unit::bytes_figure;
use sqlx::Connection as _;

use super::{database, length};
use crate::{cli::BackupArgs, exit, store::beside};

/// Copies the database to a file that is not there yet.
///
/// # Errors
/// One line; then there is no file.
pub async fn run(args: &BackupArgs) -> anyhow::Result<u8> {
    let began = Instant::now();
    let source = database(&args.data)?;
    if !source.exists() {
        bail!("there is no database at {}", source.display());
    }
    refuse_existing(&args.file)?;
    let part = Part::create(&args.file)?;
    copy(&source, &part.path).await?;
    File::open(&part.path)?.sync_all().with_context(|| format!("cannot finish {}", part.path.display()))?;
    // Somebody may have put a file there in the meantime.
    refuse_existing(&args.file)?;
    std::fs::rename(&part.path, &args.file).with_context(|| format!("cannot rename {}", part.path.display()))?;
    let (shown, size) = (args.file.display(), bytes_figure(length(&args.file) as f64));
    println!("{shown}: {size} in {:.1} s, checked", began.elapsed().as_secs_f64());
    println!("To use it, copy it as netloom.db into an empty data folder.");
    Ok(exit::FINE)
}

fn refuse_existing(file: &Path) -> anyhow::Result<()> {
    if file.exists() {
        bail!("{} is there already and is not overwritten", file.display());
    }
    Ok(())
}

async fn copy(source: &Path, part: &Path) -> anyhow::Result<()> {
    let name = part.to_str().with_context(|| format!("{} is not a usable name", part.display()))?;
    let mut connection = beside::open(source).await?;
    let copied = sqlx::query("vacuum into ?").bind(name).execute(&mut connection).await;
    copied.with_context(|| format!("cannot copy {} to {name}", source.display()))?;
    connection.close().await?;

    let mut copy = beside::open(part).await?;
    let found: String = sqlx::query_scalar("pragma quick_check(1)").fetch_one(&mut copy).await?;
    copy.close().await?;
    if found != "ok" {
        bail!("the copy of {} is damaged ({found}): run netloom check", source.display());
    }
    Ok(())
}

/// The unfinished copy; what is left of it goes when the backup fails.
struct Part {
    path: PathBuf,
}

impl Part {
    /// Begins with an empty file for its owner alone: SQLite writes into it, with the rights that it has.
    fn create(file: &Path) -> anyhow::Result<Self> {
        let mut path = file.to_owned().into_os_string();
        path.push(".part");
        let path = PathBuf::from(path);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path).with_context(|| {
            format!("cannot begin {} (if another backup broke off, delete that file)", path.display())
        })?;
        Ok(Self { path })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Not there any more when all went well.
        let _ = std::fs::remove_file(&self.path);
    }
}
