import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { issueCrl, parseCertificate } from '@sallyport/pki';
import type { TestCa } from './ca.ts';
import { freePort } from './ports.ts';

/** A web server with the revocation lists of one CA, each under a path of its own. */
export interface CrlServer extends AsyncDisposable {
  readonly port: number;
  /** What a certificate's distribution point says for a path. */
  url(host: string, path: string): string;
  /** Puts another list in place: certificates (DER) that it revokes. */
  publish(path: string, revoked?: readonly Buffer[]): void;
  /** The path answers 503 from now on, or again as it should. */
  setDown(path: string, isDown: boolean): void;
  /** Paths of lists that were handed out, and how many certificates each revoked. */
  readonly served: readonly { readonly path: string; readonly revoked: number }[];
}

const DAY_MS = 86_400_000;

/** Starts it on loopback. */
export async function startCrlServer(ca: TestCa): Promise<CrlServer> {
  const port = await freePort();
  const privateKey = await readFile(ca.keyFile, 'utf8');
  const issuer = { certificate: parsed(ca.der), privateKey };
  const lists = new Map<string, { readonly bytes: Buffer; readonly revoked: number }>();
  const down = new Set<string>();
  const served: { path: string; revoked: number }[] = [];
  let crlNumber = 0;
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const list = lists.get(path);
    if (list === undefined || down.has(path)) {
      response.writeHead(503).end();
      return;
    }
    served.push({ path, revoked: list.revoked });
    response.writeHead(200, { 'Content-Type': 'application/pkix-crl' }).end(list.bytes);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    port,
    served,
    url: (host, path) => `http://${host}:${port}${path}`,
    publish: (path, revoked = []) => {
      crlNumber += 1;
      const now = Date.now();
      const bytes = issueCrl({
        issuer,
        crlNumber,
        thisUpdate: new Date(now - 1_000),
        nextUpdate: new Date(now + DAY_MS),
        revoked: revoked.map((der) => ({
          serial: parsed(der).serial,
          revokedAt: new Date(now - 1_000),
          reason: 'keyCompromise',
        })),
      });
      lists.set(path, { bytes, revoked: revoked.length });
    },
    setDown: (path, isDown) => {
      if (isDown) down.add(path);
      else down.delete(path);
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function parsed(der: Buffer) {
  const result = parseCertificate(der);
  if (result.kind === 'malformed') throw new Error(result.reason);
  return result.value;
}
