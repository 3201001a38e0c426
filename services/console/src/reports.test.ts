/** What ends, of ours and of partners. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { adviseProtocol, CallResult, DescribedCertificate } from '@sallyport/ipc';
import { NOW, testConsole } from './testing.ts';

type Described = CallResult<typeof adviseProtocol, 'describe'>['certificates'][number];

const DAY_MS = 86_400_000;
const BEGIN = '-----BEGIN CERTIFICATE-----';

/** A certificate by its name, which ends after so many days. */
const pem = (name: string, days: number): string =>
  `${BEGIN}\n${name} ${days}\n-----END CERTIFICATE-----\n`.replace(' -', ' minus');

function describedIn(text: string): Described[] {
  return text
    .split(BEGIN)
    .slice(1)
    .map((one) => {
      const [name = '', days = ''] = one.trim().split(/\s/);
      const notAfter = new Date(
        NOW.getTime() + Number(days.replace('minus', '-')) * DAY_MS,
      ).toISOString();
      const value: DescribedCertificate = {
        ...{ version: 3, subject: `CN=${name}`, issuer: 'CN=Root', serial: '01' },
        ...{ notBefore: NOW.toISOString(), notAfter, keyUsage: null, extendedKeyUsage: null },
        ...{ isCa: false, pathLength: null, policies: null, hasNameConstraints: false },
        ...{ addresses: [], dnsNames: [], ipAddresses: [], otherNames: [], roles: [], faults: [] },
        ...{ key: 'EC P-256', isKeyAccepted: true, signatureAlgorithm: 'ECDSA with SHA-256' },
        ...{ crlPlaces: [], ocspPlaces: [], subjectKeyId: null, authorityKeyId: null },
        ...{ sha1: '0'.repeat(40), sha256: '0'.repeat(64), spkiSha256: '0'.repeat(64), pem: one },
      };
      return { kind: 'certificate', value };
    });
}

const trustOf = (pinned: readonly string[]) => ({ trust: { pinned } });

test('of however many certificates of partners, the one that ends first is first; each is asked for once', async () => {
  let asked = 0;
  const partners = Array.from({ length: 30 }, (_, n) => ({
    name: `P${n}`,
    domains: [`p${n}.example`],
    ...trustOf(Array.from({ length: 15 }, (__, at) => pem(`c${n}.${at}`, 1_000 - n * 20 - at))),
  }));
  await using world = await testConsole({
    policy: {
      partners: [
        ...partners,
        { name: 'Last', domains: ['last.example'], ...trustOf([pem('soon', 3)]) },
      ],
    },
    advise: {
      describe: ({ certificates }) => {
        asked += certificates.length;
        return { certificates: certificates.flatMap(describedIn) };
      },
    },
  });
  const { endings } = await world.desk.reports.endings();
  assert.equal(endings.length, 451);
  assert.deepEqual([endings[0]?.whose, endings[0]?.name], ['Last', 'CN=soon']);
  const body = (await world.ask({ as: 'auditor', url: '/' })).payload;
  assert.match(body, /href="\/partners\/Last"/);
  assert.match(body, /3 days/);
  assert.doesNotMatch(body, /partners\/P0/);
  assert.equal(asked, 451);
});

test('a text with several certificates, or none, moves no end to another partner', async () => {
  const partners = [
    { name: 'Two', domains: ['two.example'], ...trustOf([pem('a', 90) + pem('b', 40)]) },
    { name: 'None', domains: ['none.example'], ...trustOf([pem('none', 1)]) },
    { name: 'One', domains: ['one.example'], ...trustOf([pem('c', 60)]) },
  ];
  await using world = await testConsole({
    policy: { partners },
    advise: {
      describe: ({ certificates }) => ({
        certificates: certificates.filter((text) => !text.includes('none')).flatMap(describedIn),
      }),
    },
  });
  const { endings } = await world.desk.reports.endings();
  assert.deepEqual(
    endings.map(({ whose, name }) => `${whose} ${name}`),
    ['Two CN=b', 'One CN=c'],
  );
});

test('what ends within the day is not said to have ended, nor to be of tomorrow', async () => {
  const partners = [
    { name: 'Near', domains: ['near.example'], ...trustOf([pem('near', 0.9)]) },
    { name: 'Over', domains: ['over.example'], ...trustOf([pem('over', -0.1)]) },
  ];
  await using world = await testConsole({
    policy: { partners },
    advise: {
      describe: ({ certificates }) => ({ certificates: certificates.flatMap(describedIn) }),
    },
  });
  for (const url of ['/', '/reports']) {
    const body = (await world.ask({ as: 'auditor', url })).payload;
    assert.match(body, /under a day/);
    assert.match(body, /has ended/);
  }
});
