//! Rebuilds the crate when something it embeds changed: the migrations and the client.

fn main() {
    println!("cargo::rerun-if-changed=../migrations");
    println!("cargo::rerun-if-changed=../target/site/manifest.json");
}
