//! What `cbpfd` says on a command line, and how it explains a policy. `TRYCMD=overwrite cargo test -p cbpfd --test cli`
//! writes the snapshots in `tests/cli-cbpfd/` anew.

#[test]
fn what_cbpfd_says_is_as_before() {
    // Where the policies are.
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/cli-cbpfd")).expect("the snapshots");
    let test = trycmd::TestCases::new();
    test.register_bin("cbpfd", std::path::Path::new(env!("CARGO_BIN_EXE_cbpfd")));
    test.insert_var("[VERSION]", env!("CARGO_PKG_VERSION")).expect("a variable's name");
    test.case("*.trycmd");
}
