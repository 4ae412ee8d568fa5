//! Addresses and ports, for the tools of sockets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use cbpf_bpf::events::cbpf_ends;
use cbpf_common::engine::Plan;

/// An address as the programs send it.
pub fn address(version: u32, bytes: [u8; 16]) -> IpAddr {
    match (version, bytes) {
        (4, [a, b, c, d, ..]) => Ipv4Addr::new(a, b, c, d).into(),
        _ => Ipv6Addr::from(bytes).into(),
    }
}

/// The addresses of both ends, the own one first.
pub fn addresses(ends: &cbpf_ends) -> [IpAddr; 2] {
    [ends.saddr, ends.daddr].map(|bytes| address(ends.version, bytes))
}

/// The name of a protocol, for those that have ports.
pub fn protocol(number: u32) -> &'static str {
    match number {
        6 => "TCP",
        17 => "UDP",
        33 => "DCCP",
        132 => "SCTP",
        136 => "UDPL",
        262 => "MPTCP",
        _ => "UNK",
    }
}

/// Sets the knobs for an option `-P PORT,...`; of no port at all it asks for all.
pub fn plan_ports(plan: &mut Plan, ports: &[u16]) {
    let bytes = ports.iter().max().map_or(0, |last| usize::from(*last) / 8 + 1);
    let mut bits = vec![0u8; bytes.max(1)];
    for port in ports {
        bits[usize::from(*port) / 8] |= 1 << (port % 8);
    }
    plan.knob("some_ports", !ports.is_empty()).knob("ports", bits);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_both_kinds() {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&[192, 0, 2, 1]);
        assert_eq!(address(4, bytes).to_string(), "192.0.2.1");
        assert_eq!(address(6, Ipv6Addr::LOCALHOST.octets()).to_string(), "::1");
    }
}
