import { createServer } from 'node:net';

async function tryPort(host: string, port: number): Promise<number | null> {
  return await new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(port, host, () => {
      const address = server.address();
      const found = typeof address === 'object' && address !== null ? address.port : null;
      server.close(() => resolve(found));
    });
  });
}

/** Ports that are free on the first loopback address at this moment, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = await tryPort('127.0.0.1', 0);
    if (port !== null) found.add(port);
  }
  return [...found];
}

const MAX_TRIES = 100;

/** One port that is free on each of several loopback addresses: MX records carry no port. */
export async function commonPort(hosts: readonly string[]): Promise<number> {
  for (let i = 0; i < MAX_TRIES; i += 1) {
    const [first = '', ...others] = hosts;
    const port = await tryPort(first, 0);
    if (port === null) break;
    const free = await Promise.all(others.map((host) => tryPort(host, port)));
    if (free.every((one) => one !== null)) return port;
  }
  throw new Error(`no port is free on all of ${hosts.join(', ')}`);
}
