//! Compiles the programs of `ui`. The texts in `ui/fail/*.stderr` are those of the pinned compiler;
//! `TRYBUILD=overwrite cargo test -p json-tests` writes them anew.

#[test]
fn ui() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
