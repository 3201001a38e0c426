import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { createSecureContext, type SecureContext } from 'node:tls';

interface PolicyAnswer {
  readonly status?: number;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface PolicyHost extends AsyncDisposable {
  /** What a host says from now on; without it the connection is cut. */
  answer(host: string, answer: PolicyAnswer | null): void;
  /** Requests so far, `host path`. */
  readonly asked: readonly string[];
}

interface Shown {
  readonly key: string;
  readonly cert: string;
}

/** HTTPS for the `mta-sts` names of many domains on one address; each shows its own certificate. */
export async function startPolicyHost(
  at: { readonly host: string; readonly port: number },
  certificates: ReadonlyMap<string, Shown>,
): Promise<PolicyHost> {
  const answers = new Map<string, PolicyAnswer>();
  const asked: string[] = [];
  const contexts = new Map<string, SecureContext>();
  for (const [name, shown] of certificates) contexts.set(name, createSecureContext({ ...shown }));
  const [first] = certificates.values();
  const server: Server = createServer(
    { ...first, SNICallback: (name, give) => give(null, contexts.get(name)) },
    (request, response) => {
      const host = request.headers.host ?? '';
      asked.push(`${host} ${request.url}`);
      const answer = answers.get(host);
      if (answer === undefined) {
        request.socket.destroy();
        return;
      }
      const contentType = answer.contentType ?? 'text/plain';
      response.writeHead(answer.status ?? 200, { 'content-type': contentType, ...answer.headers });
      response.end(answer.body);
    },
  );
  server.listen(at.port, at.host);
  await once(server, 'listening');
  return {
    asked,
    answer: (host, answer) => {
      if (answer === null) answers.delete(host);
      else answers.set(host, answer);
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
