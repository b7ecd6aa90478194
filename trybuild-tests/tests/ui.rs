//! The mistakes in `ui`, and what the compiler says of them: the texts in `ui/*.stderr` are those of the pinned one;
//! `TRYBUILD=overwrite cargo test -p trybuild-tests --test ui` writes them anew.

// What must compile stands beside this file: among the mistakes it would have them built one by one instead of checked in one go.
#[test]
fn ui() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
