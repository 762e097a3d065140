// node's `oidc-provider`, an OpenID-certified authorization server, with switches for its keys. Loopback only.
//
//   POST /token                      client credentials; `resource` picks the algorithm
//   POST /_test/{publish,rotate,retire}   turns the keys over, see control.mjs; words may be joined by `+`
import {
  ALGORITHMS,
  AUDIENCE,
  CLIENT_SECRET,
  ELSEWHERE,
  KeyRing,
  announce,
  endWithParent,
  json,
  listen,
  turn,
} from './control.mjs';

// For each set of keys the provider says anew that all this is not fit for production. It is not meant to be.
console.info = console.warn = () => {};
const { Provider } = await import('oidc-provider');

endWithParent();
const resource = (alg) => `urn:signed-with:${alg}`;
const ring = await KeyRing.create();
let provider;

// Listening comes first: the issuer has to name the port.
const server = await listen(async (request, response) => {
  const path = request.url.split('?')[0];
  if (path.startsWith('/_test/') && request.method === 'POST') {
    return json(response, await turn(ring, path.slice('/_test/'.length).split('+'), renew));
  }
  return provider.callback()(request, response);
});
const issuer = `http://127.0.0.1:${server.address().port}`;

// A provider reads its keys once, so new keys are a new provider; the swap is one assignment. Nothing is lost by
// it: client credentials leave no session, and its adapter is shared by the process.
function renew() {
  provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'svc',
        client_secret: CLIENT_SECRET,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        scope: 'read write',
      },
    ],
    jwks: { keys: ring.keys },
    scopes: ['openid', 'read', 'write'],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => resource('ES256'),
        getResourceServerInfo: (_context, indicator) => ({
          scope: 'read write',
          audience: indicator === ELSEWHERE ? ELSEWHERE : AUDIENCE,
          accessTokenTTL: 300,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: ALGORITHMS.find((alg) => resource(alg) === indicator) ?? 'ES256' } },
        }),
      },
    },
  });
}
renew();

announce({
  issuer,
  audience: AUDIENCE,
  control: `${issuer}/_test`,
  token_endpoint: `${issuer}/token`,
  clients: Object.fromEntries(
    ALGORITHMS.map((alg) => [alg, { id: 'svc', secret: CLIENT_SECRET, form: { resource: resource(alg) } }]),
  ),
  // Its token is for somebody else.
  elsewhere: { id: 'svc', secret: CLIENT_SECRET, form: { resource: ELSEWHERE } },
});
