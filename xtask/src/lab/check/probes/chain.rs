//! Routers in a row behind a node: namespaces that pass packets on.

use anyhow::Result;

use super::FROM;
use crate::lab::net::ip;
use crate::process;
use std::process::Command;

/// Routers between the node and the end of the chain.
pub(super) const ROUTERS: u8 = 3;
/// The link behind this router takes smaller packets.
const NARROW: u8 = 2;
/// How small, bytes.
pub(super) const NARROW_MTU: u32 = 1_400;

/// The chain. Its namespaces are removed when it is dropped.
pub(super) struct Chain;

/// The namespace of a place in the chain, from 1; the last one is the end.
fn name(at: u8) -> String {
    format!("nlab-r{at}")
}

/// The address at the near (1) or far (2) end of a link.
pub(super) fn address(link: u8, end: u8) -> String {
    format!("10.78.{link}.{end}")
}

/// The address of the end.
pub(super) fn end() -> String {
    address(ROUTERS, 2)
}

impl Chain {
    /// Makes it behind the node from which everything is probed.
    pub(super) fn make() -> Result<Self> {
        let chain = Self;
        let from = FROM.name();
        let at = |place: u8| if place == 0 { from.clone() } else { name(place) };
        for place in 1..=ROUTERS + 1 {
            ip(&["netns", "add", &name(place)])?;
            ip(&["-n", &name(place), "link", "set", "lo", "up"])?;
            let forward = ["netns", "exec", &name(place), "sysctl", "-qw", "net.ipv4.ip_forward=1"];
            process::output(Command::new("ip").args(forward))?;
            // Otherwise the kernel says no more than one word a second to the same asker (icmp_ratelimit).
            let speak = ["netns", "exec", &name(place), "sysctl", "-qw", "net.ipv4.icmp_ratelimit=0"];
            process::output(Command::new("ip").args(speak))?;
        }
        for link in 0..=ROUTERS {
            let (near, far) = (at(link), at(link + 1));
            ip(&["link", "add", "next0", "netns", &near, "type", "veth", "peer", "name", "back0", "netns", &far])?;
            for (place, device, end) in [(&near, "next0", 1), (&far, "back0", 2)] {
                ip(&["-n", place, "address", "add", &format!("{}/30", address(link, end)), "dev", device])?;
                if link == NARROW {
                    ip(&["-n", place, "link", "set", device, "mtu", &NARROW_MTU.to_string()])?;
                }
                ip(&["-n", place, "link", "set", device, "up"])?;
            }
        }
        for place in 0..=ROUTERS {
            ip(&["-n", &at(place), "route", "replace", "10.78.0.0/16", "via", &address(place, 2)])?;
        }
        for place in 1..=ROUTERS + 1 {
            let back = address(place - 1, 1);
            for link in 0..place - 1 {
                ip(&["-n", &at(place), "route", "replace", &format!("10.78.{link}.0/30"), "via", &back])?;
            }
        }
        Ok(chain)
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        for place in 1..=ROUTERS + 1 {
            // What is missing was never made.
            let _ = ip(&["netns", "delete", &name(place)]);
        }
    }
}
