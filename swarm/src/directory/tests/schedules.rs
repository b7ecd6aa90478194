//! The schedules of protocol.md §15.
