//! The owner test of every tool, one line each.

use crate::case::Case;

macro_rules! cases {
    ($($tool:ident,)*) => {
        $(mod $tool;)*
        /// All cases.
        pub const CASES: &[&Case] = &[$(&$tool::CASE),*];
    };
}

cases! {
    bashreadline,
    bindsnoop,
    biolatency,
    biopattern,
    biosnoop,
    biostacks,
    bitesize,
    cpudist,
    cpufreq,
    execsnoop,
    exitsnoop,
    gethostlatency,
    hardirqs,
    offcputime,
    opensnoop,
    runqlat,
    runqlen,
    runqslower,
    softirqs,
    solisten,
    statsnoop,
    syscount,
    tcpconnect,
    tcpconnlat,
    tcprtt,
    tcpsynbl,
}
