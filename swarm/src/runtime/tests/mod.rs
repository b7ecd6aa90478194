//! Whole nodes without sockets, threads or clocks: everything between a caller and a cell is the code of production, and
//! a test decides which frame arrives when, who owns what, and what time it is.

mod alarms;
mod audit;
mod cases;
mod control;
mod directory;
mod leaving;
mod links;
mod multicall;
mod notebook;
mod share;
mod site;
mod trace;
mod walk;
mod words;
mod world;
