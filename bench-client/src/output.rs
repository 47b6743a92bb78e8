//! The forms in which a result leaves the program.

pub mod chart;
pub mod csv;
pub mod hdr;
pub mod html;
pub mod table;
