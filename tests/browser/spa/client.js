// Calls an API of another origin, as any single-page client does.
//
// What the API's CORS headers do not permit, the browser keeps to itself: an answer without
// `Access-Control-Allow-Origin` and a preflight that was refused are both a bare TypeError, and a header that is not in
// `Access-Control-Expose-Headers` is null.
export async function call(address, { method = 'GET', token } = {}) {
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  let response;
  try {
    response = await fetch(address, { method, headers });
  } catch (error) {
    return { error: error.name };
  }
  return {
    status: response.status,
    challenge: response.headers.get('www-authenticate'),
    retryAfter: response.headers.get('retry-after'),
    body: await response.text(),
  };
}
