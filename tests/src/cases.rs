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
    biolatency,
    drsnoop,
    execsnoop,
    filetop,
    fsdist,
    fsslower,
    gethostlatency,
    hardirqs,
    mountsnoop,
    offcputime,
    oomkill,
    opensnoop,
    runqlat,
    runqlen,
    syscount,
    tcpconnlat,
    vfsstat,
}
