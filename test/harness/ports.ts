import { createServer } from 'node:net';

// Below the range that the kernel gives to outgoing connections, so that nobody is given a port
// between our look and the peer's bind.
const LOWEST = 11_000;
const HIGHEST = 31_000;
const MAX_TRIES = 200;
const given = new Set<number>();

async function isFree(host: string, port: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

/** A port that is free on each of these loopback addresses, and that this process gives out once. */
export async function freePort(...hosts: readonly string[]): Promise<number> {
  const addresses = hosts.length > 0 ? hosts : ['127.0.0.1'];
  for (let i = 0; i < MAX_TRIES; i += 1) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (given.has(port)) continue;
    const free = await Promise.all(addresses.map((host) => isFree(host, port)));
    if (free.every(Boolean)) {
      given.add(port);
      return port;
    }
  }
  throw new Error(`no port is free on ${addresses.join(', ')}`);
}
