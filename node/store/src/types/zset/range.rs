//! What a range of a sorted set can be bounded by: scores or, where all scores are equal, members.
//!
//! Both kinds tell the same two things of a member, whether it is before the range and whether it is before
//! the range's end; with these two questions a sorted set turns any range into one of ranks.

use super::super::int::IntText;
use super::super::listpack::Item;

/// An end of a range of scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreBound {
    /// The score; never NaN.
    pub score: f64,
    /// Whether the score itself is left out.
    pub exclusive: bool,
}

/// Scores from `min` to `max`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreRange {
    /// The lower end.
    pub min: ScoreBound,
    /// The upper end.
    pub max: ScoreBound,
}

impl ScoreRange {
    /// Every score.
    pub const ALL: ScoreRange = ScoreRange {
        min: ScoreBound { score: f64::NEG_INFINITY, exclusive: false },
        max: ScoreBound { score: f64::INFINITY, exclusive: false },
    };

    /// Whether `score` is below the range.
    pub(super) fn is_before(&self, score: f64) -> bool {
        if self.min.exclusive { score <= self.min.score } else { score < self.min.score }
    }

    /// Whether `score` is not above the range.
    pub(super) fn is_up_to(&self, score: f64) -> bool {
        if self.max.exclusive { score < self.max.score } else { score <= self.max.score }
    }
}

/// An end of a range of members, compared byte by byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LexBound<'a> {
    /// `-`: before every member.
    Lowest,
    /// `[text`: the member itself belongs to the range.
    Inclusive(&'a [u8]),
    /// `(text`: the member itself is left out.
    Exclusive(&'a [u8]),
    /// `+`: behind every member.
    Highest,
}

/// Members from `min` to `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LexRange<'a> {
    /// The lower end.
    pub min: LexBound<'a>,
    /// The upper end.
    pub max: LexBound<'a>,
}

impl LexRange<'_> {
    /// Whether `member` is below the range.
    pub(super) fn is_before(&self, member: Item<'_>) -> bool {
        let mut buffer = IntText::default();
        let member = member.as_bytes(&mut buffer);
        match self.min {
            LexBound::Lowest => false,
            LexBound::Inclusive(min) => member < min,
            LexBound::Exclusive(min) => member <= min,
            LexBound::Highest => true,
        }
    }

    /// Whether `member` is not above the range.
    pub(super) fn is_up_to(&self, member: Item<'_>) -> bool {
        let mut buffer = IntText::default();
        let member = member.as_bytes(&mut buffer);
        match self.max {
            LexBound::Lowest => false,
            LexBound::Inclusive(max) => member <= max,
            LexBound::Exclusive(max) => member < max,
            LexBound::Highest => true,
        }
    }
}
