// Debian's `glewlwyd`, an authorization server in C whose issuer has a path, started headless with its keys and
// clients, and switches for the keys on a port beside it. Loopback only. Wants `glewlwyd` and `sqlite3` installed.
//
//   POST /api/oidc/token             client credentials; the client picks the algorithm
//   POST <control>/{publish,rotate,retire}   turns the keys over, see control.mjs; words may be joined by `+`
//
// How keys are turned over at glewlwyd: its OIDC plugin holds a private JWKS and reads it when it is initialised, so
// PUT /api/mod/plugin/oidc puts the new set into its database and PUT /api/mod/plugin/oidc/reset has it read anew.
// Which key signs is written at each client (`sign_kid`), so PUT /api/client/<id> follows. By hand, with an
// administrator's cookie in the file `cookie`:
//
//   curl -b cookie $AS/api/mod/plugin/oidc | jq '.parameters."jwks-private" = $keys' --arg keys "$(cat keys)" > p
//   curl -b cookie -X PUT -H content-type:application/json -d @p $AS/api/mod/plugin/oidc
//   curl -b cookie -X PUT $AS/api/mod/plugin/oidc/reset
//   curl -b cookie $AS/api/client/svc-es256 | jq '.sign_kid = "es256-2"' > c
//   curl -b cookie -X PUT -H content-type:application/json -d @c $AS/api/client/svc-es256
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import {
  ALGORITHMS,
  AUDIENCE,
  CLIENT_SECRET,
  KeyRing,
  announce,
  endWithParent,
  json,
  kidOf,
  listen,
  turn,
} from './control.mjs';

const SCHEMA = '/usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz';
const PLUGIN = 'api/mod/plugin/oidc';
const clientId = (alg) => `svc-${alg.toLowerCase()}`;

const dir = mkdtempSync(join(tmpdir(), 'tower-bearer-glewlwyd-'));
let glewlwyd;
endWithParent(async () => {
  glewlwyd?.removeAllListeners('exit');
  if (glewlwyd?.exitCode === null && glewlwyd.kill('SIGKILL')) await once(glewlwyd, 'exit');
  rmSync(dir, { recursive: true, force: true });
});

const ring = await KeyRing.create();
const port = await freePort();
const base = `http://127.0.0.1:${port}`;
await start();
const admin = await logIn();
await configure();

const control = await listen(async (request, response) => {
  if (request.method !== 'POST') throw new Error(`${request.method} ${request.url} is no switch`);
  json(response, await turn(ring, request.url.slice(1).split('+'), renew));
});

announce({
  issuer: `${base}/api/oidc`,
  audience: AUDIENCE,
  control: `http://127.0.0.1:${control.address().port}`,
  token_endpoint: `${base}/api/oidc/token`,
  clients: Object.fromEntries(
    ALGORITHMS.map((alg) => [alg, { id: clientId(alg), secret: CLIENT_SECRET, form: { resource: AUDIENCE } }]),
  ),
  // Asked for no resource, glewlwyd writes the scopes into `aud`: a token for somebody else.
  elsewhere: { id: clientId('ES256'), secret: CLIENT_SECRET, form: {} },
});

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

async function start() {
  const database = join(dir, 'db.sqlite3');
  const made = spawnSync('sqlite3', [database], { input: gunzipSync(readFileSync(SCHEMA)), encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`sqlite3: ${made.error ?? made.stderr}`);

  const config = join(dir, 'glewlwyd.conf');
  writeFileSync(
    config,
    `port=${port}
bind_address="127.0.0.1"
external_url="${base}"
login_url="login.html"
api_prefix="api"
log_mode="file"
log_level="WARNING"
log_file="${join(dir, 'glewlwyd.log')}"
cookie_secure=0
session_expiration=2419200
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
use_secure_connection=false
secure_connection_key_file="/unused"
secure_connection_pem_file="/unused"
secure_connection_ca_file="/unused"
hash_algorithm="SHA512"
database = { type="sqlite3"; path="${database}"; };
`,
  );
  const log = openSync(join(dir, 'output.log'), 'w');
  glewlwyd = spawn('glewlwyd', [`--config-file=${config}`], { stdio: ['ignore', log, log] });
  glewlwyd.on('error', (error) => {
    throw new Error('glewlwyd cannot be started', { cause: error });
  });
  glewlwyd.on('exit', (code, signal) => {
    throw new Error(`glewlwyd ended by itself (${code ?? signal}): ${readFileSync(join(dir, 'output.log'), 'utf8')}`);
  });
  await until('glewlwyd answers', async () => (await fetch(`${base}/config`)).ok);
}

async function until(what, probe) {
  let last;
  for (let attempt = 0; attempt < 200; attempt++) {
    try {
      if (await probe()) return;
    } catch (error) {
      last = error;
    }
    await pause(50);
  }
  throw new Error(`waited in vain until ${what}`, { cause: last });
}

async function logIn() {
  const response = await fetch(`${base}/api/auth/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password: 'password' }),
  });
  if (!response.ok) throw new Error(`the administrator cannot log in: ${response.status}`);
  const cookie = response.headers.getSetCookie()[0].split(';')[0];
  return async (method, path, body) => {
    const answer = await fetch(`${base}/${path}`, {
      method,
      headers: { cookie, ...(body && { 'content-type': 'application/json' }) },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  };
}

function client(alg) {
  return {
    client_id: clientId(alg),
    name: clientId(alg),
    confidential: true,
    enabled: true,
    sign_kid: kidOf(alg, ring.signing),
    scope: ['read', 'write'],
    resource: [AUDIENCE],
    redirect_uri: ['http://127.0.0.1:1/cb'],
    authorization_type: ['client_credentials'],
    token_endpoint_auth_method: ['client_secret_basic'],
  };
}

function plugin() {
  return {
    module: 'oidc',
    name: 'oidc',
    display_name: 'oidc',
    order_rank: 0,
    readonly: false,
    parameters: {
      iss: `${base}/api/oidc`,
      'jwks-private': JSON.stringify({ keys: ring.keys }),
      'jwks-show': true,
      'jwt-type': 'rsa',
      'jwt-key-size': '256',
      'default-kid': kidOf('RS256', ring.signing),
      'client-sign_kid-parameter': 'sign_kid',
      'access-token-duration': 300,
      'refresh-token-duration': 3600,
      'code-duration': 600,
      'allow-non-oidc': true,
      'auth-type-client-enabled': true,
      // Client credentials need one flow beside them.
      'auth-type-code-enabled': true,
      'subject-type': 'public',
      scope: [],
      'resource-allowed': true,
      'resource-scope': { read: [AUDIENCE], write: [AUDIENCE] },
      'resource-client-property': 'resource',
      'resource-scope-and-client-property': false,
    },
  };
}

async function configure() {
  // `sign_kid` is no member that glewlwyd keeps for a client unless told.
  const clients = await admin('GET', 'api/mod/client/database');
  clients.parameters['data-format'].sign_kid = { multiple: false, read: true, write: true };
  await admin('PUT', 'api/mod/client/database', clients);
  await admin('PUT', 'api/mod/client/database/reset');

  for (const name of ['read', 'write']) {
    await admin('POST', 'api/scope/', { name, display_name: name, password_required: false });
  }
  await admin('POST', 'api/mod/plugin/', plugin());
  for (const alg of ALGORITHMS) {
    await admin('POST', 'api/client/', { ...client(alg), client_secret: CLIENT_SECRET, password: CLIENT_SECRET });
  }
}

async function renew() {
  await admin('PUT', PLUGIN, plugin());
  await admin('PUT', `${PLUGIN}/reset`);
  for (const alg of ALGORITHMS) {
    await admin('PUT', `api/client/${clientId(alg)}`, client(alg));
  }
}
