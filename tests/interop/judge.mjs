// Mints the tokens that `jose` and tower-bearer both judge, has `jose` judge them, and writes one JSON document:
//
//   {"issuer", "audience", "now", "sets": {"<name>": <JWKS>, …},
//    "cases": [{"name", "defect", "set", "token", "jose": {"ok", "code"}}, …]}
//
// `defect` is a row of verdicts.tsv, `name` one case of it; both stay the same from run to run. Keys and tokens are
// made afresh each time. What is well-formed is signed by `jose`, what is not by node's crypto, by hand.
import * as crypto from 'node:crypto';
import {
  CompactEncrypt,
  FlattenedSign,
  GeneralSign,
  SignJWT,
  UnsecuredJWT,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  jwtVerify,
} from 'jose';

const ISSUER = 'https://id.example.com/realms/acme';
const AUDIENCE = 'https://api.example.com';
const NOW = 1_800_000_000;
const LEEWAY = 60;

const RSA = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const EC = ['ES256', 'ES384', 'ES512'];
const ALL = [...RSA, ...EC, 'EdDSA'];
// One algorithm of each family: enough where a defect lies outside the signature.
const FEW = ['RS256', 'PS384', 'ES256', 'ES512', 'EdDSA'];
const ONE = ['ES256'];
const HMAC = ['HS256', 'HS384', 'HS512'];
const CURVES = {
  ES256: { crv: 'P-256', bytes: 32, n: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n },
  ES384: {
    crv: 'P-384',
    bytes: 48,
    n: BigInt(`0x${'f'.repeat(48)}c7634d81f4372ddf581a0db248b0a77aecec196accc52973`),
  },
  ES512: {
    crv: 'P-521',
    bytes: 66,
    n: BigInt(`0x1${'f'.repeat(65)}a51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409`),
  },
};
const ED25519_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

// ---------------------------------------------------------------------------------------------- bytes and text

const b64 = (bytes) => Buffer.from(bytes).toString('base64url');
const unb64 = (text) => Buffer.from(text, 'base64url');
const sha = (alg) => `sha${alg.endsWith('A') ? 512 : alg.slice(-3)}`;
const toInt = (bytes) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
const fromInt = (value, length) => Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex');
const fromLittle = (bytes) => toInt(Buffer.from(bytes).reverse());
const toLittle = (value, length) => fromInt(value, length).reverse();
const text = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
const parts = (token) => token.split('.');

// JSON may end in spaces: they bring a segment to a length that leaves `rest` bytes beyond a multiple of three.
const withRest = (json, rest) => json + ' '.repeat((rest + 3 - (Buffer.byteLength(json) % 3)) % 3);

function powMod(base, exponent, modulus) {
  let result = 1n;
  for (base %= modulus; exponent > 0n; exponent >>= 1n, base = (base * base) % modulus) {
    if (exponent & 1n) result = (result * base) % modulus;
  }
  return result;
}

// ---------------------------------------------------------------------------------------------- keys

async function newKey(alg, kid, options = {}) {
  const pair = await generateKeyPair(alg, { extractable: true, ...options });
  return asKey(await exportJWK(pair.privateKey), { alg, use: 'sig', kid });
}

// `jwk` is what is published, `key` what signs.
function asKey(privateJwk, extra) {
  const { d, p, q, dp, dq, qi, ...jwk } = privateJwk;
  return { jwk: { ...jwk, ...extra }, privateJwk, key: crypto.createPrivateKey({ key: privateJwk, format: 'jwk' }) };
}

const fromNode = (type, options, extra) =>
  asKey(crypto.generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), extra);

const main = Object.fromEntries(
  await Promise.all(ALL.map(async (alg) => [alg, await newKey(alg, alg.toLowerCase())])),
);
const stranger = Object.fromEntries(
  await Promise.all(ALL.map(async (alg) => [alg, await newKey(alg, `stranger-${alg.toLowerCase()}`)])),
);

// ---------------------------------------------------------------------------------------------- tokens

const claimsOf = (changes = {}) => ({
  iss: ISSUER,
  sub: 'alice',
  aud: AUDIENCE,
  client_id: 'svc',
  iat: NOW - 10,
  exp: NOW + 300,
  jti: crypto.randomUUID(),
  scope: 'orders:read',
  ...changes,
});
const headerOf = (alg, changes = {}) => ({ alg, typ: 'at+jwt', kid: main[alg]?.jwk.kid, ...changes });

// A well-formed token, by jose. `undefined` leaves a member out.
const minted = (alg, claims = {}, header = {}, { key } = main[alg]) =>
  new SignJWT(claimsOf(claims)).setProtectedHeader(headerOf(alg, header)).sign(key);

function signature(alg, key, input) {
  if (alg.startsWith('RS')) return crypto.sign(sha(alg), input, key);
  if (alg.startsWith('PS')) return crypto.sign(sha(alg), input, pss(key, Number(alg.slice(2)) / 8));
  if (alg.startsWith('ES')) return crypto.sign(sha(alg), input, { key, dsaEncoding: 'ieee-p1363' });
  return crypto.sign(null, input, key);
}
const pss = (key, saltLength) => ({ key, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength });
const hmac = (alg, secret, input) => crypto.createHmac(sha(alg), secret).update(input).digest();

// Signs two segments as they stand, whatever they hold.
const signed = (alg, header, payload, { key } = main[alg]) =>
  `${header}.${payload}.${b64(signature(alg, key, Buffer.from(`${header}.${payload}`)))}`;

// A token by hand: header and payload may be any text, or bytes.
function raw(alg, { header = headerOf(alg), payload = claimsOf(), by = main[alg] } = {}) {
  const segment = (part) => b64(Buffer.isBuffer(part) ? part : text(part));
  return signed(alg, segment(header), segment(payload), by);
}
const rawHeader = (alg, change) => raw(alg, { header: change(text(headerOf(alg))) });
const rawPayload = (alg, change, claims) => raw(alg, { payload: change(text(claimsOf(claims))) });
// Text put before the last brace of a JSON object.
const append = (members) => (json) => `${json.slice(0, -1)},${members}}`;
const prepend = (members) => (json) => `{${members},${json.slice(1)}`;

async function resigned(alg, change, accept = () => true) {
  for (let attempt = 0; attempt < 20_000; attempt++) {
    const [header, payload, mac] = parts(raw(alg));
    if (accept(unb64(mac), mac)) return `${header}.${payload}.${change(unb64(mac), mac, `${header}.${payload}`)}`;
  }
  throw new Error(`no signature by ${alg} was fit for the case`);
}

function hmacToken(alg, secret, kid) {
  const input = `${b64(text({ alg, typ: 'at+jwt', kid }))}.${b64(text(claimsOf()))}`;
  return `${input}.${b64(hmac(alg, secret, input))}`;
}

// ---------------------------------------------------------------------------------------------- the cases

const sets = { main: { keys: Object.values(main).map(({ jwk }) => jwk) } };
const cases = [];

// `variants` is a list of names, or names with values; `make` gets both. Every case of a defect gets one verdict.
async function defect(name, variants, make, set = 'main') {
  const entries = Array.isArray(variants) ? variants.map((variant) => [variant, variant]) : Object.entries(variants);
  for (const [variant, value] of entries) {
    cases.push({ name: `${name} [${variant}]`, defect: name, set, token: await make(value, variant) });
  }
}
// Values of one claim or header member, in tokens of a few algorithms in turn.
const claim = (name, member, values) =>
  defect(name, values, (value) => minted(turn(), { [member]: value }));
const header = (name, member, values) =>
  defect(name, values, (value) => minted(turn(), {}, { [member]: value }));
// A member written as JSON text, for what no JavaScript value would print.
const claimText = (name, member, values) =>
  defect(name, values, (value) => rawPayload(turn(), append(`"${member}":${value}`), { [member]: undefined }));
let turns = 0;
const turn = () => FEW[turns++ % FEW.length];

// ---- sound tokens

await defect('sound', ALL, (alg) => minted(alg));
await defect('sound: by hand', ALL, (alg) => raw(alg));
await defect('sound: no kid', ALL, (alg) => minted(alg, {}, { kid: undefined }));
await header('sound: typ', 'typ', {
  absent: undefined,
  JWT: 'JWT',
  jwt: 'jwt',
  'at+jwt': 'at+jwt',
  'AT+JWT': 'AT+JWT',
  'application/at+jwt': 'application/at+jwt',
  'Application/AT+JWT': 'Application/AT+JWT',
  'application/jwt': 'application/jwt',
});
await defect('sound: aud an array with ours', ALL, (alg) => minted(alg, { aud: ['https://other.example.com', AUDIENCE] }));
await claim('sound: aud an array', 'aud', {
  'ours alone': [AUDIENCE],
  'ours first': [AUDIENCE, 'account'],
  'ours twice': [AUDIENCE, AUDIENCE],
  'ours among forty': [...Array(40).keys(), AUDIENCE].map(String),
});
await claimText('sound: exp', 'exp', {
  'a fraction': `${NOW + 300}.5`,
  'a fraction of microseconds': `${NOW + 300}.000001`,
  'with an exponent': `${(NOW + 300) / 100}e2`,
  'with a capital exponent': `${(NOW + 300) / 1e9}E+9`,
  'in the year 2200': '7258118400',
  'just inside the leeway': `${NOW - LEEWAY + 1}`,
  'half a second inside the leeway': `${NOW - LEEWAY}.5`,
});
await claimText('sound: nbf', 'nbf', {
  now: `${NOW}`,
  zero: '0',
  'an hour ago': `${NOW - 3600}`,
  'a fraction': `${NOW - 10}.25`,
  'at the edge of the leeway': `${NOW + LEEWAY}`,
});
await claimText('sound: iat', 'iat', {
  zero: '0',
  now: `${NOW}`,
  'a fraction': `${NOW - 10}.75`,
  'a year ago': `${NOW - 31_536_000}`,
  'at the edge of the leeway': `${NOW + LEEWAY}`,
});
await claim('sound: an optional claim is absent', 'iat', { iat: undefined });
for (const member of ['sub', 'client_id', 'jti', 'scope']) {
  await claim('sound: an optional claim is absent', member, { [member]: undefined });
}
await defect('sound: other claims', {
  null: { extra: null },
  nested: { realm_access: { roles: ['clerk', 'reader'] }, resource_access: { orders: { roles: ['clerk'] } } },
  unicode: { name: 'Zoë 陳 🦀', 'ключ': 'значение' },
  'eighty of them': Object.fromEntries([...Array(80).keys()].map((i) => [`claim-${i}`, i])),
  'twelve kilobytes': undefined,
  'at access token of Keycloak': { typ: 'Bearer', azp: 'orders', acr: '1', 'allowed-origins': ['*'] },
  'an access token of Cognito': { token_use: 'access', username: 'alice' },
  'an empty object': { address: {} },
}, (value) => minted(turn(), value ?? { note: 'x'.repeat(9_000) }));
await defect('sound: white space in the JSON', ALL.slice(0, 8), (alg) =>
  raw(alg, { header: JSON.stringify(headerOf(alg), null, 2), payload: JSON.stringify(claimsOf(), null, '\t') }));
await defect('sound: JSON escapes', {
  'in alg': (alg) => rawHeader(alg, (json) => json.replace(`"${alg}"`, `"\\u00${alg.charCodeAt(0).toString(16)}${alg.slice(1)}"`)),
  'in iss': (alg) => rawPayload(alg, (json) => json.replaceAll('/', '\\/')),
  'in the name of a claim': (alg) => rawPayload(alg, (json) => json.replace('"exp"', '"\\u0065xp"')),
  'in kid': (alg) => rawHeader(alg, (json) => json.replace(`"kid":"${alg[0].toLowerCase()}`, `"kid":"\\u00${alg[0].toLowerCase().charCodeAt(0).toString(16)}`)),
  'a pair of surrogates': (alg) => rawPayload(alg, append('"crab":"\\ud83e\\udd80"')),
}, (make) => make(turn()));
await defect('sound: members nobody knows in the header', {
  x5t: { x5t: 'dGhlIHRodW1icHJpbnQgb2YgYSBjZXJ0' },
  'a private one': { 'https://id.example.com/hint': { a: [1, 2, 3] } },
  cty: { cty: 'json' },
}, (value) => minted(turn(), {}, value));
await defect('sound: the address of a key that nobody follows', {
  jku: { jku: 'https://attacker.example.com/jwks' },
  x5u: { x5u: 'https://attacker.example.com/cert' },
  x5c: { x5c: ['MIIB'] },
  jwk: { jwk: stranger.ES256.jwk },
}, (value) => minted(turn(), {}, value));
await defect('sound: __proto__ among the members', {
  header: (alg) => rawHeader(alg, append('"__proto__":{"alg":"none"}')),
  payload: (alg) => rawPayload(alg, append('"__proto__":{"exp":0}')),
}, (make) => make(turn()));
await defect('sound: a duplicate inside a nested object', ['ES256', 'RS256'], (alg) =>
  rawPayload(alg, append('"address":{"city":"Bern","city":"Bonn"}')));
await defect('sound: ECDSA with the other s', EC, (alg) => {
  const { bytes, n } = CURVES[alg];
  return resigned(alg, (mac) => b64(Buffer.concat([mac.subarray(0, bytes), fromInt(n - toInt(mac.subarray(bytes)), bytes)])));
});
await defect('sound: sixteen kilobytes', { 'at the limit': 16_384 }, (length) => ofLength(length));
await defect('sound: nested twenty deep', ['RS256', 'EdDSA'], (alg) => rawPayload(alg, append(`"deep":${nest(20)}`)));

// ---- time

await defect('exp: an hour ago', ALL, (alg) => minted(alg, { exp: NOW - 3600 }));
await claimText('exp: in the past', 'exp', {
  zero: '0',
  'minus one': '-1',
  'minus zero': '-0',
  'long ago': '-9007199254740991',
  'at the edge of the leeway': `${NOW - LEEWAY}`,
  'half a second beyond the leeway': `${NOW - LEEWAY - 1}.5`,
});
await defect('exp: absent', ALL, (alg) => minted(alg, { exp: undefined }));
await claimText('exp: not a number', 'exp', {
  'a string': `"${NOW + 300}"`,
  'a string of a date': '"2099-01-01T00:00:00Z"',
  null: 'null',
  true: 'true',
  'an array': `[${NOW + 300}]`,
  'an object': `{"at":${NOW + 300}}`,
});
await claimText('exp: beyond 2^53', 'exp', {
  'by two': '9007199254740994',
  '2^63': '9223372036854775808',
  '2^64': '18446744073709551616',
  '1e300': '1e300',
  'milliseconds of milliseconds': `${NOW}000000000`,
});
await claimText('exp: infinite', 'exp', { '1e400': '1e400' });
await claimText('exp: no JSON', 'exp', {
  NaN: 'NaN',
  Infinity: 'Infinity',
  hexadecimal: '0x7fffffff',
  'a leading zero': `0${NOW + 300}`,
  'a plus sign': `+${NOW + 300}`,
  'a trailing point': `${NOW + 300}.`,
  underscores: '1_800_000_300',
});
await defect('nbf: in an hour', ALL, (alg) => minted(alg, { nbf: NOW + 3600 }));
await claimText('nbf: in the future', 'nbf', {
  'a second beyond the leeway': `${NOW + LEEWAY + 1}`,
  'half a second beyond the leeway': `${NOW + LEEWAY}.5`,
  'the year 2200': '7258118400',
});
await claimText('nbf: beyond 2^53 in the future', 'nbf', { '2^63': '9223372036854775808', '1e300': '1e300' });
await claimText('nbf: beyond 2^53 in the past', 'nbf', { '-2^63': '-9223372036854775808', '-1e300': '-1e300' });
await claimText('nbf: not a number', 'nbf', {
  'a string': `"${NOW - 10}"`,
  null: 'null',
  false: 'false',
  'an array': `[${NOW - 10}]`,
});
await defect('iat: in an hour', FEW, (alg) => minted(alg, { iat: NOW + 3600 }));
await claimText('iat: in the future', 'iat', {
  'a second beyond the leeway': `${NOW + LEEWAY + 1}`,
  'half a second beyond the leeway': `${NOW + LEEWAY}.5`,
});
await claimText('iat: beyond 2^53', 'iat', { '2^63': '9223372036854775808', '-2^63': '-9223372036854775808', '-1e300': '-1e300' });
await claimText('iat: not a number', 'iat', { 'a string': `"${NOW - 10}"`, null: 'null', true: 'true', 'an object': '{}' });

// ---- audience and issuer

await defect('aud: absent', ALL, (alg) => minted(alg, { aud: undefined }));
await defect('aud: somebody else', ALL, (alg) => minted(alg, { aud: 'https://other.example.com' }));
await claim('aud: nearly ours', 'aud', {
  'a prefix of ours': AUDIENCE.slice(0, -1),
  'ours with a slash': `${AUDIENCE}/`,
  'ours with a path': `${AUDIENCE}/v1`,
  'ours with a space': `${AUDIENCE} `,
  'in capitals': AUDIENCE.toUpperCase(),
  'two in one string': `https://other.example.com ${AUDIENCE}`,
  'a list in a string': JSON.stringify([AUDIENCE]),
  empty: '',
  wildcard: '*',
});
await claim('aud: an array without ours', 'aud', {
  others: ['account', 'https://other.example.com'],
  empty: [],
  'nearly ours': [`${AUDIENCE}/`, AUDIENCE.slice(0, -1)],
  'ours an array deeper': [[AUDIENCE]],
  'numbers alone': [1, 2, 3],
});
await claim('aud: an array with ours and no string', 'aud', {
  number: [1, AUDIENCE],
  null: [null, AUDIENCE],
  object: [AUDIENCE, {}],
});
await claim('aud: neither string nor array', 'aud', { null: null, number: 7, true: true, object: { [AUDIENCE]: true } });
await defect('iss: absent', ALL, (alg) => minted(alg, { iss: undefined }));
await defect('iss: somebody else', ALL, (alg) => minted(alg, { iss: 'https://attacker.example.com' }));
await claim('iss: nearly ours', 'iss', {
  'a prefix of ours': ISSUER.slice(0, -1),
  'the host alone': new URL(ISSUER).origin,
  'ours with a slash': `${ISSUER}/`,
  'ours with more behind': `${ISSUER}.attacker.example.com`,
  'ours with a fragment': `${ISSUER}#`,
  'ours as user information': `https://id.example.com@attacker.example.com/realms/acme`,
  'the host in capitals': ISSUER.replace('id.example.com', 'ID.EXAMPLE.COM'),
  'another realm': ISSUER.replace('acme', 'other'),
  http: ISSUER.replace('https', 'http'),
  'a port': ISSUER.replace('.com', '.com:443'),
  'a space before': ` ${ISSUER}`,
  'a space behind': `${ISSUER} `,
  'percent-encoded': ISSUER.replace('acme', '%61cme'),
  'a letter of another alphabet': ISSUER.replace('acme', '\u0430cme'),
  empty: '',
});
await claim('iss: no string', 'iss', {
  'an array with ours': [ISSUER],
  'an array with ours and another': ['https://attacker.example.com', ISSUER],
  null: null,
  number: 7,
  true: true,
  object: { [ISSUER]: ISSUER },
});
await defect('iss: another issuer, its own key', FEW, (alg) =>
  minted(alg, { iss: 'https://id.example.com/realms/other' }, { kid: stranger[alg].jwk.kid }, stranger[alg]));

// ---- algorithm

await defect('alg: none', {
  none: { alg: 'none' },
  None: { alg: 'None' },
  NONE: { alg: 'NONE' },
  nOnE: { alg: 'nOnE' },
  'none, without kid and typ': { alg: 'none', kid: undefined, typ: undefined },
}, (change) => `${b64(text(headerOf('RS256', change)))}.${b64(text(claimsOf()))}.`);
await defect('alg: none, by jose', ['unsecured'], () =>
  new UnsecuredJWT(claimsOf()).encode());
await defect('alg: none, and yet a signature', FEW, (alg) => raw(alg, { header: headerOf(alg, { alg: 'none' }) }));
await defect('alg: absent or no string', {
  absent: undefined,
  empty: '',
  null: null,
  number: 256,
  array: ['ES256'],
  object: { name: 'ES256' },
  true: true,
}, (value) => raw('ES256', { header: headerOf('ES256', { alg: value }) }));
await defect('alg: in the wrong case', ALL, (alg) =>
  raw(alg, { header: headerOf(alg, { alg: alg === alg.toLowerCase() ? alg.toUpperCase() : alg.toLowerCase() }) }));
await defect('alg: unknown to a resource server', [
  'RS1', 'ES256K', 'Ed448', 'ESB256', 'RSA-OAEP', 'RSA1_5', 'dir', 'A128KW', 'ECDH-ES', 'HS1', 'SHA256', 'ES256 ', '0',
  'ML-DSA-44', 'toString', '__proto__', 'constructor',
], (alg) => raw('ES256', { header: headerOf('ES256', { alg }) }));
await defect('alg: ES256K', ['secp256k1'], () => {
  const key = crypto.generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey;
  return raw('ES256', { header: headerOf('ES256', { alg: 'ES256K' }), by: { key } });
});
await defect('alg: HMAC with a secret of the attacker', HMAC, (alg) => hmacToken(alg, 'secret', 'rs256'));
await defect('alg: HMAC with an empty secret', HMAC, (alg) => hmacToken(alg, '', 'rs256'));
await defect('alg: HMAC without a kid', HMAC, (alg) => hmacToken(alg, 'secret', undefined));
for (const owner of ['RS256', 'ES256', 'EdDSA']) {
  const key = crypto.createPublicKey(main[owner].key);
  const { jwk } = main[owner];
  const pem = key.export({ type: 'spki', format: 'pem' });
  await defect(`alg: HMAC with our public key as its secret`, Object.fromEntries(Object.entries({
    PEM: pem,
    'PEM without the last line end': pem.trimEnd(),
    DER: key.export({ type: 'spki', format: 'der' }),
    JWK: JSON.stringify(jwk),
    numbers: unb64(jwk.n ?? jwk.x),
  }).map(([form, secret]) => [`${owner} ${form}`, secret])), (secret, variant) =>
    hmacToken(HMAC[variant.length % 3], secret, jwk.kid));
}
// The header names one algorithm, the signature is by another, with the key that the header names.
await defect('alg: swapped, the key is bound to another', {
  'RS256 says PS256': ['RS256', 'PS256'],
  'RS256 says RS384': ['RS256', 'RS384'],
  'RS512 says RS256': ['RS512', 'RS256'],
  'PS256 says RS256': ['PS256', 'RS256'],
  'PS384 says PS512': ['PS384', 'PS512'],
  'PS512 says PS256': ['PS512', 'PS256'],
  'ES256 says ES384': ['ES256', 'ES384'],
  'ES384 says ES512': ['ES384', 'ES512'],
  'ES512 says ES256': ['ES512', 'ES256'],
  'ES256 says RS256': ['ES256', 'RS256'],
  'RS256 says ES256': ['RS256', 'ES256'],
  'EdDSA says ES256': ['EdDSA', 'ES256'],
  'ES256 says EdDSA': ['ES256', 'EdDSA'],
  'RS256 says EdDSA': ['RS256', 'EdDSA'],
}, ([by, says]) => raw(by, { header: headerOf(by, { alg: says }) }));
await defect('alg: swapped together with its key', {
  'RS256 says PS256': ['RS256', 'PS256'],
  'PS256 says RS256': ['PS256', 'RS256'],
  'ES256 says ES384': ['ES256', 'ES384'],
  'ES384 says ES256': ['ES384', 'ES256'],
  'ES256 says EdDSA': ['ES256', 'EdDSA'],
  'RS384 says ES512': ['RS384', 'ES512'],
}, ([by, says]) => raw(by, { header: headerOf(says) }));

// ---- signature

await defect('signature: by a stranger under our kid', ALL, (alg) => minted(alg, {}, {}, stranger[alg]));
await defect('signature: cut short by a byte', ALL, (alg) => resigned(alg, (mac) => b64(mac.subarray(0, -1))));
await defect('signature: half of it', ALL, (alg) => resigned(alg, (mac) => b64(mac.subarray(0, mac.length / 2))));
await defect('signature: a byte too long', ALL, (alg) => resigned(alg, (mac) => b64(Buffer.concat([mac, Buffer.of(0)]))));
await defect('signature: a zero before it', ALL, (alg) => resigned(alg, (mac) => b64(Buffer.concat([Buffer.of(0), mac]))));
await defect('signature: first bit turned', ALL, (alg) => resigned(alg, (mac) => b64(turnBit(mac, 0, 0x80))));
await defect('signature: a bit in the middle turned', ALL, (alg) => resigned(alg, (mac) => b64(turnBit(mac, mac.length >> 1, 0x10))));
await defect('signature: last bit turned', ALL, (alg) => resigned(alg, (mac) => b64(turnBit(mac, mac.length - 1, 0x01))));
await defect('signature: empty', ALL, (alg) => resigned(alg, () => ''));
await defect('signature: zeros', ALL, (alg) => resigned(alg, (mac) => b64(Buffer.alloc(mac.length))));
await defect('signature: ones', ALL, (alg) => resigned(alg, (mac) => b64(Buffer.alloc(mac.length, 0xff))));
await defect('signature: of another token', ALL, (alg) => resigned(alg, () => parts(raw(alg))[2]));
await defect('signature: of the payload alone', ALL, (alg) =>
  resigned(alg, (_mac, _text, input) => b64(signature(alg, main[alg].key, Buffer.from(parts(input)[1])))));
await defect('signature: of the decoded parts', FEW, (alg) =>
  resigned(alg, (_mac, _text, input) =>
    b64(signature(alg, main[alg].key, Buffer.concat(parts(input).map((part) => unb64(part)))))));
await defect('signature: a claim changed after it', ALL, (alg) => {
  const [head, , mac] = parts(raw(alg));
  return `${head}.${b64(text(claimsOf({ sub: 'mallory' })))}.${mac}`;
});
await defect('signature: the header changed after it', ALL, (alg) => {
  const [, payload, mac] = parts(raw(alg));
  return `${b64(text(headerOf(alg, { typ: 'JWT' })))}.${payload}.${mac}`;
});
await defect('signature: ECDSA in DER', EC, (alg) =>
  resigned(alg, (_mac, _text, input) => b64(crypto.sign(sha(alg), Buffer.from(input), main[alg].key))));
await defect('signature: ECDSA with r and s swapped', EC, (alg) => {
  const { bytes } = CURVES[alg];
  return resigned(alg, (mac) => b64(Buffer.concat([mac.subarray(bytes), mac.subarray(0, bytes)])));
});
for (const alg of EC) {
  const { bytes, n } = CURVES[alg];
  const pair = (r, s) => b64(Buffer.concat([fromInt(r, bytes), fromInt(s, bytes)]));
  await defect('signature: ECDSA out of range', {
    [`${alg} r = 0`]: (r, s) => pair(0n, s),
    [`${alg} s = 0`]: (r, s) => pair(r, 0n),
    [`${alg} r = n`]: (r, s) => pair(n, s),
    [`${alg} s = n`]: (r, s) => pair(r, n),
    [`${alg} r = s = n`]: () => pair(n, n),
    [`${alg} r = s = 1`]: () => pair(1n, 1n),
  }, (change) => resigned(alg, (mac) => change(toInt(mac.subarray(0, bytes)), toInt(mac.subarray(bytes)))));
  await defect('signature: ECDSA halves padded to another width', [alg], () =>
    resigned(alg, (mac) => {
      const half = (part) => Buffer.concat([Buffer.alloc(4), part]);
      return b64(Buffer.concat([half(mac.subarray(0, bytes)), half(mac.subarray(bytes))]));
    }));
  await defect('signature: ECDSA over another hash', [alg], () =>
    resigned(alg, (_mac, _text, input) =>
      b64(crypto.sign('sha1', Buffer.from(input), { key: main[alg].key, dsaEncoding: 'ieee-p1363' }))));
}
await defect('signature: Ed25519 with s + L', ['EdDSA'], () =>
  resigned('EdDSA', (mac) => b64(Buffer.concat([mac.subarray(0, 32), toLittle(fromLittle(mac.subarray(32)) + ED25519_ORDER, 32)]))));
const withoutZero = (alg) => resigned(alg, (mac) => b64(mac.subarray(1)), (mac) => mac[0] === 0);
await defect('signature: PKCS#1 without its leading zero', RSA.slice(0, 3), withoutZero);
await defect('signature: PSS without its leading zero', RSA.slice(3), withoutZero);
await defect('signature: PSS with another salt', {
  'PS256 none': ['PS256', 0],
  'PS256 20 bytes': ['PS256', 20],
  'PS384 32 bytes': ['PS384', 32],
  'PS512 as long as can be': ['PS512', crypto.constants.RSA_PSS_SALTLEN_MAX_SIGN],
}, ([alg, salt]) =>
  resigned(alg, (_mac, _text, input) => b64(crypto.sign(sha(alg), Buffer.from(input), pss(main[alg].key, salt)))));
await defect('signature: PKCS#1 of another shape', {
  'no NULL behind the hash name': (hash) => digestInfo(hash, ''),
  'the hash alone': (hash) => hash,
  'SHA-1 inside': (_hash, input) => Buffer.concat([
    Buffer.from('3021300906052b0e03021a05000414', 'hex'), crypto.createHash('sha1').update(input).digest(),
  ]),
}, (shape) =>
  resigned('RS256', (_mac, _text, input) => {
    const hash = crypto.createHash('sha256').update(input).digest();
    return b64(crypto.privateEncrypt(
      { key: main.RS256.key, padding: crypto.constants.RSA_NO_PADDING }, pkcs1(shape(hash, input), 256)));
  }));
await defect('signature: PKCS#1 padded short, rubbish behind', ['RS256'], () =>
  resigned('RS256', (_mac, _text, input) => {
    const block = Buffer.concat([pkcs1(digestInfo(crypto.createHash('sha256').update(input).digest()), 80), Buffer.alloc(176, 7)]);
    return b64(crypto.privateEncrypt({ key: main.RS256.key, padding: crypto.constants.RSA_NO_PADDING }, block));
  }));

// ---- encoding

const segments = { header: 0, payload: 1, signature: 2 };
// Header and payload are changed before they are signed, so the signature does not give the change away.
async function reencoded(alg, which, change, rest) {
  if (which === 'signature') {
    return resigned(alg, (_mac, encoded) => change(encoded), (_mac, encoded) => change(encoded) !== encoded);
  }
  for (let attempt = 0; attempt < 200; attempt++) {
    // Question marks and tildes make `-` and `_` likely in the encoded text; other identifiers, other text.
    const noisy = (json) => withRest(append(`"noise":"${'?~>'.repeat(attempt % 7 + 1)}${crypto.randomUUID()}"`)(json), rest);
    const encoded = [noisy(text(headerOf(alg))), noisy(text(claimsOf()))].map((json) => b64(json));
    const changed = change(encoded[segments[which]]);
    if (changed === encoded[segments[which]]) continue;
    encoded[segments[which]] = changed;
    return signed(alg, ...encoded);
  }
  throw new Error(`no ${which} was fit for the case`);
}
// `rest` is how many bytes stand beyond a multiple of three: what is not a multiple would be padded.
const everySegment = (name, change, rest = 1, which = Object.keys(segments)) =>
  defect(name, which.flatMap((segment) => ['RS256', 'ES256', 'EdDSA'].map((alg) => `${alg} ${segment}`)), (variant) => {
    const [alg, segment] = variant.split(' ');
    return reencoded(alg, segment, change, rest);
  });
const lastBits = (encoded) => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return encoded.slice(0, -1) + alphabet[alphabet.indexOf(encoded.at(-1)) | 1];
};
await everySegment('base64: padded', (encoded) => encoded + '='.repeat((4 - (encoded.length % 4)) % 4));
await everySegment('base64: padded too far', (encoded) => `${encoded}====`);
await everySegment('base64: a bit set that no byte takes', lastBits);
await everySegment('base64: the alphabet with + and /', (encoded) => encoded.replaceAll('-', '+').replaceAll('_', '/'));
await everySegment('base64: a letter too many', (encoded) => `${encoded.slice(0, encoded.length - (encoded.length % 4))}A`);
await everySegment('base64: white space inside', (encoded) => `${encoded.slice(0, 8)} ${encoded.slice(8)}`);
await everySegment('base64: a tabulator behind', (encoded) => `${encoded}\t`);
await everySegment('base64: a foreign character', (encoded) => `${encoded.slice(0, 8)}!${encoded.slice(8)}`);
await everySegment('base64: percent-encoded', (encoded) => `${encoded.slice(0, 8)}%41${encoded.slice(9)}`);
await everySegment('base64: a tilde', (encoded) => `${encoded}~`);

await defect('shape: not three parts', {
  'one part': (token) => parts(token)[1],
  'two parts': (token) => parts(token).slice(0, 2).join('.'),
  'four parts': (token) => `${token}.${parts(token)[2]}`,
  'four, the last empty': (token) => `${token}.`,
  'four, the first empty': (token) => `.${token}`,
  'five parts': (token) => `${token}.AAAA.AAAA`,
  'a hundred points': () => '.'.repeat(100),
  'opaque': () => b64(crypto.randomBytes(32)),
}, (change) => change(raw(turn())));
await defect('shape: the payload is taken out', FEW, (alg) => raw(alg).replace(/\..*\./, '..'));
await defect('shape: no header', {
  header: ([, payload, mac]) => `.${payload}.${mac}`,
  'header and payload': ([, , mac]) => `..${mac}`,
  all: () => '..',
}, (change) => change(parts(raw(turn()))));
await defect('shape: a detached payload', FEW, (alg) => signed(alg, b64(text(headerOf(alg))), ''));
await defect('shape: JWE', {
  'RSA-OAEP-256': () => encrypted({ alg: 'RSA-OAEP-256', enc: 'A256GCM', kid: 'rs256' }, main.RS256.jwk),
  'ECDH-ES': () => encrypted({ alg: 'ECDH-ES', enc: 'A128GCM', kid: 'es256' }, main.ES256.jwk),
  dir: () => encrypted({ alg: 'dir', enc: 'A256GCM' }, crypto.randomBytes(32)),
  'compressed': () => encrypted({ alg: 'dir', enc: 'A256GCM', zip: 'DEF' }, crypto.randomBytes(32)),
}, (make) => make());
await defect('shape: JSON serialization', {
  flattened: async (alg) => new FlattenedSign(Buffer.from(text(claimsOf()))).setProtectedHeader(headerOf(alg)).sign(main[alg].key),
  general: async (alg) => new GeneralSign(Buffer.from(text(claimsOf()))).addSignature(main[alg].key).setProtectedHeader(headerOf(alg)).sign(),
}, async (make) => JSON.stringify(await make(turn())));
await defect('shape: more than sixteen kilobytes', {
  'by one': 16_385,
  twenty: 20_000,
  seventy: 70_000,
}, (length) => ofLength(length));

// ---- header

await defect('header: no object', {
  array: '[]',
  'array of one header': `[${text(headerOf('ES256'))}]`,
  string: '"alg"',
  number: '1',
  null: 'null',
  true: 'true',
}, (header) => raw('ES256', { header }));
await defect('header: no JSON', {
  empty: '{',
  'single quotes': "{'alg':'ES256','kid':'es256'}",
  'a trailing comma': `${text(headerOf('ES256')).slice(0, -1)},}`,
  'a comment': `${text(headerOf('ES256'))}/* */`,
  'two objects': text(headerOf('ES256')).repeat(2),
  'a NUL behind': `${text(headerOf('ES256'))}\0`,
  'a line end in a string': `{"alg":"ES256","kid":"es256","x":"\n"}`,
  'UTF-16': Buffer.from(text(headerOf('ES256')), 'utf16le'),
  'broken UTF-8': Buffer.concat([Buffer.from('{"alg":"ES256","kid":"es256","x":"'), Buffer.of(0xc0, 0xaf), Buffer.from('"}')]),
}, (header) => raw('ES256', { header }));
await defect('header: a byte order mark', FEW, (alg) => raw(alg, { header: `\ufeff${text(headerOf(alg))}` }));
await defect('header: empty object', ['{}'], (header) => raw('ES256', { header }));
await defect('header: a duplicate member', {
  'alg, none first': (json) => prepend('"alg":"none"')(json),
  'alg twice the same': (json) => append('"alg":"ES256"')(json),
  'kid, another first': (json) => prepend('"kid":"rs256"')(json),
  'typ, another first': (json) => prepend('"typ":"logout+jwt"')(json),
  'one nobody knows': (json) => append('"x":1,"x":2')(json),
  'hidden by an escape': (json) => prepend('"\\u0061lg":"none"')(json),
}, (change) => rawHeader('ES256', change));
await defect('header: a duplicate member, the last is wrong', {
  alg: '"alg":"none"',
  'alg HS256': '"alg":"HS256"',
}, (members) => rawHeader('ES256', append(members)));
await defect('header: alg only in __proto__', ['ES256'], (alg) =>
  raw(alg, { header: `{"typ":"at+jwt","kid":"es256","__proto__":{"alg":"${alg}"}}` }));
await defect('header: crit nobody understands', {
  'an unknown one': { crit: ['http://example.com/UNDEFINED'], 'http://example.com/UNDEFINED': true },
  'exp, in the header': { crit: ['exp'], exp: NOW + 300 },
  'alg': { crit: ['alg'] },
  'one that is absent': { crit: ['absent'] },
  ['__proto__']: { crit: ['__proto__'] },
}, (change) => raw('ES256', { header: headerOf('ES256', change) }));
await defect('header: crit of the wrong shape', {
  empty: [],
  string: 'exp',
  null: null,
  object: {},
  number: 1,
  'an empty name': [''],
  'numbers': [1],
}, (crit) => raw('ES256', { header: headerOf('ES256', { crit }) }));
await defect('header: b64 true, critical', ['ES256', 'EdDSA'], (alg) =>
  raw(alg, { header: headerOf(alg, { b64: true, crit: ['b64'] }) }));
await defect('header: b64 false, critical', ['ES256', 'EdDSA', 'RS256'], (alg) =>
  raw(alg, { header: headerOf(alg, { b64: false, crit: ['b64'] }) }));
await defect('header: b64 without crit', { false: false, true: true, 'a string': 'false' }, (value) =>
  raw('ES256', { header: headerOf('ES256', { b64: value }) }));
await header('header: zip', 'zip', { DEF: 'DEF', none: 'none', null: null });
await header('header: enc', 'enc', { A256GCM: 'A256GCM', null: null });
await defect('header: the key comes along, signed with it', {
  'jwk, our kid': (alg) => minted(alg, {}, { jwk: stranger[alg].jwk }, stranger[alg]),
  'jwk with our kid inside': (alg) => minted(alg, {}, { jwk: { ...stranger[alg].jwk, kid: alg.toLowerCase() } }, stranger[alg]),
  'jwk, no kid': (alg) => minted(alg, {}, { kid: undefined, jwk: stranger[alg].jwk }, stranger[alg]),
  jku: (alg) => minted(alg, {}, { jku: `${ISSUER}/../../attacker/jwks` }, stranger[alg]),
  x5u: (alg) => minted(alg, {}, { x5u: 'https://attacker.example.com/cert.pem' }, stranger[alg]),
  x5c: (alg) => minted(alg, {}, { x5c: [Buffer.from('a certificate').toString('base64')] }, stranger[alg]),
}, (make) => make(turn()));
await defect('header: the key comes along under a kid of its own', FEW, (alg) =>
  minted(alg, {}, { kid: stranger[alg].jwk.kid, jwk: stranger[alg].jwk }, stranger[alg]));
await defect('header: kid unknown', ALL, (alg) => minted(alg, {}, { kid: 'nobody' }));
await header('header: kid nearly known', 'kid', {
  empty: '',
  'in capitals': 'ES256',
  'a path': '../../../../dev/null',
  'a query': "' UNION SELECT 'secret' --",
  'a NUL behind': 'es256\0',
  'a space behind': 'es256 ',
  'an address': 'https://attacker.example.com/jwks',
  'three kilobytes': 'k'.repeat(3_000),
});
await defect('header: kid no string', { null: null, number: 1, array: ['es256'], object: { kid: 'es256' }, true: true }, (kid) =>
  raw('ES256', { header: headerOf('ES256', { kid }) }));
await defect('header: kid of another key', {
  'RS256 under PS256': ['RS256', 'ps256'],
  'RS256 under RS512': ['RS256', 'rs512'],
  'ES256 under ES384': ['ES256', 'es384'],
  'ES256 under RS256': ['ES256', 'rs256'],
  'EdDSA under ES256': ['EdDSA', 'es256'],
}, ([alg, kid]) => minted(alg, {}, { kid }));
await header('header: more than four kilobytes', 'note', { five: 'x'.repeat(5_000), ten: 'x'.repeat(10_000) });
await header('typ: of another kind of token', 'typ', Object.fromEntries([
  'logout+jwt', 'application/logout+jwt', 'dpop+jwt', 'secevent+jwt', 'token-introspection+jwt', 'oauth-authz-req+jwt',
  'entity-statement+jwt', 'client-authentication+jwt', 'kb+jwt', 'dc+sd-jwt', 'JWE', 'JOSE', 'ID', 'Refresh', 'passport',
].map((typ) => [typ, typ])));
await header('typ: nearly right', 'typ', {
  empty: '',
  'a space behind': 'at+jwt ',
  'a parameter behind': 'at+jwt; v=1',
  'application twice': 'application/application/at+jwt',
  'another tree': 'text/at+jwt',
  'without the plus': 'atjwt',
  'a space for the plus': 'at jwt',
});
await defect('typ: no string', { null: null, number: 1, array: ['at+jwt'], object: {} }, (typ) =>
  raw('ES256', { header: headerOf('ES256', { typ }) }));
await defect('header: nested deep', { 'a thousand': 1_000 }, (depth) => rawHeader('ES256', append(`"deep":${nest(depth)}`)));

// ---- payload

await defect('payload: no object', {
  array: '[]',
  'array of claims': `[${text(claimsOf())}]`,
  string: '"claims"',
  number: '1',
  null: 'null',
  true: 'true',
}, (payload) => raw(turn(), { payload }));
await defect('payload: no JSON', {
  'no end': text(claimsOf()).slice(0, -1),
  'single quotes': text(claimsOf()).replaceAll('"', "'"),
  'a trailing comma': `${text(claimsOf()).slice(0, -1)},}`,
  'two objects': text(claimsOf()).repeat(2),
  'rubbish behind': `${text(claimsOf())}x`,
  'a NUL behind': `${text(claimsOf())}\0`,
  'a number that is none': append('"x":NaN')(text(claimsOf())),
  'UTF-16': Buffer.from(text(claimsOf()), 'utf16le'),
  'broken UTF-8': Buffer.from(text(claimsOf({ sub: '@' })).replace('@', '\xff'), 'latin1'),
  'UTF-8 longer than needed': Buffer.from(text(claimsOf({ sub: '@' })).replace('@', '\xc1\xa1'), 'latin1'),
  'half a UTF-8 character': Buffer.from(text(claimsOf({ sub: '@' })).replace('@', '\xe2\x82'), 'latin1'),
  'rubbish': crypto.randomBytes(40),
  text: 'hello',
}, (payload) => raw(turn(), { payload }));
await defect('payload: empty object', ['{}'], (payload) => raw(turn(), { payload }));
await defect('payload: a byte order mark', FEW, (alg) => raw(alg, { payload: `\ufeff${text(claimsOf())}` }));
await defect('payload: half a pair of surrogates', { first: '\\ud83e', second: '\\udd80' }, (half) =>
  rawPayload(turn(), append(`"crab":"${half}"`)));
await defect('payload: a duplicate claim', {
  'iss, another first': (json) => prepend('"iss":"https://attacker.example.com"')(json),
  'iss twice the same': (json) => append(`"iss":${JSON.stringify(ISSUER)}`)(json),
  'aud, another first': (json) => prepend('"aud":"https://other.example.com"')(json),
  'exp, a past one first': (json) => prepend('"exp":0')(json),
  'exp, a later one last': (json) => append(`"exp":${NOW + 600}`)(json),
  'sub, another last': (json) => append('"sub":"admin"')(json),
  'scope, more last': (json) => append('"scope":"admin"')(json),
  'one nobody knows': (json) => append('"x":1,"x":2')(json),
  'hidden by an escape': (json) => prepend('"\\u0069ss":"https://attacker.example.com"')(json),
}, (change) => rawPayload(turn(), change));
await defect('payload: a duplicate claim, the last is wrong', {
  iss: '"iss":"https://attacker.example.com"',
  aud: '"aud":"https://other.example.com"',
}, (members) => rawPayload(turn(), append(members)));
await defect('payload: exp only in __proto__', FEW, (alg) =>
  rawPayload(alg, append(`"__proto__":{"exp":${NOW + 300}}`), { exp: undefined }));
await defect('payload: nested deep', { 'five hundred': 500, 'five thousand': 5_000 }, (depth) =>
  rawPayload('EdDSA', append(`"deep":${nest(depth)}`)));
await defect('payload: a number no machine holds', { '1e400': '1e400', '-1e400': '-1e400' }, (number) =>
  rawPayload(turn(), append(`"x":${number}`)));
await defect('payload: a number of many digits', { 'two to the 80': '1208925819614629174706176', 'a long fraction': `0.${'3'.repeat(60)}` }, (number) =>
  rawPayload(turn(), append(`"x":${number}`)));
await defect('payload: another token', FEW, async (alg) => raw(alg, { header: headerOf(alg, { cty: 'JWT' }), payload: await minted(alg) }));
await claim('payload: sub no string', 'sub', { number: 7, null: null, array: ['alice'] });
await defect('payload: client_id or jti no string', {
  'client_id a number': { client_id: 7 },
  'jti a number': { jti: 7 },
}, (value) => minted(turn(), value));
await defect('payload: scope of another shape', {
  'an array': { scope: ['orders:read'] },
  'a number': { scope: 7 },
  null: { scope: null },
}, (value) => minted(turn(), value));

// ---- tokens for another purpose, signed by our issuer for our audience

await defect('purpose: an ID token', {
  at_hash: { at_hash: 'MTIzNDU2Nzg5MDEyMzQ1Ng' },
  c_hash: { c_hash: 'MTIzNDU2Nzg5MDEyMzQ1Ng' },
  'at_hash, no typ': { at_hash: 'MTIzNDU2Nzg5MDEyMzQ1Ng', nonce: 'n-0S6_WzA2Mj' },
  'claim typ ID': { typ: 'ID' },
  'token_use id': { token_use: 'id' },
}, (value, variant) => minted(turn(), value, variant.endsWith('no typ') ? { typ: undefined } : {}));
await defect('purpose: a nonce, as ID tokens have', ['ES256', 'RS256'], (alg) => minted(alg, { nonce: 'n-0S6_WzA2Mj' }, { typ: 'JWT' }));
await defect('purpose: a refresh token', { 'claim typ Refresh': { typ: 'Refresh' }, 'claim typ Offline': { typ: 'Offline' } }, (value) =>
  minted(turn(), value, { typ: 'JWT' }));
await defect('purpose: a logout or event token', {
  'backchannel logout': { events: { 'http://schemas.openid.net/event/backchannel-logout': {} }, sid: '08a5019c' },
  'a security event': { events: { 'https://schemas.openid.net/secevent/risc/event-type/account-disabled': {} } },
  'no events in it': { events: {} },
  'claim typ Logout': { typ: 'Logout' },
}, (value) => minted(turn(), value, { typ: 'JWT' }));
await defect('purpose: bound to a proof that nobody asks for', {
  jkt: { jkt: '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' },
  'x5t#S256': { 'x5t#S256': 'bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2' },
  jwk: { jwk: stranger.ES256.jwk },
  kid: { kid: 'a key of the client' },
  'an unknown way': { osc: {} },
  empty: {},
  'a string': 'jkt',
}, (cnf) => minted(turn(), { cnf }));
await claim('purpose: cnf null', 'cnf', { null: null });

// ---- other sets of keys

const bare = Object.fromEntries(
  [['RS256', 'bare-rsa'], ['ES256', 'bare-p256'], ['ES384', 'bare-p384'], ['ES512', 'bare-p521'], ['EdDSA', 'bare-ed25519']].map(
    ([alg, kid]) => [alg, asKey(stranger[alg].privateJwk, { kid })],
  ),
);
for (const alg of RSA) bare[alg] = bare.RS256;
sets.bare = { keys: [...new Set(Object.values(bare))].map(({ jwk }) => jwk) };
const underBare = (alg, claims, header) => minted(alg, claims, { kid: bare[alg].jwk.kid, ...header }, bare[alg]);
await defect('keys without alg and use: sound', ALL, (alg) => underBare(alg), 'bare');
await defect('keys without alg and use: sound, no kid', ALL, (alg) => underBare(alg, {}, { kid: undefined }), 'bare');
await defect('keys without alg and use: alg Ed25519 (RFC 9864)', ['Ed25519'], (alg) =>
  minted(alg, {}, { kid: bare.EdDSA.jwk.kid }, bare.EdDSA), 'bare');
await defect('keys without alg and use: alg swapped', {
  'RS256 says PS256': ['RS256', 'PS256'],
  'PS256 says RS256': ['PS256', 'RS256'],
  'RS256 says RS512': ['RS256', 'RS512'],
  'PS512 says PS384': ['PS512', 'PS384'],
}, ([by, says]) => raw(by, { header: headerOf(says, { kid: 'bare-rsa' }), by: bare[by] }), 'bare');
await defect('keys without alg and use: an algorithm of another curve', {
  'P-256 says ES384': ['ES256', 'ES384'],
  'P-384 says ES256': ['ES384', 'ES256'],
  'P-521 says ES384': ['ES512', 'ES384'],
  'P-256 says RS256': ['ES256', 'RS256'],
  'Ed25519 says ES256': ['EdDSA', 'ES256'],
}, ([by, says]) => raw(by, { header: headerOf(says, { kid: bare[by].jwk.kid }), by: bare[by] }), 'bare');
await defect('key bound to EdDSA: alg Ed25519 (RFC 9864)', ['Ed25519'], (alg) =>
  minted(alg, {}, { kid: 'eddsa' }, main.EdDSA));
sets.ed25519 = { keys: [{ ...main.EdDSA.jwk, alg: 'Ed25519' }] };
await defect('key bound to Ed25519 (RFC 9864): alg Ed25519', ['Ed25519'], (alg) =>
  minted(alg, {}, { kid: 'eddsa' }, main.EdDSA), 'ed25519');
await defect('key bound to Ed25519 (RFC 9864): alg EdDSA', ['EdDSA'], (alg) => minted(alg), 'ed25519');

// Several keys that fit.
const crowd = await Promise.all([...Array(6).keys()].map((i) => newKey('EdDSA', `crowd-${i + 1}`)));
sets.crowd = { keys: crowd.map(({ jwk }) => jwk) };
await defect('six keys fit: sound, kid says which', ['first', 'sixth'], (which) =>
  minted('EdDSA', {}, { kid: which === 'first' ? 'crowd-1' : 'crowd-6' }, which === 'first' ? crowd[0] : crowd[5]), 'crowd');
await defect('six keys fit: no kid', { first: 0, fourth: 3, fifth: 4, sixth: 5 }, (index) =>
  minted('EdDSA', {}, { kid: undefined }, crowd[index]), 'crowd');
await defect('six keys fit: kid of a neighbour', ['crowd-2'], (kid) => minted('EdDSA', {}, { kid }, crowd[0]), 'crowd');

const three = await Promise.all([...Array(3).keys()].map((i) => newKey('ES256', `three-${i + 1}`)));
sets.three = { keys: three.map(({ jwk }) => jwk) };
await defect('three keys fit: no kid', { first: 0, second: 1, third: 2 }, (index) =>
  minted('ES256', {}, { kid: undefined }, three[index]), 'three');
await defect('three keys fit: no kid, a stranger', ['ES256'], (alg) => minted(alg, {}, { kid: undefined }, stranger[alg]), 'three');

const nameless = await Promise.all(['RS256', 'ES384'].map((alg) => newKey(alg, undefined)));
sets.nameless = { keys: nameless.map(({ jwk: { kid, ...jwk } }) => jwk) };
await defect('keys without kid: no kid', { RS256: 0, ES384: 1 }, (index, alg) =>
  minted(alg, {}, { kid: undefined }, nameless[index]), 'nameless');
await defect('keys without kid: a kid all the same', { RS256: 0, ES384: 1 }, (index, alg) =>
  minted(alg, {}, { kid: 'some' }, nameless[index]), 'nameless');

const twins = await Promise.all([0, 1].map(() => newKey('ES256', 'twin')));
const family = await Promise.all(['RS256', 'ES384'].map((alg) => newKey(alg, 'family')));
sets.twins = {
  keys: [...twins, ...family].map(({ jwk }) => jwk).concat([main.RS256.jwk, { ...main.RS256.jwk }]),
};
await defect('two keys under one kid and alg', { first: 0, second: 1 }, (index) =>
  minted('ES256', {}, { kid: 'twin' }, twins[index]), 'twins');
await defect('two keys under one kid, alg says which', { RS256: 0, ES384: 1 }, (index, alg) =>
  minted(alg, {}, { kid: 'family' }, family[index]), 'twins');
await defect('one key listed twice', ['RS256'], (alg) => minted(alg), 'twins');

// Keys with something about them. Each is in one set with the others, so each must be skipped alone.
const odd = {};
sets.odd = { keys: [] };
function oddKey(kid, pair, change = {}) {
  odd[kid] = { alg: pair.jwk.alg, key: pair.key };
  sets.odd.keys.push(JSON.parse(JSON.stringify({ ...pair.jwk, kid, ...change })));
}
const by = (kid) => minted(odd[kid].alg, {}, { kid }, odd[kid]);
const oddDefect = (name, kids) => defect(name, kids, by, 'odd');
const fresh = (alg, options) => newKey(alg, undefined, options);
const rsa = (modulusLength, publicExponent = 65537, extra = {}) =>
  fromNode('rsa', { modulusLength, publicExponent }, { alg: 'RS256', use: 'sig', ...extra });

oddKey('sound-neighbour', await fresh('ES256'));
oddKey('key-ops-verify', await fresh('ES256'), { use: undefined, key_ops: ['verify'] });
oddKey('members-nobody-knows', await fresh('EdDSA'), { exp: NOW - 3600, nbf: NOW + 3600, 'https://id.example.com/a': [1] });
oddKey('certificate-beside', await fresh('ES384'), { x5c: ['MIIB'], x5t: 'AAAA' });
oddKey('rsa-3072', rsa(3072));
oddKey('rsa-4096', rsa(4096));
await oddDefect('odd set: a sound key', [
  'sound-neighbour', 'key-ops-verify', 'members-nobody-knows', 'certificate-beside', 'rsa-3072', 'rsa-4096',
]);
oddKey('rsa-e3', rsa(2048, 3));
await oddDefect('odd set: RSA with e = 3', ['rsa-e3']);

oddKey('use-enc-rsa', rsa(2048), { use: 'enc' });
oddKey('use-enc-ec', await fresh('ES256'), { use: 'enc' });
oddKey('use-unknown', await fresh('EdDSA'), { use: 'other' });
oddKey('use-capital', await fresh('ES384'), { use: 'SIG' });
await oddDefect('odd set: use is not sig', ['use-enc-rsa', 'use-enc-ec', 'use-unknown', 'use-capital']);
oddKey('use-null', await fresh('ES256'), { use: null });
await oddDefect('odd set: use null', ['use-null']);

oddKey('key-ops-sign', await fresh('ES256'), { use: undefined, key_ops: ['sign'] });
oddKey('key-ops-encrypt', rsa(2048), { use: undefined, key_ops: ['encrypt', 'wrapKey'] });
oddKey('key-ops-empty', await fresh('EdDSA'), { use: undefined, key_ops: [] });
oddKey('key-ops-string', await fresh('ES256'), { use: undefined, key_ops: 'verify' });
await oddDefect('odd set: key_ops without verify', ['key-ops-sign', 'key-ops-encrypt', 'key-ops-empty', 'key-ops-string']);

oddKey('alg-RS512', rsa(2048), { alg: 'RS512' });
oddKey('alg-ECDH', await fresh('ES256'), { alg: 'ECDH-ES' });
oddKey('alg-RSA-OAEP', rsa(2048), { alg: 'RSA-OAEP' });
oddKey('alg-none', await fresh('EdDSA'), { alg: 'none' });
oddKey('alg-HS256', await fresh('ES256'), { alg: 'HS256' });
oddKey('alg-number', await fresh('ES256'), { alg: 1 });
await oddDefect('odd set: the key is for another alg', [
  'alg-RS512', 'alg-ECDH', 'alg-RSA-OAEP', 'alg-none', 'alg-HS256', 'alg-number',
]);
oddKey('kid-number', await fresh('ES256'), { kid: 42 });
await defect('odd set: the kid of the key is a number', { 'a string in the token': '42' }, (kid) =>
  minted('ES256', {}, { kid }, odd['kid-number']), 'odd');

oddKey('kty-oct', { jwk: { kty: 'oct', k: b64(Buffer.alloc(32, 5)), alg: 'HS256', use: 'sig' } });
await defect('odd set: a symmetric key', ['HS256'], (alg) => hmacToken(alg, Buffer.alloc(32, 5), 'kty-oct'), 'odd');
for (const alg of ['RS256', 'ES256', 'EdDSA']) {
  const pair = await fresh(alg);
  oddKey(`private-${alg}`, pair, { ...pair.privateJwk });
}
await oddDefect('odd set: the private key is published', ['private-RS256', 'private-ES256', 'private-EdDSA']);

// SHA-512 and PSS need more room than so small a modulus has; RS256 fits.
const small = (kid, bits) => {
  const pair = fromNode('rsa', { modulusLength: bits }, { alg: 'RS256', use: 'sig' });
  oddKey(kid, pair);
};
small('rsa-1024', 1024);
small('rsa-2040', 2040);
await defect('odd set: RSA shorter than 2048 bits', ['rsa-1024', 'rsa-2040'], (kid) =>
  raw('RS256', { header: headerOf('RS256', { kid }), by: odd[kid] }), 'odd');
for (const [bits, name] of [[8192, 'odd set: RSA of 8192 bits'], [8448, 'odd set: RSA longer than 8192 bits']]) {
  const key = manyPrimes(bits);
  oddKey(`rsa-${bits}`, { jwk: { kty: 'RSA', alg: 'RS256', use: 'sig', n: b64(fromInt(key.n, bits / 8)), e: 'AQAB' } });
  await defect(name, [`rsa-${bits}`], (kid) => byRsaNumbers(kid, key), 'odd');
}
// With e = 1 the signature is the padded hash itself: anyone can make it.
oddKey('rsa-e1', { jwk: { ...main.RS256.jwk, e: 'AQ' } });
await defect('odd set: RSA with e = 1', ['rsa-e1'], (kid) => byRsaNumbers(kid, { n: toInt(unb64(main.RS256.jwk.n)), power: (m) => m }), 'odd');
// With e = 3 and a careless check of the padding, a cube root is a signature (CVE-2006-4339).
await defect('odd set: RSA with e = 3, a cube root for a signature', ['rsa-e3'], (kid) => {
  const input = `${b64(text(headerOf('RS256', { kid })))}.${b64(text(claimsOf()))}`;
  const start = pkcs1(digestInfo(crypto.createHash('sha256').update(input).digest()), 62);
  const root = cubeRoot(toInt(Buffer.concat([start, Buffer.alloc(194, 0xff)])));
  return `${input}.${b64(fromInt(root, 256))}`;
}, 'odd');
oddKey('rsa-even', { jwk: { ...main.RS256.jwk, e: b64(Buffer.of(2)) } });
oddKey('rsa-no-e', { jwk: { ...main.RS256.jwk, e: '' } });
oddKey('rsa-no-n', { jwk: { ...main.RS256.jwk, n: undefined } });
oddKey('ec-no-y', { jwk: { ...main.ES256.jwk, y: undefined } });
oddKey('ec-off-curve', { jwk: { ...main.ES256.jwk, y: b64(turnBit(unb64(main.ES256.jwk.y), 31, 1)) } });
oddKey('ec-infinity', { jwk: { ...main.ES256.jwk, x: b64(Buffer.alloc(32)), y: b64(Buffer.alloc(32)) } });
oddKey('okp-short', { jwk: { ...main.EdDSA.jwk, x: b64(unb64(main.EdDSA.jwk.x).subarray(1)) } });
oddKey('okp-no-x', { jwk: { ...main.EdDSA.jwk, x: undefined } });
await defect('odd set: RSA with e even or empty', ['rsa-even', 'rsa-no-e'], (kid) => minted('RS256', {}, { kid }), 'odd');
await defect('odd set: the key cannot be read', {
  'RSA no n': ['RS256', 'rsa-no-n'],
  'EC no y': ['ES256', 'ec-no-y'],
  'EC off its curve': ['ES256', 'ec-off-curve'],
  'EC at zero': ['ES256', 'ec-infinity'],
  'OKP too short': ['EdDSA', 'okp-short'],
  'OKP no x': ['EdDSA', 'okp-no-x'],
}, ([alg, kid]) => minted(alg, {}, { kid }), 'odd');
oddKey('curve-secp256k1', fromNode('ec', { namedCurve: 'secp256k1' }, { alg: 'ES256', use: 'sig' }));
oddKey('curve-P-384', await fresh('ES384'), { alg: 'ES256' });
oddKey('curve-Ed448', fromNode('ed448', {}, { alg: 'EdDSA', use: 'sig' }));
odd['curve-P-384'].alg = 'ES256';
await defect('odd set: a curve that is not for the alg', ['curve-secp256k1', 'curve-P-384', 'curve-Ed448'], (kid) =>
  raw(odd[kid].alg, { header: headerOf(odd[kid].alg, { kid }), by: odd[kid] }), 'odd');
oddKey('kty-unknown', { jwk: { ...main.ES256.jwk, kty: 'XYZ' } });
oddKey('kty-case', { jwk: { ...main.ES256.jwk, kty: 'ec' } });
oddKey('kty-RSA-with-point', { jwk: { ...main.ES256.jwk, kty: 'RSA' } });
await defect('odd set: a kty that is not for the alg', ['kty-unknown', 'kty-case', 'kty-RSA-with-point'], (kid) =>
  minted('ES256', {}, { kid }), 'odd');

// The neutral point of Ed25519 and the one of order two: for these "keys" R = neutral, s = 0 signs most anything.
oddKey('ed25519-neutral', { jwk: { ...main.EdDSA.jwk, x: b64(Buffer.concat([Buffer.of(1), Buffer.alloc(31)])) } });
oddKey('ed25519-order-two', { jwk: { ...main.EdDSA.jwk, x: b64(Buffer.concat([Buffer.of(0xec), Buffer.alloc(30, 0xff), Buffer.of(0x7f)])) } });
await defect('odd set: Ed25519 of small order', ['ed25519-neutral', 'ed25519-order-two'], (kid) => {
  const key = crypto.createPublicKey({ key: sets.odd.keys.find((jwk) => jwk.kid === kid), format: 'jwk' });
  const forged = Buffer.concat([Buffer.of(1), Buffer.alloc(63)]);
  for (let attempt = 0; attempt < 64; attempt++) {
    const input = `${b64(text(headerOf('EdDSA', { kid })))}.${b64(text(claimsOf()))}`;
    if (crypto.verify(null, Buffer.from(input), key, forged)) return `${input}.${b64(forged)}`;
  }
  throw new Error('OpenSSL no longer takes keys of small order: the case proves nothing');
}, 'odd');

// Numbers written longer or shorter than they should be.
oddKey('rsa-zero-before-n', main.RS256, { n: b64(Buffer.concat([Buffer.of(0), unb64(main.RS256.jwk.n)])) });
oddKey('rsa-zero-before-e', main.RS256, { e: b64(Buffer.of(0, 1, 0, 1)) });
await oddDefect('odd set: a zero before an RSA number', ['rsa-zero-before-n', 'rsa-zero-before-e']);
oddKey('ec-zero-before-x', main.ES256, { x: b64(Buffer.concat([Buffer.of(0), unb64(main.ES256.jwk.x)])) });
await oddDefect('odd set: a zero before an EC coordinate', ['ec-zero-before-x']);
oddKey('ec-short-x', await shortCoordinate());
await oddDefect('odd set: an EC coordinate without its leading zero', ['ec-short-x']);
oddKey('ec-padded-x', main.ES256, { x: `${main.ES256.jwk.x}=` });
oddKey('rsa-standard-alphabet', main.RS256, { n: Buffer.from(unb64(main.RS256.jwk.n)).toString('base64') });
await oddDefect('odd set: a key in padded base64', ['ec-padded-x', 'rsa-standard-alphabet']);

// ---------------------------------------------------------------------------------------------- what they are made with

function nest(depth) {
  return '['.repeat(depth) + ']'.repeat(depth);
}

// A sound token of exactly this many characters; spaces in the header make up what four-letter groups do not allow.
function ofLength(length) {
  for (let spaces = 0; spaces < 3; spaces++) {
    const head = b64(text(headerOf('EdDSA')) + ' '.repeat(spaces));
    const empty = text(claimsOf({ note: '' })).length;
    const room = length - head.length - 2 - 86;
    const note = Math.floor((room * 3) / 4) - empty;
    const token = signed('EdDSA', head, b64(text(claimsOf({ note: 'x'.repeat(note) }))));
    if (token.length === length) return token;
  }
  throw new Error(`no token of ${length} characters`);
}

function turnBit(bytes, index, bit) {
  const turned = Buffer.from(bytes);
  turned[index] ^= bit;
  return turned;
}

async function encrypted(protectedHeader, key) {
  const jwe = new CompactEncrypt(Buffer.from(await minted('ES256'))).setProtectedHeader({ cty: 'JWT', ...protectedHeader });
  if (!(key instanceof Uint8Array)) key = crypto.createPublicKey({ key, format: 'jwk' });
  return jwe.encrypt(key);
}

function digestInfo(hash, parameters = '0500') {
  const name = Buffer.from(`0609608648016503040201${parameters}`, 'hex');
  const algorithm = Buffer.concat([Buffer.of(0x30, name.length), name]);
  const value = Buffer.concat([Buffer.of(0x04, hash.length), hash]);
  return Buffer.concat([Buffer.of(0x30, algorithm.length + value.length), algorithm, value]);
}

// EMSA-PKCS1-v1_5 (RFC 8017, 9.2) around any content.
function pkcs1(content, length) {
  return Buffer.concat([Buffer.of(0, 1), Buffer.alloc(length - content.length - 3, 0xff), Buffer.of(0), content]);
}

function byRsaNumbers(kid, { n, power }) {
  const length = n.toString(16).length / 2;
  const input = `${b64(text(headerOf('RS256', { kid })))}.${b64(text(claimsOf()))}`;
  const block = pkcs1(digestInfo(crypto.createHash('sha256').update(input).digest()), length);
  return `${input}.${b64(fromInt(power(toInt(block)), length))}`;
}

// A long modulus of many short primes is found at once, where two long primes take a minute. Insecure, and verified
// like any other.
function manyPrimes(bits) {
  const e = 65537n;
  const prime = (size) => crypto.generatePrimeSync(size, { bigint: true });
  const product = (factors) => factors.reduce((so, factor) => so * factor, 1n);
  for (let attempt = 0; attempt < 100; attempt++) {
    const primes = [...Array(bits / 256 - 1).keys()].map(() => prime(256));
    // The last one brings the product to its length: the others leave it some bits short.
    primes.push(prime(bits - product(primes).toString(2).length));
    const n = product(primes);
    if (n.toString(2).length !== bits || primes.some((prime) => (prime - 1n) % e === 0n)) continue;
    const phi = product(primes.map((prime) => prime - 1n));
    const d = inverse(e, phi);
    const power = (message) =>
      primes.reduce((sum, prime) => {
        const others = n / prime;
        const part = powMod(message, d % (prime - 1n), prime);
        return (sum + part * others * inverse(others % prime, prime)) % n;
      }, 0n);
    return { n, power };
  }
  throw new Error(`no modulus of ${bits} bits`);
}

function inverse(value, modulus) {
  let [r0, r1, s0, s1] = [value, modulus, 1n, 0n];
  while (r1 > 0n) [r0, r1, s0, s1] = [r1, r0 % r1, s1, s0 - (r0 / r1) * s1];
  return ((s0 % modulus) + modulus) % modulus;
}

function cubeRoot(value) {
  let [low, high] = [0n, 1n << BigInt(Math.ceil(value.toString(2).length / 3) + 1)];
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (middle ** 3n <= value) low = middle;
    else high = middle;
  }
  return low;
}

async function shortCoordinate() {
  for (let attempt = 0; attempt < 20_000; attempt++) {
    const pair = fromNode('ec', { namedCurve: 'P-256' }, { alg: 'ES256', use: 'sig' });
    const x = unb64(pair.jwk.x);
    if (x[0] === 0) return { ...pair, jwk: { ...pair.jwk, x: b64(x.subarray(1)) } };
  }
  throw new Error('no coordinate began with a zero');
}

// ---------------------------------------------------------------------------------------------- jose judges

const options = {
  issuer: ISSUER,
  audience: AUDIENCE,
  algorithms: [...ALL, 'Ed25519'],
  clockTolerance: LEEWAY,
  requiredClaims: ['exp'],
  currentDate: new Date(NOW * 1000),
};
const resolvers = Object.fromEntries(Object.entries(sets).map(([name, set]) => [name, createLocalJWKSet(set)]));
for (const one of cases) {
  one.jose = await jwtVerify(one.token, resolvers[one.set], options).then(
    () => ({ ok: true, code: 'accepts' }),
    (error) => ({ ok: false, code: error.code || error.name }),
  );
}
const names = new Set(cases.map(({ name }) => name));
if (names.size !== cases.length) throw new Error('two cases have one name');
process.stdout.write(JSON.stringify({ issuer: ISSUER, audience: AUDIENCE, now: NOW, sets, cases }));
