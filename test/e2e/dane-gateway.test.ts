import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { RecordedEvent } from '@sallyport/audit-log';
import type { DomainSurvey } from '@sallyport/survey';
import { makeCa } from '../harness/ca.ts';
import { startDns } from '../harness/dns.ts';
import { temporaryFolder } from '../harness/folder.ts';
import { type Gateway, sallyport, startGateway } from '../harness/gateway.ts';
import { skipWithout } from '../harness/install-peers.ts';
import { textMessage } from '../harness/messages.ts';
import { startPolicyHost } from '../harness/policy-host.ts';
import { freePort } from '../harness/ports.ts';
import { type Postfix, startPostfix } from '../harness/postfix.ts';
import { sendMessage } from '../harness/smtp-client.ts';
import { tlsaOf } from '../harness/tlsa.ts';

const WEB = '127.0.31.80';
const STS = 'charlie.example';
const CLEAR = { sign: 'none', encrypt: 'none' };

describe('a gateway and Postfix as the partner', {
  skip: skipWithout('postfix', 'nsd', 'unbound', 'ldnsutils'),
}, () => {
  const stack = new AsyncDisposableStack();
  let gateway: Gateway;
  let partner: Postfix;

  before(async () => {
    const { path } = stack.use(await temporaryFolder('dane-gateway'));
    const ca = await makeCa(path);
    const certificate = await ca.issueServer('mx', ['mx.bravo.example', `mx.${STS}`]);
    const other = await ca.issueServer('other', ['mx.bravo.example']);
    const host = await ca.issueServer('web', [`mta-sts.${STS}`]);
    const mxPort = await freePort();
    const hosts = ['@ IN MX 10 mx', 'mx IN A 127.0.0.1'];
    const tlsa = (pem: string): string => `_${mxPort}._tcp.mx IN ${tlsaOf(pem, [3, 1, 1])}`;
    const dns = stack.use(
      await startDns([
        { name: 'bravo.example', kind: 'signed', records: [...hosts, tlsa(certificate.pem)] },
        { name: 'delta.example', kind: 'signed', records: [...hosts, tlsa(other.pem)] },
        {
          name: STS,
          records: [...hosts, `mta-sts IN A ${WEB}`, '_mta-sts IN TXT "v=STSv1; id=1;"'],
        },
      ]),
    );
    const domains = ['bravo.example', 'delta.example', STS];
    const tls = { level: 'may', certificate } as const;
    partner = stack.use(
      await startPostfix({ role: 'partner', name: 'mx.bravo.example', domains, port: mxPort, tls }),
    );
    const key = await readFile(host.keyFile, 'utf8');
    const shown = new Map([[`mta-sts.${STS}`, { key, cert: host.pem }]]);
    const web = stack.use(await startPolicyHost({ host: WEB, port: 443 }, shown));
    const policy = `version: STSv1\r\nmode: enforce\r\nmx: mx.${STS}\r\nmax_age: 86400\r\n`;
    web.answer(`mta-sts.${STS}`, { body: policy });
    gateway = stack.use(
      await startGateway(
        {
          domain: 'acme.example',
          innerPort: await freePort(),
          dnsPort: dns.port,
          egressPort: mxPort,
          config: {
            dns: { servers: [`127.0.0.1:${dns.port}`], trusted: true },
            lookup: { allowPrivateAddresses: true, tlsAnchorsFile: ca.certificateFile },
          },
        },
        {
          partners: [
            {
              name: 'Bravo',
              domains: ['bravo.example', 'delta.example'],
              outbound: CLEAR,
              tls: { level: 'dane-only' },
            },
          ],
          default: { outbound: CLEAR, tls: { level: 'may', anchors: [ca.pem] } },
        },
      ),
    );
  });
  after(() => stack.disposeAsync());

  const send = async (domain: string): Promise<RecordedEvent> => {
    const [from, to] = ['alice@acme.example', `bob@${domain}`];
    const data = textMessage({ from, to, text: 'hello' });
    const reply = await sendMessage(gateway.relay, { from, to: [to], data });
    assert.equal(reply.code, 250);
    return await gateway.waitForEvent(
      ({ kind, facts }) =>
        (kind === 'relayed' || kind === 'deferred') && facts['destination'] === domain,
      { what: `the fate of mail to ${domain}` },
    );
  };

  test('RFC 7672: dane-only delivers to the Postfix that the TLSA record names', async () => {
    const { kind, facts } = await send('bravo.example');
    assert.equal(kind, 'relayed', JSON.stringify(facts));
    assert.deepEqual((facts['tls'] as { result: string }).result, 'dane');
    await partner.waitForMessages(({ deliveredTo }) => deliveredTo === 'bob@bravo.example');
  });

  test('RFC 7672: the same Postfix gets nothing for a domain whose TLSA record names another key', async () => {
    const { kind, facts } = await send('delta.example');
    assert.equal(kind, 'deferred');
    assert.equal(facts['fault'], 'tls-not-trusted');
    assert.match(String(facts['sentence']), /no TLSA record fits/);
    assert.ok(!(await partner.log()).includes('delta.example'));
  });

  test('RFC 8461: a policy is fetched, obeyed and kept in the folder of egress', async () => {
    const { kind, facts } = await send(STS);
    assert.equal(kind, 'relayed', JSON.stringify(facts));
    assert.deepEqual((facts['tls'] as { result: string }).result, 'mta-sts');
    assert.equal((await readdir(gateway.layout.mtaStsPolicies)).length, 1);
  });

  test('survey tells whether TLSA records fit the server', async () => {
    const look = async (domain: string): Promise<DomainSurvey> => {
      const found = await sallyport('survey', domain, '--config', gateway.configFile, '--json');
      return JSON.parse(String(found.stdout)) as DomainSurvey;
    };
    const good = await look('bravo.example');
    assert.equal(good.mail.hosts[0]?.tlsa.check, 'fits', JSON.stringify(good.mail));
    const bad = await look('delta.example');
    assert.equal(bad.mail.hosts[0]?.tlsa.check, 'misfit');
    assert.ok(
      bad.remarks.some(({ severity, text }) => severity === 'fault' && text.includes('TLSA')),
    );
    assert.equal((await look(STS)).mail.hosts[0]?.tlsa.check, 'not-applicable');
  });
});
