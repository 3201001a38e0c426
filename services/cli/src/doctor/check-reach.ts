import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import type { Check, Patient } from './check.ts';
import { type Dialled, dial, type Place } from './dial.ts';
import { type Finding, fault, ok, reasonOf, warning } from './finding.ts';

const MAX_HOPS = 50;
const MAX_REPLY_CHARS = 100;
const NEEDS_TLS = new Set(['encrypt', 'fingerprint', 'verify', 'secure', 'dane-only']);

/** Everything else that the gateway needs to reach, asked as the gateway would ask it. */
export const reachCheck: Check = {
  area: 'reach',
  asksOthers: true,
  look: async (patient) => {
    const found = await Promise.all([
      scannerFindings(patient),
      redisFindings(patient),
      ldapFindings(patient),
      routeFindings(patient),
      shipFindings(patient),
      alertFindings(patient),
      oidcFindings(patient),
    ]);
    const findings = found.flat();
    return findings.length > 0 ? findings : [ok('reach', 'All that the config names answers.')];
  },
};

function placeText(place: Place): string {
  return 'path' in place ? place.path : `${place.host}:${place.port}`;
}

async function scannerFindings({ config: { scanner } }: Patient): Promise<readonly Finding[]> {
  if (scanner === undefined) return [];
  const { clamd } = scanner;
  const place = 'socket' in clamd ? { path: clamd.socket } : clamd.address;
  const answer = await dial(place, { say: 'zPING\0', isEnough: (heard) => heard.includes('\0') });
  if (answer.kind === 'answered' && answer.text.startsWith('PONG')) return [];
  const why = answer.kind === 'silent' ? answer.reason : 'it does not talk as clamd does';
  return [
    fault(
      'scanner-silent',
      `clamd at ${placeText(place)} does not answer: ${why}.`,
      'Start clamav-daemon, and let the group of its socket in. Until then mail waits.',
    ),
  ];
}

async function redisFindings({ config: { queue } }: Patient): Promise<readonly Finding[]> {
  if (queue.driver !== 'redis') return [];
  const text = await readFile(queue.urlFile, 'utf8').catch((error: unknown) => error);
  const advice = `Put one line into ${queue.urlFile}: redis://:password@host:6379/0`;
  if (typeof text !== 'string') {
    return [fault('redis-url', `The URL of Redis cannot be read: ${reasonOf(text)}.`, advice)];
  }
  const url = URL.parse(text.trim());
  if (url === null || !/^rediss?:$/.test(url.protocol)) {
    return [fault('redis-url', 'The file with the URL of Redis holds none.', advice)];
  }
  const place = { host: url.hostname, port: Number(url.port || '6379') };
  const login = [url.username, url.password].map(decodeURIComponent).filter((one) => one !== '');
  const say = [...(login.length > 0 ? [['AUTH', ...login]] : []), ['PING']].map(respOf).join('');
  const answer = await dial(place, {
    say,
    isEnough: (heard) => /^(?:\+PONG|-)/m.test(heard),
    ...(url.protocol === 'rediss:' ? { tls: { anchorsFile: undefined } } : {}),
  });
  if (answer.kind === 'answered' && /^\+PONG/m.test(answer.text)) return [];
  const [, refusal] = answer.kind === 'answered' ? (/^-([A-Z]+)/m.exec(answer.text) ?? []) : [];
  const why = answer.kind === 'silent' ? answer.reason : `it refuses (${refusal ?? 'ERR'})`;
  return [
    fault(
      'redis-silent',
      `Redis at ${placeText(place)} does not serve: ${why}.`,
      'Start it, or mend the URL. No accepted mail is lost; it waits.',
    ),
  ];
}

/** Redis serialisation: no word of a password can become a command. */
function respOf(words: readonly string[]): string {
  const bulk = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${bulk.join('')}`;
}

async function ldapFindings({ config }: Patient): Promise<readonly Finding[]> {
  const servers = [
    ...config.lookup.ldapServers.map(({ url, anchorsFile }) => ({ url, anchorsFile })),
    ...config.domains.flatMap(({ recipients }) =>
      recipients.kind === 'ldap' ? [{ url: recipients.url, anchorsFile: undefined }] : [],
    ),
  ];
  const found = servers.map(async ({ url, anchorsFile }): Promise<readonly Finding[]> => {
    const { protocol, hostname, port } = new URL(url);
    const isTls = protocol === 'ldaps:';
    const place = { host: hostname, port: Number(port || (isTls ? '636' : '389')) };
    const anchors = anchorsFile ?? config.lookup.tlsAnchorsFile;
    const answer = await dial(place, isTls ? { tls: { anchorsFile: anchors } } : {});
    if (answer.kind === 'answered') return [];
    return [
      fault(
        'ldap-silent',
        `The directory ${url} cannot be reached: ${answer.reason}.`,
        'See to its server, its name and its certificate. Until then mail that needs it waits.',
      ),
    ];
  });
  return (await Promise.all(found)).flat();
}

async function routeFindings({ config }: Patient): Promise<readonly Finding[]> {
  const found = config.routes.slice(0, MAX_HOPS).map(async (route): Promise<readonly Finding[]> => {
    const hops = await Promise.all(
      route.nextHops.map(async (hop) => ({ hop, answer: await greet(hop, config.gateway.name) })),
    );
    const bad = hops.flatMap(({ hop, answer }) => hopFinding(route, hop, answer));
    const isDown = hops.every(({ answer }) => refusalOf(answer) !== null);
    // One that answers is enough for mail to flow.
    return isDown ? bad.map((one) => ({ ...one, level: 'fault' })) : bad;
  });
  const left = config.routes.length - MAX_HOPS;
  if (left > 0) {
    const sentence = `The next hops of ${left} routes were not asked: ${MAX_HOPS} are asked at the most.`;
    found.push(
      Promise.resolve([warning('hops-left', sentence, 'Look at their queue: queue list.')]),
    );
  }
  return (await Promise.all(found)).flat();
}

type Route = Patient['config']['routes'][number];

function hopFinding({ domain, tls }: Route, hop: Place, answer: Dialled): readonly Finding[] {
  const where = `The next hop ${placeText(hop)} of ${domain}`;
  if (answer.kind === 'silent') {
    return [
      warning(
        'hop-silent',
        `${where} does not answer: ${answer.reason}.`,
        'See to that server, or to the way to it.',
      ),
    ];
  }
  const refusal = refusalOf(answer);
  if (refusal !== null) {
    const advice = 'See to it that this server takes mail of this host.';
    return [warning('hop-refuses', `${where} does not take us: ${refusal}.`, advice)];
  }
  if (!NEEDS_TLS.has(tls.level) || /^250[- ]STARTTLS/im.test(answer.text)) return [];
  return [
    fault(
      'hop-without-tls',
      `${where} offers no STARTTLS, and tls.level is ${tls.level}.`,
      'Switch TLS on there; until then mail waits.',
    ),
  ];
}

/** Why no mail goes there; null if it may. */
function refusalOf(answer: Dialled): string | null {
  if (answer.kind === 'silent') return answer.reason;
  const { text } = answer;
  if (text.startsWith('2') && /^250[- \r]/m.test(text)) return null;
  const [line = ''] = text.split('\r\n').filter((one) => !one.startsWith('220'));
  return line
    .replace(/[^ -~]/g, '?')
    .replace(/\.$/, '')
    .slice(0, MAX_REPLY_CHARS);
}

async function greet(hop: Place, name: string): Promise<Dialled> {
  return await dial(hop, {
    say: `EHLO ${name}\r\n`,
    isGreeted: true, // a server may hold it against us if we speak first
    // The greeting, then the reply to EHLO.
    isEnough: (heard) =>
      (heard.match(/^\d{3}(?: [^\r\n]*)?\r?\n/gm) ?? []).length >= 2 || /^[45]/.test(heard),
  });
}

async function shipFindings({ config }: Patient): Promise<readonly Finding[]> {
  const found = config.audit.ship.map(async (target): Promise<readonly Finding[]> => {
    const advice = 'See to it: until then no copy of the log can show that its end was cut.';
    if (target.kind === 'file') {
      const why = await access(target.path, constants.W_OK).then(() => null, reasonOf);
      if (why === null) return [];
      return [
        fault(
          'ship-silent',
          `${target.path}, where heads of the log go, cannot be written (${why}).`,
          advice,
        ),
      ];
    }
    const url = target.kind === 'https' ? new URL(target.url) : null;
    const place =
      target.kind === 'syslog'
        ? { host: target.host, port: target.port }
        : { host: url?.hostname ?? '', port: Number(url?.port || '443') };
    const answer = await dial(place, { tls: { anchorsFile: target.anchorsFile, isSystem: true } });
    if (answer.kind === 'answered') return [];
    return [
      fault(
        'ship-silent',
        `${placeText(place)}, where heads of the log go, cannot be reached: ${answer.reason}.`,
        advice,
      ),
    ];
  });
  return (await Promise.all(found)).flat();
}

/** Where alerts go: who is not told of trouble learns of it from others. */
async function alertFindings({ config }: Patient): Promise<readonly Finding[]> {
  const { mail, webhook } = config.monitor?.alerts ?? {};
  const silent = (what: string, reason: string): Finding =>
    warning(
      'alerts-silent',
      `${what} cannot be reached: ${reason}.`,
      'See to it, or name another under monitor.alerts: until then nobody hears of trouble this way.',
    );
  const findings: Finding[] = [];
  if (mail !== undefined) {
    const refusal = refusalOf(await greet(mail.via, config.gateway.name));
    if (refusal !== null) {
      findings.push(silent(`${placeText(mail.via)}, which takes the alerts by mail,`, refusal));
    }
  }
  if (webhook !== undefined) {
    const why = await whyNoTls(webhook.url, webhook.anchorsFile);
    if (why !== null) findings.push(silent(`The webhook at ${new URL(webhook.url).host}`, why));
  }
  return findings;
}

async function oidcFindings({ config }: Patient): Promise<readonly Finding[]> {
  const oidc = config.console?.oidc;
  if (oidc === undefined) return [];
  const why = await whyNoTls(oidc.issuer, oidc.anchorsFile);
  if (why === null) return [];
  const sentence = `The OpenID provider at ${new URL(oidc.issuer).host} cannot be reached: ${why}.`;
  return [warning('oidc-silent', sentence, 'See to it; local accounts sign in meanwhile.')];
}

/** Why no trusted TLS connection comes about; null if it does. */
async function whyNoTls(url: string, anchorsFile: string | undefined): Promise<string | null> {
  const { hostname, port } = new URL(url);
  const place = { host: hostname, port: Number(port || '443') };
  const answer = await dial(place, { tls: { anchorsFile, isSystem: true } });
  return answer.kind === 'answered' ? null : answer.reason;
}
