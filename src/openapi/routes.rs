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
        let shape = shape(path);
        let with = |is_it: &dyn Fn(&str) -> bool| -> Vec<&'t Row> {
            self.rows.iter().filter(|row| is_it(row.path())).copied().collect()
        };
        let mut at = with(&|other| other == path);
        if at.is_empty() {
            at = with(&|other| self::shape(other) == shape);
        }
        if at.is_empty() {
            // OpenAPI has no sign for a parameter that takes the rest of the path.
            at = with(&|other| self::shape(other).replace("{*}", "{}") == shape);
        }
        if at.is_empty() {
            let nearest = self.rows.iter().filter(|row| is_within(&shape, &self::shape(row.path())));
            at.extend(nearest.max_by_key(|row| row.path().len()));
        }
        at
    }

    /// The rows that no operation is answered by.
    pub(super) fn missing(&self, paths: &Paths) -> Vec<&'t Row> {
        let operations = paths.paths.iter().flat_map(|(path, item)| {
            let methods = operations::methods(item).into_iter();
            methods.filter_map(|method| self.find(path, &method))
        });
        let described: Vec<_> = operations.collect();
        let is_missing = |row: &&Row| !described.iter().any(|known| std::ptr::eq(*known, *row));
        self.rows.iter().copied().filter(is_missing).collect()
    }

    pub(super) fn add_missing(&self, paths: &mut Paths) {
        for row in self.missing(paths) {
            if let Some(method) = fixed_method(row.method()) {
                let path = row.path().replace("{*", "{");
                let operation = bare(&path);
                paths.add_path_operation(path, vec![method], operation);
            }
        }
    }
}

/// The path without the names of its parameters: `/orders/{}/{*}`.
fn shape(path: &str) -> String {
    let mut within = false;
    let mut shape = String::with_capacity(path.len());
    for c in path.chars() {
        if c == '}' {
            within = false;
        }
        if !within || c == '*' && shape.ends_with('{') {
            shape.push(c);
        }
        if c == '{' {
            within = true;
        }
    }
    shape
}

/// Whether a path is answered by what was nested at this one, which ends in `/*`.
fn is_within(path: &str, nested: &str) -> bool {
    let rest = nested.strip_suffix("/*").and_then(|prefix| path.strip_prefix(prefix));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
