//! The Readme shows the program that is shipped, and it is as short as it says.

#[test]
fn the_quick_start_is_the_counter() {
    let readme = include_str!("../../../README.md");
    let counter = include_str!("../../src/bin/counter.rs").trim();
    assert!(counter.lines().count() <= 40, "the quick start is at most 40 lines");
    assert!(readme.contains(counter), "copy examples/src/bin/counter.rs into README.md");
}
