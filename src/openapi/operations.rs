use utoipa::openapi::path::{Operation, PathItem};

/// Every operation of a path with its method.
pub(super) fn of_mut(item: &mut PathItem) -> impl Iterator<Item = (&str, &mut Operation)> {
    let fixed = [
        ("GET", &mut item.get),
        ("HEAD", &mut item.head),
        ("POST", &mut item.post),
        ("PUT", &mut item.put),
        ("PATCH", &mut item.patch),
        ("DELETE", &mut item.delete),
        ("OPTIONS", &mut item.options),
        ("TRACE", &mut item.trace),
        ("QUERY", &mut item.query),
    ];
    let fixed = fixed.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)));
    fixed.chain(item.additional_operations.iter_mut().map(|(method, operation)| (&**method, operation)))
}

/// The methods that have an operation.
pub(super) fn methods(item: &PathItem) -> Vec<String> {
    of_mut(&mut item.clone()).map(|(method, _)| method.to_owned()).collect()
}
