// What the two real servers of the interop test have in common: the keys they turn over, the switches that turn
// them, and a life that ends with the test's.
import { createServer } from 'node:http';
import { exportJWK, generateKeyPair } from 'jose';

export const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'];
export const AUDIENCE = 'https://api.example.com';
export const ELSEWHERE = 'https://other.example.com';
export const CLIENT_SECRET = 'svc-secret-0123456789';
export const kidOf = (alg, generation) => `${alg.toLowerCase()}-${generation}`;

const generate = (number) =>
  Promise.all(
    ALGORITHMS.map(async (alg) => {
      const { privateKey } = await generateKeyPair(alg, { extractable: true });
      return { ...(await exportJWK(privateKey)), alg, use: 'sig', kid: kidOf(alg, number) };
    }),
  );

// One key for each algorithm is a generation. Several may be published, one signs.
export class KeyRing {
  static async create() {
    const ring = new KeyRing();
    ring.published = [{ number: 1, keys: await generate(1) }];
    ring.signing = 1;
    // RSA keys take a while to find; the next generation is made ahead, so that a rotation is a matter of
    // milliseconds and falls into the middle of the requests that run.
    ring.next = generate(2);
    return ring;
  }

  get newest() {
    return this.published.at(-1).number;
  }

  // The signing generation comes first: both servers sign with the first key that fits.
  get keys() {
    const first = ({ number }) => (number === this.signing ? 0 : 1);
    return [...this.published].sort((a, b) => first(a) - first(b)).flatMap(({ keys }) => keys);
  }

  // The next generation can be seen, the old one still signs.
  async publish() {
    const number = this.newest + 1;
    this.published.push({ number, keys: await this.next });
    this.next = generate(number + 1);
  }

  // The newest generation signs. Where none waits, one is published for it: it signs the moment it can be seen.
  async rotate() {
    if (this.newest === this.signing) await this.publish();
    this.signing = this.newest;
  }

  // Every generation that does not sign is withdrawn.
  async retire() {
    this.published = this.published.filter(({ number }) => number === this.signing);
  }
}

// POST publish|rotate|retire works on the ring and has `apply` carry the change into the server; the answer comes
// when the change is in force, and lists the keys that can be seen then. Several words, joined by `+`, are one
// change: `rotate+retire` leaves the server no moment with both generations.
export async function turn(ring, words, apply) {
  for (const word of words) {
    if (!['publish', 'rotate', 'retire'].includes(word)) throw new Error(`no such switch: ${word}`);
    await ring[word]();
  }
  await apply();
  return { published: ring.keys.map(({ kid }) => kid) };
}

export function listen(handler) {
  return new Promise((resolve, reject) => {
    const server = createServer((request, response) => {
      Promise.resolve(handler(request, response)).catch((error) => {
        console.error(error);
        response.statusCode = 500;
        response.end(String(error));
      });
    });
    server.on('error', reject).listen(0, '127.0.0.1', () => resolve(server));
  });
}

export const json = (response, value) =>
  response.setHeader('content-type', 'application/json').end(JSON.stringify(value));

// One line says that the server is ready and where; the test reads no further.
export const announce = (facts) => process.stdout.write(`${JSON.stringify(facts)}\n`);

// The test holds our standard input. When it ends, however it ends, so do we: nothing is left running.
export function endWithParent(cleanUp = () => {}) {
  let ending = false;
  const end = async (code) => {
    if (ending) return;
    ending = true;
    await cleanUp();
    process.exit(code);
  };
  process.stdin.on('end', () => end(0)).on('error', () => end(0)).resume();
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => end(0));
  process.on('uncaughtException', (error) => {
    console.error(error);
    end(1);
  });
}
