//! The owner test of every tool, one line each.

use crate::case::Case;

macro_rules! cases {
    ($($tool:ident,)*) => {
        $(pub mod $tool;)*
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
    cachestat,
    cpudist,
    cpufreq,
    drsnoop,
    execsnoop,
    exitsnoop,
    filelife,
    filetop,
    fsdist,
    fsslower,
    funclatency,
    gethostlatency,
    hardirqs,
    klockstat,
    ksnoop,
    llcstat,
    mountsnoop,
    numamove,
    offcputime,
    oomkill,
    opensnoop,
    readahead,
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
    vfsstat,
}
