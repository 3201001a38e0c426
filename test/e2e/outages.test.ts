import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { canaryWord, type Issued, makeCa } from '../harness/ca.ts';
import { type CmsMaker, makeCmsMaker, SIGNATURE_TYPE, withHeader } from '../harness/cms-maker.ts';
import { startDns, type Zone } from '../harness/dns.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, partnerRecord, startGateway } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { headerOf, textEntity, textMessage } from '../harness/messages.ts';
import { fieldOf } from '../harness/openssl.ts';
import { freePort } from '../harness/ports.ts';
import { type Postfix, startPostfix } from '../harness/postfix.ts';
import { type RecordingProxy, startRecordingProxy } from '../harness/recording-proxy.ts';
import {
  politeScript,
  type Script,
  type ScriptedServer,
  startScriptedServer,
} from '../harness/scripted-server.ts';
import { type DirectoryEntry, startSlapd } from '../harness/slapd.ts';
import { type Reply, sendMessage } from '../harness/smtp-client.ts';
import { waitFor } from '../harness/wait.ts';

const ADDRESS = {
  gateway: '127.0.0.31',
  good: '127.0.0.32',
  clear: '127.0.0.33',
  proxied: '127.0.0.34',
  injector: '127.0.0.36',
  refuser: '127.0.0.37',
} as const;
/** Partners, each with something that is broken. */
const BROKEN = [
  'missing',
  'refusing',
  'expired',
  'mismatch',
  'untrusted',
  'down',
  'servfail',
  'clear',
  'wrongtls',
  'injector',
  'refuser',
  'soft',
] as const;
type Broken = (typeof BROKEN)[number];

interface World {
  readonly maker: CmsMaker;
  readonly dsa: Issued;
  readonly inner: Postfix;
  readonly partner: Postfix;
  readonly proxy: RecordingProxy;
  readonly noTls: ScriptedServer;
  /** They offer STARTTLS and betray it. */
  readonly hostile: readonly ScriptedServer[];
  readonly gateway: Gateway;
}

const skip = skipWithout(
  'postfix',
  'slapd',
  'nsd',
  'unbound',
  'bind9-dnsutils',
  'openssl',
  'gcc',
  'libssl-dev',
);

describe('when something is down or wrong', { skip }, () => {
  const stack = new AsyncDisposableStack();
  const canary = canaryWord();
  let world: World;

  before(async () => {
    const folder = stack.use(await temporaryFolder('outages'));
    const ca = await makeCa(folder.path, 'CA of the partners');
    const other = stack.use(await temporaryFolder('outages-ca'));
    const otherCa = await makeCa(other.path, 'CA of nobody');
    const dca = (domain: string, options?: object, by = ca): Promise<Issued> =>
      by.issueAuthority('domain-confidentiality-authority', domain, options);
    const entry = (name: string, certificate: Issued): DirectoryEntry => ({
      cn: 'domain-confidentiality-authority',
      mail: `domain-confidentiality-authority@${name}.example`,
      certificates: [certificate.der],
    });
    const past = { notBefore: '200101000000Z', notAfter: '210101000000Z' };
    const slapd = stack.use(
      await startSlapd({
        entries: [
          entry('expired', await dca('expired.example', past)),
          entry('mismatch', await dca('elsewhere.example')),
          entry('untrusted', await dca('untrusted.example', {}, otherCa)),
          ...(await Promise.all(
            ['clear', 'wrongtls', 'injector', 'refuser', 'good'].map(async (name) =>
              entry(name, await dca(`${name}.example`)),
            ),
          )),
        ],
      }),
    );
    const port = await freePort(...Object.values(ADDRESS));
    const names = ['good', ...BROKEN, 'world'].map((name) => `mx.${name}.example`);
    const partner = stack.use(
      await startPostfix({
        role: 'partner',
        name: 'mx.good.example',
        domains: ['good', ...BROKEN, 'world'].map((name) => `${name}.example`),
        host: ADDRESS.good,
        port,
        tls: { level: 'may', certificate: await ca.issueServer('mx', names) },
      }),
    );
    const proxy = stack.use(await startRecordingProxy(partner, { host: ADDRESS.proxied, port }));
    const noTls = stack.use(
      await startScriptedServer(politeScript(), { host: ADDRESS.clear, port }),
    );
    const hostile = [
      // RFC 3207 section 5: what stands behind the 220 is not of the server that TLS proves.
      { host: ADDRESS.injector, answer: '220 go\r\n250-mx.injector.example\r\n250 HELP' },
      { host: ADDRESS.refuser, answer: '454 4.7.0 TLS not available' },
    ];
    const hostileServers = [];
    for (const { host, answer } of hostile) {
      const polite = politeScript(['STARTTLS']);
      const script: Script = (line, session) =>
        /^STARTTLS/i.test(line) ? answer : polite(line, session);
      hostileServers.push(stack.use(await startScriptedServer(script, { host, port })));
    }
    const dead = await freePort();
    const zone = (name: string, ldapPort: number | null, mx: string = ADDRESS.proxied): Zone => ({
      name: `${name}.example`,
      records: [
        '@ IN MX 10 mx',
        `mx IN A ${mx}`,
        'ldap IN A 127.0.0.1',
        ...(ldapPort === null ? [] : [`_ldap._tcp IN SRV 10 10 ${ldapPort} ldap`]),
      ],
    });
    const dns = stack.use(
      await startDns([
        zone('good', slapd.port),
        zone('world', null),
        ...(['missing', 'refusing', 'expired', 'mismatch', 'untrusted', 'wrongtls'] as const).map(
          (name) => zone(name, slapd.port),
        ),
        zone('clear', slapd.port, ADDRESS.clear),
        zone('injector', slapd.port, ADDRESS.injector),
        zone('refuser', slapd.port, ADDRESS.refuser),
        zone('down', dead),
        zone('soft', dead),
        { name: 'servfail.example', records: [], kind: 'broken' },
      ]),
    );
    const record = (name: Broken | 'good', outbound: object = {}, tls: object = {}): object =>
      partnerRecord({ name, domain: `${name}.example`, anchor: ca.pem }, { outbound, tls });
    const innerPort = await freePort();
    const gateway = stack.use(
      await startGateway(
        {
          domain: 'acme.example',
          innerPort,
          dnsPort: dns.port,
          egressPort: port,
          address: ADDRESS.gateway,
          partnerPort: port,
          config: { retry: { first: '1s', longest: '1s', expiry: '25s' } },
        },
        {
          partners: [
            record('good'),
            record('missing'),
            record('refusing', { otherwise: 'refuse' }),
            record('expired'),
            record('mismatch'),
            record('untrusted'),
            record('down'),
            record('servfail'),
            record('clear'),
            record('injector'),
            record('refuser'),
            record('wrongtls', {}, { anchors: [otherCa.pem] }),
            record('soft', {
              encrypt: 'when-possible',
              profile: 'compat',
              protectHeaders: false,
              // biome-ignore lint/suspicious/noThenProperty: the word of the policy document
              lookupFailure: { wait: '3s', then: 'send-signed' },
            }),
          ],
        },
      ),
    );
    const inner = stack.use(
      await startPostfix({
        role: 'inner',
        name: 'mail.acme.example',
        domains: ['acme.example'],
        port: innerPort,
        relayTo: gateway.relay,
      }),
    );
    world = {
      inner,
      partner,
      proxy,
      noTls,
      hostile: hostileServers,
      gateway,
      maker: await makeCmsMaker(folder.path),
      dsa: await ca.issueAuthority('domain-signing-authority', 'good.example'),
    };
  });
  after(() => stack.disposeAsync());

  const submit = async (domain: string, subject: string): Promise<Reply> => {
    const [from, to] = ['alice@acme.example', `bob@${domain}.example`];
    const data = textMessage({
      from,
      to,
      subject,
      text: `${canary} for ${domain}`,
      messageId: `${subject}@acme.example`,
    });
    return await sendMessage(world.gateway.relay, { from, to: [to], data });
  };
  const send = async (domain: string, subject: string): Promise<void> => {
    const reply = await submit(domain, subject);
    assert.equal(reply.code, 250, reply.text);
  };
  const arrived = async (subject: string, timeoutMs = 15_000): Promise<Buffer> => {
    const [found] = await world.partner
      .waitForMessages((one) => fieldOf(one.raw, 'message-id') === `<${subject}@acme.example>`, {
        timeoutMs,
      })
      .catch((cause: unknown) => {
        throw new Error(world.gateway.output().slice(-4_000), { cause });
      });
    assert.ok(found);
    return found.raw;
  };
  const returned = async (subject: string, timeoutMs = 15_000): Promise<string> => {
    const [report] = await world.inner.waitForMessages(
      (one) => one.returnPath === '' && one.raw.includes(`<${subject}@acme.example>`),
      { timeoutMs },
    );
    assert.ok(report);
    assert.match(fieldOf(report.raw, 'content-type') ?? '', /multipart\/report;.*delivery-status/);
    return report.raw.toString('latin1');
  };

  test('ordinary mail and a good partner are not delayed while all others are broken', async () => {
    for (const domain of BROKEN) await send(domain, `broken-${domain}`);
    const started = performance.now();
    await send('world', 'ordinary');
    await send('good', 'good');
    await arrived('ordinary');
    assert.equal((await arrived('good')).includes(canary), false, 'protected');
    assert.ok(performance.now() - started < 5_000, `took ${performance.now() - started} ms`);
  });

  const HELD = [
    ['missing', 'recipient-certificate-missing'],
    ['expired', 'recipient-certificate-expired'],
    ['mismatch', 'recipient-certificate-mismatch'],
    ['untrusted', 'recipient-certificate-untrusted'],
  ] as const;
  for (const [domain, fault] of HELD) {
    test(`a partner whose certificate is ${domain} has its mail held as ${fault}`, async () => {
      const event = await world.gateway.waitForEvent(
        (one) => one.kind === 'held' && one.facts['fault'] === fault,
        { what: fault },
      );
      assert.match(String(event.facts['sentence']), /^Held: the rule demands encryption and /);
      const entry = await world.gateway.waitForEntry((one) => one['fault'] === fault, fault);
      assert.match(JSON.stringify(entry), /"hold"|"held"/);
    });
  }

  test('where policy says refuse, mail without a certificate comes back with code, sentence and advice', async () => {
    const report = await returned('broken-refusing');
    assert.match(report, /Status: 5\.7\.5/);
    assert.match(report, /no certificate was found/);
    assert.doesNotMatch(report, new RegExp(`${canary} for`), 'RET=HDRS: the content stays away');
  });

  const WAITING = [
    ['down', 'directory-unreachable'],
    ['servfail', 'dns-failure'],
  ] as const;
  for (const [domain, fault] of WAITING) {
    test(`${domain}: mail waits as ${fault}`, async () => {
      const entry = await world.gateway.waitForEntry((one) => one['fault'] === fault, fault);
      assert.match(String(entry['sentence']), /^Waits: .*the rule demands encryption/);
    });
  }

  test('lookupFailure: mail that is encrypted when possible waits as long as the rule says, then leaves signed', async () => {
    const raw = await arrived('broken-soft', 20_000);
    assert.match(fieldOf(raw, 'content-type') ?? '', /^multipart\/signed/);
    const decided = await world.gateway.waitForEvent(
      (one) => one.kind === 'decided' && one.facts['rule'] === 'partner:soft',
    );
    assert.equal(decided.facts['decision'], 'sign-only');
    assert.match(JSON.stringify(decided.facts), /lookup was not possible|lookup-unavailable/);
  });

  const TLS_FAULTS = [
    ['clear', 'tls-not-offered', '4.7.4'],
    ['wrongtls', 'tls-not-trusted', '4.7.5'],
  ] as const;
  for (const [domain, fault] of TLS_FAULTS) {
    test(`${domain}: mail waits as ${fault}`, async () => {
      await world.gateway.waitForEvent(
        (one) => one.kind === 'deferred' && one.facts['fault'] === fault,
        { what: fault },
      );
    });
  }

  test('RFC 3207: partners without STARTTLS, or with one that is broken, never saw an envelope', async () => {
    for (const domain of ['injector', 'refuser']) {
      await world.gateway.waitForEvent(
        (one) => one.kind === 'deferred' && one.facts['destination'] === `${domain}.example`,
        { what: `${domain} waits` },
      );
    }
    for (const { lines } of [world.noTls, ...world.hostile]) {
      assert.ok(lines.length > 0, 'it was asked');
      for (const line of lines) assert.doesNotMatch(line, /^(MAIL|RCPT|DATA)/i);
    }
  });

  test('keyholder killed: outward mail waits and goes, inward mail is 451 and then taken', async () => {
    const entity = await world.maker.signed(
      await world.maker.empty(textEntity('inward')),
      world.dsa,
      [SIGNATURE_TYPE.domain],
    );
    const data = withHeader(
      headerOf({
        from: 'bob@good.example',
        to: 'alice@acme.example',
        messageId: 'inward-1@good.example',
      }),
      await world.maker.encrypted(entity, world.gateway.dcaFile),
    );
    const message = { from: 'bob@good.example', to: ['alice@acme.example'], data };
    const inward = (): Promise<Reply> =>
      sendMessage(world.gateway.partner, message, world.gateway.tls);
    await world.gateway.kill('keyholder');
    const [reply] = await Promise.all([inward(), send('good', 'without-keyholder')]);
    assert.ok(reply.code === 451 || reply.code === 250, reply.text);
    await arrived('without-keyholder', 30_000);
    const after = await waitFor(
      async () => {
        const again = await inward();
        return again.code === 250 ? again : null;
      },
      { what: 'inward mail after the keyholder is back' },
    );
    assert.equal(after.code, 250);
    await world.inner.waitForMessages(
      (one) => fieldOf(one.raw, 'message-id') === '<inward-1@good.example>',
    );
  });

  test('keyholder frozen: inward mail is 451 with the words of every local error', {
    timeout: 120_000,
  }, async () => {
    const resume = await world.gateway.freeze('keyholder');
    try {
      const entity = await world.maker.signed(textEntity('frozen'), world.dsa, [
        SIGNATURE_TYPE.domain,
      ]);
      const data = withHeader(
        headerOf({ from: 'bob@good.example', to: 'alice@acme.example' }),
        await world.maker.encrypted(entity, world.gateway.dcaFile),
      );
      const message = { from: 'bob@good.example', to: ['alice@acme.example'], data };
      const reply = await sendMessage(world.gateway.partner, message, world.gateway.tls);
      assert.match(reply.text, /^451 4\.3\.0 /);
    } finally {
      resume();
    }
  });

  test('recorder down: nothing is accepted (451), nothing is lost, and mail flows when it is back', async () => {
    const resume = await world.gateway.freeze('recorder');
    const reply = await submit('good', 'without-recorder').finally(resume);
    assert.match(reply.text, /^451 4\.3\.0 local error in processing/);
    await world.gateway.kill('recorder');
    await waitFor(() => submit('good', 'recorder-is-back').then((one) => one.code === 250), {
      what: 'the recorder is back',
    });
    await arrived('recorder-is-back', 30_000);
    const twice = (await world.partner.messages()).filter((one) =>
      one.raw.includes('<without-recorder@'),
    );
    assert.equal(twice.length, 0, 'what was answered 451 is not delivered');
  });

  test('RFC 3464: what waited too long comes back with the last fault as its reason', {
    timeout: 90_000,
  }, async () => {
    for (const domain of ['clear', 'wrongtls', 'down', 'servfail'] as const) {
      const report = await returned(`broken-${domain}`, 60_000);
      assert.match(report, /Action: failed/, domain);
      assert.match(report, /Status: 5\.\d\.\d+/, domain);
      assert.doesNotMatch(report, new RegExp(`${canary} for`));
    }
  });

  test('nothing was ever in clear on the line, but the mail that no rule protects', () => {
    const recorded = world.proxy.recorded().toString('latin1');
    assert.ok(recorded.includes('STARTTLS'), 'the proxy did listen');
    for (const domain of ['good', ...BROKEN]) {
      assert.equal(recorded.includes(`${canary} for ${domain}`), false, domain);
    }
    for (const { lines } of [world.noTls, ...world.hostile]) {
      assert.equal(
        lines.some((line) => line.includes(canary)),
        false,
      );
    }
  });
});
