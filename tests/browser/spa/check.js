// Makes the calls that the test asks for, one after the other, and tells it what a client gets to see.
import { call } from './client.js';

const seen = [];
for (const { address, method, token } of await (await fetch('calls')).json()) {
  seen.push(await call(address, { method, token }));
}
await fetch('seen', { method: 'POST', body: JSON.stringify(seen) });
