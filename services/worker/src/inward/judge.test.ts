/** Who may vouch for whom, and what a stranger can learn from the answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { authEnvelopedData } from '@sallyport/cms';
import { bufferContent, newQueueId, readContent } from '@sallyport/mail';
import { pkcs7MimeEntity } from '@sallyport/mime';
import { formatPemCertificate } from '@sallyport/pki';
import { parsePolicyDocument } from '@sallyport/policy';
import { type IssuedIdentity, issuedIdentity } from '@sallyport/test/issued-identity';
import { silentLookup } from '../shared/test-lookup-ports.ts';
import { crlf, encryptTo, keyringOf, NOW, signText } from '../shared/test-signers.ts';
import { type Judgement, type JudgePorts, judgeMessage } from './judge.ts';

function identity(
  cn: string,
  email: string | string[] | null,
  issuer?: IssuedIdentity,
): IssuedIdentity {
  return issuedIdentity({
    cn,
    kind: cn === 'domain-confidentiality-authority' ? 'rsa' : 'ec',
    emails: email === null ? [] : [email].flat(),
    issuer,
    isCa: issuer === undefined,
    notBefore: new Date(NOW.getTime() - 86_400_000),
    days: 30,
  });
}

const alphaRoot = identity('Alpha Root', null);
const bravoRoot = identity('Bravo Root', null);
const alphaUser = identity('A', 'ann@alpha.example', alphaRoot);
/** A CA that Bravo runs says whatever Bravo likes. */
const bravoForgery = identity('A', 'ann@alpha.example', bravoRoot);
const bravoUser = identity('B', 'bob@bravo.example', bravoRoot);
const bravoGateway = identity('Bravo gateway', 'gateway@bravo.example', bravoRoot);
const dca = identity(
  'domain-confidentiality-authority',
  'domain-confidentiality-authority@our.example',
  alphaRoot,
);

const strict = { signature: 'any-required', encryption: 'when-present', otherwise: 'refuse' };
const parsedPolicy = parsePolicyDocument({
  partners: [
    {
      name: 'Alpha',
      domains: ['alpha.example'],
      inbound: strict,
      trust: { anchors: [formatPemCertificate(alphaRoot.certificate.der)] },
    },
    {
      name: 'Bravo',
      domains: ['bravo.example'],
      inbound: strict,
      trust: {
        anchors: [formatPemCertificate(bravoRoot.certificate.der)],
        exceptions: [
          { subject: 'gateway@bravo.example', reason: 'agreed by contract', until: '2099-12-31' },
        ],
      },
    },
  ],
});
assert.ok(parsedPolicy.kind === 'ok');
const active = { version: 1, sha256: '', policy: parsedPolicy.policy };

const keyring = keyringOf(dca);

const ports: JudgePorts = {
  keyring,
  scanner: null,
  mayOpen: () => Promise.resolve(true),
  correlates: () => Promise.resolve(false),
  authservId: 'gw.our.example',
  lookup: silentLookup({ now: () => NOW }),
  now: NOW,
};

async function judged(
  header: string,
  inner: string,
  options: { readonly reversePath?: string; readonly ports?: Partial<JudgePorts> } = {},
): Promise<Judgement> {
  const { reversePath = 'x@nowhere.example' } = options;
  return await judgeMessage(
    {
      queueId: newQueueId(NOW),
      client: null,
      reversePath,
      content: bufferContent(crlf(`${header}To: us@our.example\n${inner}`)),
      released: false,
    },
    active,
    { ...ports, ...options.ports },
  );
}

const TEXT = 'Content-Type: text/plain\n\nhello\n';

function outcome(judgement: Judgement): string {
  if (judgement.kind === 'malformed') return `malformed ${judgement.fault}`;
  const { decision } = judgement;
  return 'fault' in decision ? `${decision.kind} ${decision.fault}` : decision.kind;
}

test('a partner signs for itself', async () => {
  assert.equal(
    outcome(await judged('From: ann@alpha.example\n', signText(TEXT, alphaUser))),
    'deliver',
  );
  assert.equal(
    outcome(await judged('From: bob@bravo.example\n', signText(TEXT, bravoUser))),
    'deliver',
  );
});

test('TM-1: the CA of one partner does not vouch for the domain of another, whoever MAIL FROM names', async () => {
  const forged = signText(TEXT, bravoForgery);
  for (const reversePath of ['bob@bravo.example', 'ann@alpha.example', '', 'x@nowhere.example']) {
    const judgement = await judged('From: ann@alpha.example\n', forged, { reversePath });
    assert.equal(outcome(judgement), 'refuse signer-not-trusted', reversePath);
  }
  const withSender = 'From: ann@alpha.example\nSender: bob@bravo.example\n';
  assert.match(outcome(await judged(withSender, forged)), /^refuse /);
  assert.match(outcome(await judged(withSender, signText(TEXT, alphaUser))), /^refuse /);
  for (const issuer of [bravoRoot, alphaRoot]) {
    const both = identity('A', ['ann@alpha.example', 'bob@bravo.example'], issuer);
    const judgement = await judged(withSender, signText(TEXT, both));
    assert.equal(outcome(judgement), 'refuse signer-not-trusted', 'both partners must trust it');
  }
});

test('DS-N6: the exception of one partner does not cover the author of another', async () => {
  const byGateway = signText(TEXT, bravoGateway);
  const own = await judged('From: bob@bravo.example\n', byGateway);
  assert.equal(outcome(own), 'deliver');
  assert.equal(own.kind === 'judged' && own.verdict.mapping, 'exception');
  for (const header of [
    'From: ann@alpha.example\n',
    'From: bob@bravo.example, ann@alpha.example\n',
    'From: ann@alpha.example\nSender: bob@bravo.example\n',
  ]) {
    const judgement = await judged(header, byGateway, { reversePath: 'bob@bravo.example' });
    assert.match(outcome(judgement), /^refuse /, header);
  }
});

test('I-class: a protected From of a partner brings in its rule, another outer From or not', async () => {
  const inner = signText(`From: ann@alpha.example\n${TEXT}`, bravoForgery);
  assert.equal(
    outcome(await judged('From: x@nowhere.example\n', inner)),
    'refuse signer-not-trusted',
  );
});

test('RFC 9788 4.4: a protected From is handed on if a signature is bound to it, else the outer one', async () => {
  const header = 'From: bob@bravo.example\nSubject: [...]\n';
  const marked = (from: string): string =>
    `From: ${from}\nSubject: inside\nContent-Type: text/plain; hp="cipher"\n\nhello\n`;
  const bound = await judged(
    header,
    await encryptTo(dca, signText(marked('eve@bravo.example'), bravoGateway)),
  );
  assert.equal(outcome(bound), 'deliver');
  assert.ok(bound.kind === 'judged');
  const shown = String(await readContent(bound.delivered));
  assert.match(shown, /^From: eve@bravo\.example\r$/m);
  assert.match(shown, /^Subject: inside\r$/m);
  assert.doesNotMatch(shown, /bob@|X-Sallyport-Protected-From/);

  const secret = await authEnvelopedData(
    bufferContent(crlf(marked('boss@nowhere.example'))),
    [dca.certificate],
    { content: 'aes256-gcm', keyTransport: 'rsa-pkcs1v15' },
  );
  const entity = pkcs7MimeEntity(secret, { smimeType: 'authEnveloped-data' });
  const inner = (await readContent(entity)).toString('latin1');
  const unbound = await judged(header.replace('bob@bravo', 'x@nowhere'), inner);
  assert.equal(outcome(unbound), 'deliver');
  assert.ok(unbound.kind === 'judged');
  const kept = String(await readContent(unbound.delivered));
  assert.match(kept, /^From: x@nowhere\.example\r$/m);
  assert.match(kept, /^X-Sallyport-Protected-From: boss@nowhere\.example\r$/m);
  assert.match(kept, /^Subject: inside\r$/m);
});

test('design 4: unproven CBC content has one answer, whatever is inside', async () => {
  const insides = [
    TEXT,
    `From: ann@alpha.example\n${TEXT}`,
    `From: x@nowhere.example\n${TEXT}`,
    `From: a@alpha.example\nFrom: b@alpha.example\n${TEXT}`,
    `From: not an address\n${TEXT}`,
    'no header here\n\nx\n',
    `From: ann@alpha.example\n${signText(TEXT, bravoForgery)}`,
    'Content-Type: application/pkcs7-mime\n\nbroken\n',
    'Content-Type: application/x-msdownload; name=evil.exe\n\nMZ\n',
  ];
  for (const [from, expected] of [
    ['x@nowhere.example', 'hold decryption-failed'],
    ['ann@alpha.example', 'refuse decryption-failed'],
  ]) {
    for (const inside of insides) {
      const judgement = await judged(`From: ${from}\n`, await encryptTo(dca, inside));
      assert.equal(outcome(judgement), expected, `${from}: ${inside.slice(0, 60)}`);
    }
    const failed = await judged(`From: ${from}\n`, await encryptTo(dca, TEXT), {
      ports: { mayOpen: () => Promise.resolve(false) },
    });
    assert.equal(outcome(failed), expected);
  }
});

test('design 4: the scanner never sees unproven plaintext', async () => {
  const scanner = { scan: () => Promise.reject(new Error('asked')) };
  const judgement = await judged('From: x@nowhere.example\n', await encryptTo(dca, TEXT), {
    ports: { scanner },
  });
  assert.equal(outcome(judgement), 'hold decryption-failed');
});

test('a From that everybody can see to be wrong is refused as such', async () => {
  const twice = 'From: ann@alpha.example\nFrom: bob@bravo.example\n';
  assert.equal(outcome(await judged(twice, TEXT)), 'malformed message-malformed');
  assert.equal(
    outcome(await judged(twice, await encryptTo(dca, TEXT))),
    'malformed message-malformed',
  );
});

test('SMTP smuggling: a bare line end out of a CMS object does not reach the next hop', async () => {
  const raw = 'Content-Type: text/plain\r\n\r\nhello\n.\nMAIL FROM:<x@y.example>\r\r\n';
  const cms = await authEnvelopedData(bufferContent(Buffer.from(raw)), [dca.certificate], {
    content: 'aes256-gcm',
    keyTransport: 'rsa-pkcs1v15',
  });
  const sealed = await readContent(pkcs7MimeEntity(cms, { smimeType: 'authEnveloped-data' }));
  const judgement = await judged('From: x@nowhere.example\n', sealed.toString('latin1'));
  assert.ok(judgement.kind === 'judged');
  assert.equal(outcome(judgement), 'deliver');
  const delivered = (await readContent(judgement.delivered)).toString('latin1');
  assert.match(delivered, /hello\r\n\.\r\n/);
  assert.doesNotMatch(delivered, /(^|[^\r])\n|\r(?!\n)/);
});

test('RFC 2045 section 6.2: a binary part out of a CMS object keeps its octets on the way on', async () => {
  const picture = '\x89PNG\r\n\x1a\n\x00\r\xff\n';
  const raw = [
    'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nhello\n',
    '\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n',
    `${picture}\r\n--b--\r\n`,
  ].join('');
  const cms = await authEnvelopedData(
    bufferContent(Buffer.from(raw, 'latin1')),
    [dca.certificate],
    { content: 'aes256-gcm', keyTransport: 'rsa-pkcs1v15' },
  );
  const sealed = await readContent(pkcs7MimeEntity(cms, { smimeType: 'authEnveloped-data' }));
  const judgement = await judged('From: x@nowhere.example\n', sealed.toString('latin1'));
  assert.ok(judgement.kind === 'judged');
  const delivered = (await readContent(judgement.delivered)).toString('latin1');
  assert.match(delivered, /\r\n\r\nhello\r\n\r\n--b\r\n/);
  const [, base64 = ''] =
    /Encoding: base64\r\n\r\n([A-Za-z0-9+/=]+)(?:\r\n)+--b--/.exec(delivered) ?? [];
  assert.equal(Buffer.from(base64, 'base64').toString('latin1'), picture);
  assert.doesNotMatch(delivered, /(^|[^\r])\n|\r(?!\n)/);
});

test('SM-4: what a signer announces is heard from those alone who are believed', async () => {
  const heardFrom = async (header: string, inner: string): Promise<readonly string[]> => {
    const judgement = await judged(header, inner);
    assert.ok(judgement.kind === 'judged');
    return judgement.heard.map(
      ({ place, entry }) =>
        `${place.rule} ${place.domain} ${entry.role} ${entry.capabilities.slice(0, 2).join()}`,
    );
  };
  const fromAnn = signText(TEXT, alphaUser);
  assert.deepEqual(await heardFrom('From: ann@alpha.example\n', fromAnn), [
    'partner:Alpha alpha.example originator aes256-cbc,aes192-cbc',
  ]);
  assert.deepEqual(await heardFrom('From: bob@bravo.example\n', signText(TEXT, bravoGateway)), [
    'partner:Bravo bravo.example domain aes256-cbc,aes192-cbc',
  ]);
  const nobody: readonly (readonly [header: string, inner: string])[] = [
    ['From: ann@alpha.example\n', signText(TEXT, bravoForgery)], // not trusted for this author
    ['From: eve@alpha.example\n', fromAnn], // not in the name of the author
    ['From: ann@alpha.example\nSender: bob@bravo.example\n', fromAnn],
    ['From: ann@alpha.example\n', fromAnn.replace(/^[A-Za-z0-9+/]{60}/m, (line) => line.slice(4))],
    ['From: ann@alpha.example\n', TEXT],
  ];
  for (const [header, inner] of nobody) assert.deepEqual(await heardFrom(header, inner), []);
});
