import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import OidcProvider from 'oidc-provider';
import type { TestCa } from './ca.ts';
import { freePort } from './ports.ts';

/** Both the console and the browser find it there without asking DNS. */
const HOST = 'localhost';
export const CLIENT_ID = 'sallyport';
export const CLIENT_SECRET = 'a secret of the tests, 32 bytes long';

/** An OpenID provider over HTTPS. */
export interface OidcPeer extends AsyncDisposable {
  readonly issuer: string;
}

interface Listening extends AsyncDisposable {
  readonly server: Server;
}

/** A server for `localhost` with a certificate of the CA. */
async function listen(ca: TestCa, port: number): Promise<Listening> {
  const { pem, keyFile } = await ca.issueServer(`oidc-${port}`, [HOST]);
  const server = createServer({ cert: pem, key: await readFile(keyFile) });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** `oidc-provider`: whoever logs in as NAME is in the groups that stand after the plus: ann+console-audit. */
export async function startOidcProvider(ca: TestCa, redirectUri: string): Promise<OidcPeer> {
  const port = await freePort();
  const issuer = `https://${HOST}:${port}`;
  const provider = new OidcProvider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [redirectUri],
        grant_types: ['authorization_code'],
        response_types: ['code'],
      },
    ],
    cookies: { keys: [randomBytes(16).toString('hex')] },
    pkce: { required: () => true },
    conformIdTokenClaims: false,
    claims: { openid: ['sub'], profile: ['preferred_username', 'groups'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => {
        const [name = '', ...groups] = id.split('+');
        return { sub: id, preferred_username: name, groups };
      },
    }),
  });
  const { server, ...listening } = await listen(ca, port);
  server.on('request', provider.callback());
  return { issuer, [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose]() };
}

/** What a lying provider says instead of the truth. */
export interface Lie {
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Signed by a key that it never published. */
  readonly otherKey?: boolean;
  readonly algorithm?: 'none';
}

/** A provider that says what it is told to, and keeps what it was asked. */
export interface LyingProvider extends OidcPeer {
  /** The next code stands for this. */
  tell(nonce: string, lie?: Lie): string;
  /** What came to the token endpoint. */
  readonly asked: URLSearchParams[];
}

const base64url = (value: object): string =>
  Buffer.from(JSON.stringify(value)).toString('base64url');

function idToken(claims: object, key: KeyObject, algorithm: 'ES256' | 'none'): string {
  const head = base64url({ alg: algorithm, kid: 'one', typ: 'JWT' });
  const text = `${head}.${base64url(claims)}`;
  if (algorithm === 'none') return `${text}.`;
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

/** Starts one; every code works once, with its verifier. */
export async function startLyingProvider(ca: TestCa): Promise<LyingProvider> {
  const port = await freePort();
  const issuer = `https://${HOST}:${port}`;
  const { server, ...listening } = await listen(ca, port);
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const codes = new Map<string, { readonly nonce: string; readonly lie: Lie }>();
  const asked: URLSearchParams[] = [];
  const jwk = { ...own.publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' };
  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/keys`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  };
  const answerTo = (path: string, body: string): object | null => {
    if (path === '/.well-known/openid-configuration') return metadata;
    if (path === '/keys') return { keys: [jwk] };
    const form = new URLSearchParams(body);
    asked.push(form);
    const code = form.get('code') ?? '';
    const told = codes.get(code);
    codes.delete(code);
    if (told === undefined || !form.has('code_verifier')) return null;
    const now = Math.floor(Date.now() / 1_000);
    const { claims = {}, otherKey = false, algorithm = 'ES256' } = told.lie;
    const all = {
      iss: issuer,
      sub: 'person-1',
      aud: CLIENT_ID,
      nonce: told.nonce,
      iat: now,
      exp: now + 300,
      preferred_username: 'ann',
      groups: ['console-audit'],
      ...claims,
    };
    const key = otherKey ? other.privateKey : own.privateKey;
    return {
      access_token: createHash('sha256').update(code).digest('hex'),
      token_type: 'bearer',
      id_token: idToken(all, key, algorithm),
    };
  };
  server.on('request', (request, reply) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString('utf8');
    });
    request.on('end', () => {
      const answer = answerTo(request.url ?? '', body);
      reply.statusCode = answer === null ? 400 : 200;
      reply.setHeader('content-type', 'application/json');
      reply.end(JSON.stringify(answer ?? { error: 'invalid_grant' }));
    });
  });
  return {
    issuer,
    asked,
    tell: (nonce, lie = {}) => {
      const code = randomBytes(12).toString('hex');
      codes.set(code, { nonce, lie });
      return code;
    },
    [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose](),
  };
}
