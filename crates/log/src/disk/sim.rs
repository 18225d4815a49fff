//! A disk in memory that fails on demand.
