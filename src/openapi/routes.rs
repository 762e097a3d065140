use super::operations;
use crate::guard::{RouteTable, Row};
use utoipa::openapi::{
    HttpMethod, Object, Paths, RefOr, Required, Response, Type,
    path::{Operation, Parameter, ParameterBuilder, ParameterIn},
};

/// The rows of a table that an operation can be answered by: fallbacks are no routes.
pub(super) struct Routes<'t> {
    rows: Vec<&'t Row>,
}

impl<'t> Routes<'t> {
    pub(super) fn of(table: &'t RouteTable) -> Self {
        let is_route = |row: &&Row| !matches!(row.method(), "FALLBACK" | "405");
        Self { rows: table.rows().iter().filter(is_route).collect() }
    }

    /// The row of the route that axum would take: by its path first, then by its method.
    pub(super) fn find(&self, path: &str, method: &str) -> Option<&'t Row> {
        let at = self.at(path);
        let of = |wanted: &str| at.iter().find(|row| row.method() == wanted);
        // `GET` answers `HEAD`, too, unless that has a route of its own.
        let row = of(method).or_else(|| of("GET").filter(|_| method == "HEAD")).or_else(|| of("ANY"));
        row.copied()
    }

    fn at(&self, path: &str) -> Vec<&'t Row> {
        let fitting = self.rows.iter().filter_map(|row| Some((fit(path, row.path())?, row.path())));
        let best = fitting.min().map(|(_, path)| path);
        self.rows.iter().filter(|row| Some(row.path()) == best).copied().collect()
    }

    /// The rows that operations are answered by, once for each.
    pub(super) fn described(&self, paths: &Paths) -> impl Iterator<Item = &'t Row> {
        paths.paths.iter().flat_map(|(path, item)| {
            let methods = operations::methods(item).into_iter();
            methods.filter_map(|method| self.find(path, &method))
        })
    }

    /// The rows that no operation is answered by.
    pub(super) fn missing(&self, paths: &Paths) -> Vec<&'t Row> {
        let described: Vec<_> = self.described(paths).collect();
        let is_missing = |row: &&Row| !described.iter().any(|known| std::ptr::eq(*known, *row));
        self.rows.iter().copied().filter(is_missing).collect()
    }

    pub(super) fn add_missing(&self, paths: &mut Paths) {
        for row in self.missing(paths) {
            let Some(method) = fixed_method(row.method()) else { continue };
            let path = row.path().replace("{*", "{");
            // Two paths that differ in the names of parameters are the same one (OpenAPI 3.1 section 4.8.8.1).
            let known = paths.paths.keys().find(|known| is_same(known, &path)).cloned();
            let path = known.unwrap_or(path);
            let operation = bare(&path);
            paths.add_path_operation(path, vec![method], operation);
        }
    }
}

/// How a route's segment takes one of a path, as axum prefers them.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Taken {
    AsItIs,
    /// By a parameter.
    Named,
    /// By a parameter that takes the rest.
    Rest,
    /// By what is nested there, which takes its prefix as well.
    Nested,
}

/// How a route takes a path of a document, segment by segment; the smallest is the one that axum takes.
fn fit(path: &str, route: &str) -> Option<Vec<Taken>> {
    let mut segments = path.split('/');
    let mut taken = Vec::new();
    for wanted in route.split('/') {
        if wanted == "*" {
            taken.push(Taken::Nested);
            return Some(taken);
        }
        // OpenAPI has no sign for a parameter that takes the rest: it is written as any other.
        let segment = segments.next()?;
        if wanted.starts_with("{*") {
            taken.push(Taken::Rest);
            return (!segment.is_empty()).then_some(taken);
        }
        if segment == wanted || is_parameter(segment) && is_parameter(wanted) {
            taken.push(Taken::AsItIs);
        } else if is_parameter(wanted) && !segment.is_empty() {
            taken.push(Taken::Named);
        } else {
            return None;
        }
    }
    segments.next().is_none().then_some(taken)
}

/// Two braces are axum's way to write one that is nothing but a brace.
fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{') && !segment.starts_with("{{") && segment.ends_with('}')
}

fn is_same(path: &str, other: &str) -> bool {
    fit(path, other).is_some_and(|taken| taken.iter().all(|taken| *taken == Taken::AsItIs))
}

/// The parameters in a path, each once.
fn parameters(path: &str) -> impl Iterator<Item = Parameter> {
    let names = path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
    names.map(|name| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .schema(Some(Object::with_type(Type::String)))
            .build()
    })
}

/// What can be said of a route that nobody described. OpenAPI wants one response at least.
fn bare(path: &str) -> Operation {
    let mut operation = Operation::new();
    let parameters: Vec<_> = parameters(path).map(RefOr::T).collect();
    operation.parameters = Some(parameters).filter(|parameters| !parameters.is_empty());
    let response = RefOr::T(Response::new("Not described."));
    operation.responses.responses.insert("default".to_owned(), response);
    operation
}

fn fixed_method(name: &str) -> Option<HttpMethod> {
    Some(match name {
        "GET" => HttpMethod::Get,
        "HEAD" => HttpMethod::Head,
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        "OPTIONS" => HttpMethod::Options,
        "TRACE" => HttpMethod::Trace,
        _ => return None,
    })
}
