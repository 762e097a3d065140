use axum::routing::{MethodFilter, MethodRouter, any, on};

/// Which requests at a path a guard stands before, in the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Answers {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Trace,
    Connect,
    /// Every method that has no row of its own.
    Any,
    /// Every path below that no route has.
    Fallback,
    /// Every method that no route has, at the paths below.
    NotAllowed,
}

const METHODS: [(Answers, MethodFilter); 9] = [
    (Answers::Get, MethodFilter::GET),
    (Answers::Head, MethodFilter::HEAD),
    (Answers::Post, MethodFilter::POST),
    (Answers::Put, MethodFilter::PUT),
    (Answers::Patch, MethodFilter::PATCH),
    (Answers::Delete, MethodFilter::DELETE),
    (Answers::Options, MethodFilter::OPTIONS),
    (Answers::Trace, MethodFilter::TRACE),
    (Answers::Connect, MethodFilter::CONNECT),
];

impl Answers {
    pub(super) fn of(filter: MethodFilter) -> impl Iterator<Item = Self> {
        METHODS.into_iter().filter(move |(_, one)| filter.or(*one) == filter).map(|(answers, _)| answers)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Connect => "CONNECT",
            Self::Any => "ANY",
            Self::Fallback => "FALLBACK",
            Self::NotAllowed => "405",
        }
    }

    pub(super) fn is_method(self) -> bool {
        self < Self::Any
    }
}

/// The same methods with nothing behind, to ask axum whether they fit.
pub(super) fn shape(filter: Option<MethodFilter>) -> MethodRouter {
    match filter {
        Some(filter) => on(filter, nothing),
        None => any(nothing),
    }
}

pub(super) async fn nothing() {}
