import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ClientFacts } from '@sallyport/ipc';
import { mailbox } from '@sallyport/test/addresses';
import { meetsDemands } from './client-name.ts';
import {
  checkRecipient,
  listAsker,
  type RecipientAsker,
  type RecipientCheck,
} from './recipients.ts';
import { decryptionFloorMs, padToFloor } from './time-floor.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-inward-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string): string => join(folder, name);

// ---- recipients

const askers = (answer: RecipientCheck, asked: string[] = []) =>
  new Map<string, RecipientAsker>([
    [
      'acme.example',
      {
        exists: (one) => {
          asked.push(one.localPart);
          return Promise.resolve(answer);
        },
      },
    ],
  ]);

test('RFC 5321 3.6: a recipient of no domain of ours is not relayed', async () => {
  for (const path of ['a@other.example', 'a@sub.acme.example', 'postmaster@other.example']) {
    assert.equal(await checkRecipient(mailbox(path), askers('known')), 'relay-denied', path);
  }
});

test('RFC 3183 6 (DS-N11): nobody gets mail under the names of the authorities', async () => {
  const names = [
    'domain-signing-authority',
    'domain-confidentiality-authority',
    'review-authority',
    'attribute-authority',
    'Domain-Signing-Authority',
    '"review-authority"',
    '"review\\-authority"',
  ];
  const asked: string[] = [];
  for (const name of names) {
    const fault = await checkRecipient(mailbox(`${name}@acme.example`), askers('known', asked));
    assert.equal(fault, 'recipient-reserved', name);
  }
  assert.deepEqual(asked, []);
});

test('RFC 5321 4.5.1: postmaster is always taken, in any case, and nobody is asked', async () => {
  const asked: string[] = [];
  for (const name of ['postmaster', 'POSTMASTER', '"postmaster"']) {
    assert.equal(
      await checkRecipient(mailbox(`${name}@acme.example`), askers('unavailable', asked)),
      null,
    );
  }
  assert.deepEqual(asked, []);
});

test('the answer of the asker becomes the fault', async () => {
  const ask = async (answer: RecipientCheck) =>
    await checkRecipient(mailbox('a@acme.example'), askers(answer));
  assert.equal(await ask('known'), null);
  assert.equal(await ask('unknown'), 'recipient-unknown');
  assert.equal(await ask('unavailable'), 'recipient-check-unavailable');
});

const list = (path: string) =>
  listAsker({ name: 'acme.example', recipients: { kind: 'list', file: path } });

test('a list that is not there is an outage, never an unknown recipient', async () => {
  assert.equal(await list(file('none')).exists(mailbox('a@acme.example')), 'unavailable');
});

test('a list has one address a line, comments, and no regard to case', async () => {
  const path = file('list');
  writeFileSync(
    path,
    '# people\nAnn@ACME.example # boss\r\n\n  bob@acme.example\nnonsense\n"q u"@acme.example\n',
  );
  const asker = list(path);
  for (const name of ['ann', 'ANN', 'bob', '"q u"']) {
    assert.equal(await asker.exists(mailbox(`${name}@acme.example`)), 'known', name);
  }
  for (const name of ['people', 'nonsense', 'boss', 'carol']) {
    assert.equal(await asker.exists(mailbox(`${name}@acme.example`)), 'unknown', name);
  }
  assert.equal(await asker.exists(mailbox('ann@sub.acme.example')), 'unknown');
});

test('a list is read again when it changes, and an outage ends', async () => {
  const path = file('changing');
  writeFileSync(path, 'ann@acme.example\n');
  const asker = list(path);
  assert.equal(await asker.exists(mailbox('ann@acme.example')), 'known');
  writeFileSync(path, 'bob@acme.example\n');
  utimesSync(path, 1, 1);
  assert.equal(await asker.exists(mailbox('ann@acme.example')), 'unknown');
  assert.equal(await asker.exists(mailbox('bob@acme.example')), 'known');
  rmSync(path);
  assert.equal(await asker.exists(mailbox('bob@acme.example')), 'unavailable');
  writeFileSync(path, 'ann@acme.example\n');
  assert.equal(await asker.exists(mailbox('ann@acme.example')), 'known');
});

// ---- time floor

test('design 4: the floor depends on the size class alone, grows with it, and is bounded', () => {
  const mebibyte = 1024 * 1024;
  const floor = (size: number) => decryptionFloorMs(size, 100);
  assert.equal(floor(1_000), floor(900_000));
  let last = 0;
  for (const size of [1, mebibyte, 4 * mebibyte, 64 * mebibyte, 1024 * mebibyte]) {
    assert.ok(floor(size) >= last && floor(size) > 0);
    last = floor(size);
  }
  assert.equal(decryptionFloorMs(1e12, 60_000), 20_000);
  assert.equal(decryptionFloorMs(1_000, 0), 0);
});

test('design 4: an answer comes at a whole multiple of the floor, never before it', async () => {
  const started = performance.now();
  await padToFloor(started, 40);
  const took = performance.now() - started;
  assert.ok(took >= 39, `${took}`);
  const late = performance.now() - 50;
  await padToFloor(late, 40);
  assert.ok(performance.now() - late >= 79);
  await padToFloor(performance.now(), 0);
});

// ---- the name in the client's certificate

const openssl = (...args: string[]): void => {
  execFileSync('openssl', args, { stdio: 'ignore' });
};

function certificate(name: string, cn: string, san: string | null): string {
  const extensions = san === null ? [] : ['-addext', `subjectAltName=${san}`];
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
    '-subj',
    `/CN=${cn}`,
    ...extensions,
    '-keyout',
    file(`${name}.key`),
    '-out',
    file(`${name}.pem`),
  );
  const pem = readFileSync(file(`${name}.pem`), 'latin1');
  return pem.replace(/-----[^-]*-----|\s/g, '');
}

function client(clientCertificate: string | null, clientAuthorized = true): ClientFacts {
  return {
    address: '192.0.2.1',
    port: 1,
    helo: 'gw.bravo.example',
    tls: { version: 'TLSv1.3', cipher: 'x', clientCertificate, clientAuthorized },
    login: null,
    listener: 'partner',
  };
}

const WANTED = 'gw.bravo.example';

const clientNameMatches = (facts: ClientFacts | null, name: string | undefined): boolean => {
  const demands = name === undefined ? [] : [{ name, anchors: 'gateway' as const }];
  return meetsDemands(facts, demands, new Date());
};

test('where no name is demanded, any client will do', () => {
  assert.equal(clientNameMatches(null, undefined), true);
});

test('no TLS, no certificate, one that did not verify, or no certificate at all: no match', () => {
  const good = certificate('good', 'x', `DNS:${WANTED}`);
  assert.equal(clientNameMatches(client(good), WANTED), true);
  assert.equal(clientNameMatches(null, WANTED), false);
  assert.equal(clientNameMatches({ ...client(good), tls: null }, WANTED), false);
  assert.equal(clientNameMatches(client(null), WANTED), false);
  assert.equal(clientNameMatches(client(good, false), WANTED), false);
  for (const junk of ['', 'AAAA', '!!!!', good.slice(0, 100)]) {
    assert.equal(clientNameMatches(client(junk), WANTED), false);
  }
});

test('RFC 9525 6.3: the subject is never a name; a wildcard is one whole label', () => {
  const cases: [string, string, string | null, boolean][] = [
    ['cn', WANTED, null, false],
    ['cn2', WANTED, 'DNS:other.example', false],
    ['mail', 'x', `email:a@${WANTED}`, false],
    ['ip', 'x', 'IP:192.0.2.1', false],
    ['wild', 'x', 'DNS:*.bravo.example', true],
    ['part', 'x', 'DNS:g*.bravo.example', false],
    ['deep', 'x', 'DNS:*.example', false],
    ['case', 'x', 'DNS:GW.Bravo.Example', true],
    ['below', 'x', `DNS:x.${WANTED}`, false],
    ['many', 'x', `DNS:a.example,DNS:${WANTED}`, true],
  ];
  for (const [name, cn, san, expected] of cases) {
    assert.equal(clientNameMatches(client(certificate(name, cn, san)), WANTED), expected, name);
  }
});
