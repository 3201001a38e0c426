import { readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import {
  AccountStore,
  addAccount,
  createToken,
  PasswordHasher,
  permissionsOf,
  ROLES,
  type Role,
  useLink,
} from '@sallyport/accounts';
import type { Page } from 'playwright-core';
import { parse, stringify } from 'yaml';
import { type Chromium, startChromium } from './chromium.ts';
import { type Gateway, makeGateway } from './gateway.ts';
import type { GatewayOptions } from './gateway-config.ts';
import { freePort } from './ports.ts';

const DOMAIN = 'acme.example';
/** Of every account of the tests. */
export const PASSWORD = 'slow green harbour 7';

export interface ConsoleOptions {
  readonly policy?: object;
  readonly gateway?: Partial<GatewayOptions>;
  /** Further fields of the section `console`, once the gateway's folder is there. */
  readonly prepare?: (made: { readonly gateway: Gateway; readonly url: string }) => Promise<object>;
}

/** What came back from a call without a browser. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** The text as JSON. */
  json(): unknown;
}

interface CallOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, a text as it is. */
  readonly body?: object | string;
  /** The loopback address to call from. */
  readonly from?: string;
}

/** A real gateway with its console, and an account of each role: their names are the roles. */
export interface ConsoleGateway extends AsyncDisposable {
  readonly gateway: Gateway;
  /** `https://gw.acme.example:port`, for browsers that `startBrowser` made. */
  readonly url: string;
  readonly store: AccountStore;
  /** A token with everything that the role may do. */
  readonly tokens: Readonly<Record<Role, string>>;
  startBrowser(): Promise<Chromium>;
  /** Signs in by the form, as a person does. */
  signInAs(page: Page, role: Role): Promise<void>;
  /** Calls the console without a browser: with a role's token, or as nobody. */
  call(who: Role | null, path: string, options?: CallOptions): Promise<Answer>;
}

/** Starts one. Nobody answers at its DNS server and its inner MTA, unless ports are given. */
export async function startConsole(options: ConsoleOptions = {}): Promise<ConsoleGateway> {
  const port = await freePort();
  const url = `https://gw.${DOMAIN}:${port}`;
  const gateway = await makeGateway({
    domain: DOMAIN,
    innerPort: await freePort(),
    dnsPort: await freePort(),
    egressPort: await freePort(),
    ...options.gateway,
    config: {
      console: {
        listen: [`127.0.0.1:${port}`],
        tls: { certificateFile: 'tls.pem', keyFile: 'tls-key.pem' },
        publicUrl: url,
      },
      ...options.gateway?.config,
    },
  });
  try {
    if (options.prepare !== undefined) {
      await extendConsole(gateway.configFile, await options.prepare({ gateway, url }));
    }
    await gateway.setPolicy(options.policy ?? { partners: [] });
    const { testClock } = options.gateway ?? {};
    if (testClock !== undefined) await gateway.setTime(testClock);
    const store = new AccountStore(gateway.layout.accounts);
    const tokens = await addPeople(store, testClock ?? new Date());
    await gateway.start();
    return {
      gateway,
      url,
      store,
      tokens,
      startBrowser: () =>
        startChromium({ caFile: gateway.caFile, hosts: [`gw.${DOMAIN}`, `id.${DOMAIN}`] }),
      signInAs: (page, role) => signIn(page, url, role),
      call: (who, path, call = {}) =>
        callConsole({ gateway, port, path, call, token: who === null ? null : tokens[who] }),
      [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose](),
    };
  } catch (error) {
    await gateway[Symbol.asyncDispose]();
    throw error;
  }
}

/** Adds fields to the section `console` of a config file. */
async function extendConsole(file: string, fields: object): Promise<void> {
  const config = parse(await readFile(file, 'utf8')) as { console: object };
  Object.assign(config.console, fields);
  await writeFile(file, stringify(config));
}

/** One account of each role, with the same password, and a token of each. */
async function addPeople(store: AccountStore, now: Date): Promise<Record<Role, string>> {
  const passwordHash = await new PasswordHasher().hash(PASSWORD);
  if (passwordHash === null) throw new Error('no slot for a hash');
  const unrecorded = async (): Promise<void> => undefined;
  const tokens: Partial<Record<Role, string>> = {};
  for (const role of ROLES) {
    const added = await store.change(
      (all) => addAccount(all, { name: role, roles: [role], now }),
      unrecorded,
    );
    if (added.kind === 'refused') throw new Error(added.sentence);
    const secret = added.result.linkSecret;
    await store.change((all) => useLink(all, { secret, passwordHash, now }), unrecorded);
    const order = { name: 'test', scopes: [...permissionsOf([role])], days: 30, now };
    const token = await store.change((all) => createToken(all, { name: role }, order), unrecorded);
    if (token.kind === 'refused') throw new Error(token.sentence);
    tokens[role] = token.result.secret;
  }
  return tokens as Record<Role, string>;
}

async function signIn(page: Page, url: string, role: Role): Promise<void> {
  await page.goto(`${url}/sign-in`);
  await page.fill('input[name=name]', role);
  await page.fill('input[name=password]', PASSWORD);
  await page.click('main button[type=submit]');
  await page.waitForURL((address) => !address.pathname.startsWith('/sign-in'));
}

interface Call {
  readonly gateway: Gateway;
  readonly port: number;
  readonly path: string;
  readonly call: CallOptions;
  readonly token: string | null;
}

async function callConsole({ gateway, port, path, call, token }: Call): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const isJson = typeof call.body === 'object';
  const body = isJson ? JSON.stringify(call.body) : call.body;
  const outgoing = request(
    {
      host: '127.0.0.1',
      port,
      path,
      method: call.method ?? 'GET',
      ...(call.from === undefined ? {} : { localAddress: call.from }),
      ca: gateway.caPem,
      servername: gateway.name,
      agent: false,
      headers: {
        host: `${gateway.name}:${port}`,
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(isJson ? { 'content-type': 'application/json' } : {}),
        ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(String(body)) }),
        ...call.headers,
      },
    },
    (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', reject);
      answer.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        const { statusCode = 0, headers } = answer;
        resolve({ status: statusCode, headers, text, json: () => JSON.parse(text) as unknown });
      });
    },
  );
  outgoing.on('error', reject);
  outgoing.end(body);
  return await promise;
}
