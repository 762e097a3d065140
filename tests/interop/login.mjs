// node's `oidc-provider` with a page where people log in, by a password or by a password and a one-time code. Which of
// the two, and when, its access tokens say (`acr`, `auth_time`: RFC 9068 section 2.2.1). Loopback only.
//
//   GET  /interaction/:uid   the form; it asks for a code where the client asked for that login (RFC 9470 section 4)
//   POST /interaction/:uid   the answer to it; `ago`, in seconds, dates the login back
import { exportJWK, generateKeyPair } from 'jose';
import { AUDIENCE, announce, endWithParent, listen } from './control.mjs';

// It says that all this is not fit for production. It is not meant to be.
console.info = console.warn = () => {};
const { Provider, interactionPolicy } = await import('oidc-provider');

endWithParent();
const PASSWORD = 'correct horse battery staple';
const CODE = '492816';
const BY_PASSWORD = 'urn:acr:pwd';
const BY_BOTH = 'urn:acr:2fa';
const CLIENT = { client_id: 'spa', redirect_uris: ['https://app.example.com/callback'] };

const { privateKey } = await generateKeyPair('ES256', { extractable: true });
const key = { ...(await exportJWK(privateKey)), alg: 'ES256', use: 'sig', kid: 'signs' };

// As it comes, the provider takes `acr_values` for a wish. Here it sends people back to the form until it is met.
const { Check, base } = interactionPolicy;
const policy = base();
policy.get('login').checks.add(
  new Check('acr_values', 'the login is not the one that was asked for', ({ oidc }) => {
    const wanted = oidc.params.acr_values?.split(' ');
    return wanted !== undefined && !wanted.includes(oidc.acr);
  }),
);

let provider;
const server = await listen((request, response) =>
  request.url.startsWith('/interaction/') ? interaction(request, response) : provider.callback()(request, response),
);
const issuer = `http://127.0.0.1:${server.address().port}`;

provider = new Provider(issuer, {
  clients: [{ ...CLIENT, token_endpoint_auth_method: 'none', id_token_signed_response_alg: 'ES256' }],
  jwks: { keys: [key] },
  cookies: { keys: ['signs cookies'] },
  scopes: ['openid'],
  acrValues: [BY_PASSWORD, BY_BOTH],
  interactions: { policy, url: (_context, { uid }) => `/interaction/${uid}` },
  findAccount: (_context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  // Nobody is asked for consent: that is another story.
  loadExistingGrant: async ({ oidc }) => {
    const grant = new oidc.provider.Grant({ accountId: oidc.session.accountId, clientId: oidc.client.clientId });
    grant.addOIDCScope('openid');
    grant.addResourceScope(AUDIENCE, 'read transfer');
    await grant.save();
    return grant;
  },
  extraTokenClaims: ({ oidc }) => {
    const { acr, authTime } = oidc.entities.AuthorizationCode;
    return { acr, auth_time: authTime };
  },
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => AUDIENCE,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'read transfer',
        audience: AUDIENCE,
        accessTokenTTL: 3600,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});

async function interaction(request, response) {
  const { uid, params } = await provider.interactionDetails(request, response);
  const asksForCode = params.acr_values?.split(' ').includes(BY_BOTH) ?? false;
  const form = `<form method="post" action="/interaction/${uid}"><input name="login"><input name="password">${
    asksForCode ? '<input name="code">' : ''
  }</form>`;
  response.setHeader('content-type', 'text/html');
  if (request.method !== 'POST') return response.end(form);

  const fields = new URLSearchParams(await bodyOf(request));
  const isRight = fields.get('password') === PASSWORD && (!asksForCode || fields.get('code') === CODE);
  if (!isRight) {
    response.statusCode = 403;
    return response.end(form);
  }
  const login = {
    accountId: fields.get('login'),
    acr: asksForCode ? BY_BOTH : BY_PASSWORD,
    amr: asksForCode ? ['pwd', 'otp'] : ['pwd'],
    ts: Math.floor(Date.now() / 1000) - Number(fields.get('ago')),
  };
  return provider.interactionFinished(request, response, { login });
}

async function bodyOf(request) {
  let body = '';
  for await (const chunk of request.setEncoding('utf8')) body += chunk;
  return body;
}

announce({
  issuer,
  audience: AUDIENCE,
  client_id: CLIENT.client_id,
  redirect_uri: CLIENT.redirect_uris[0],
  password: PASSWORD,
  code: CODE,
});
