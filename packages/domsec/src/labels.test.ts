import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signedData } from '@sallyport/cms';
import { der, OID } from '@sallyport/der';
import { bufferContent, type Content } from '@sallyport/mail';
import { pkcs7MimeEntity } from '@sallyport/mime';
import { describeLabel, labelsOf, type MessageLabels } from './labels.ts';
import { encodeEssAttribute, type SignedLabel } from './labels-encode.ts';
import {
  alice,
  attribute,
  attributeAuthority,
  bytesOf,
  crlf,
  dsa,
  dsaRsa,
  type Identity,
  judge,
  messageAround,
  open,
  reviewer,
  signerInfo,
  stranger,
  TYPE,
  typesAttribute,
} from './test-fixtures.ts';

const CONTENT = bufferContent(crlf('Content-Type: text/plain\n\nhello\n'));
const ACME = '1.3.6.1.4.1.99999.1';
const BRAVO = '1.3.6.1.4.1.99999.2';

function labelled(label: SignedLabel): Buffer {
  const { oid, value } = encodeEssAttribute({ kind: 'security-label', label });
  return attribute(oid, value);
}

function equivalent(...labels: SignedLabel[]): Buffer {
  const { oid, value } = encodeEssAttribute({ kind: 'equivalent-labels', labels });
  return attribute(oid, value);
}

const label = (policy: string, classification = 1): SignedLabel => ({
  policy,
  classification,
  privacyMark: null,
});

type Signer = readonly [Identity, ...Buffer[]];

async function layer(inner: Content, ...all: readonly Signer[]): Promise<Content> {
  const infos = [];
  for (const [who, ...extra] of all) infos.push(await signerInfo(inner, who, extra));
  const [first, ...others] = infos;
  assert.ok(first !== undefined);
  const cms = signedData(
    inner,
    [first, ...others],
    all.map(([who]) => who.certificate.der),
  );
  const made = pkcs7MimeEntity(cms, { smimeType: 'signed-data', name: 'smime.p7m' });
  return bufferContent(await bytesOf(made));
}

async function found(...layers: readonly (readonly Signer[])[]): Promise<MessageLabels> {
  let inner: Content = CONTENT;
  for (const signers of [...layers].reverse()) inner = await layer(inner, ...signers);
  const opened = await open(await messageAround(inner));
  return labelsOf(opened, judge(opened).layers);
}

const additional = typesAttribute(TYPE['additional-attributes']);

test('RFC 2634 3.1.2 (DS-V8): a label whose signature is not verified is not processed', async () => {
  const unknown = await found([[stranger, labelled(label(ACME))]]);
  assert.deepEqual(unknown, { labels: [], warning: null });
  const bad = attribute(OID.signingTime, der.null());
  const invalid = await found([[alice, labelled(label(ACME)), bad]]);
  assert.deepEqual(invalid.labels, []);
});

test('RFC 2634 3.1.1 (DS-V8): labels of one layer that differ, or stand in one signer only, are warned of', async () => {
  const differ = await found([
    [alice, labelled(label(ACME, 1))],
    [dsaRsa, labelled(label(ACME, 2))],
  ]);
  assert.match(differ.warning ?? '', /not identical/);
  const lone = await found([[alice, labelled(label(ACME))], [dsaRsa]]);
  assert.match(lone.warning ?? '', /not identical/);
  const same = await found([
    [alice, labelled(label(ACME))],
    [dsaRsa, labelled(label(ACME))],
  ]);
  assert.equal(same.warning, null);
  assert.equal(same.labels.length, 1);
  const unverified = await found([
    [alice, labelled(label(ACME, 1))],
    [stranger, labelled(label(ACME, 2))],
  ]);
  assert.equal(unverified.warning, null, 'only what has verified is compared');
});

test('RFC 2634 3.2: a label that cannot be read is warned of', async () => {
  const { labels, warning } = await found([[alice, attribute(OID.securityLabel, der.set())]]);
  assert.deepEqual(labels, []);
  assert.match(warning ?? '', /cannot be read/);
});

test('labels of different layers may differ: the outer one is of what is outside', async () => {
  const { labels, warning } = await found(
    [[dsaRsa, labelled(label(BRAVO, 0))]],
    [[alice, labelled(label(ACME, 3))]],
  );
  assert.equal(warning, null);
  assert.deepEqual(
    labels.map(({ layer: at, label: { policy, classification } }) => [at, policy, classification]),
    [
      [0, BRAVO, 0],
      [1, ACME, 3],
    ],
  );
});

test('RFC 3183 3.3 (DS-V7): in an additional-attributes signature a label is the aggregate, and equivalents translate the inner one', async () => {
  const { labels } = await found(
    [[attributeAuthority, additional, labelled(label(ACME, 4)), equivalent(label(BRAVO, 7))]],
    [[alice, labelled(label(ACME, 3))]],
  );
  assert.deepEqual(
    labels.map(({ meaning, equivalents }) => [meaning, equivalents.map((one) => one.policy)]),
    [
      ['aggregate', [BRAVO]],
      ['own', [BRAVO]],
    ],
  );
});

test('RFC 2634 3.4: equivalent labels of a signer who may not translate are ignored', async () => {
  for (const outer of [
    [alice, equivalent(label(BRAVO))],
    [reviewer, typesAttribute(TYPE.review), equivalent(label(BRAVO))],
    [alice, additional, equivalent(label(BRAVO))],
    [stranger, additional, equivalent(label(BRAVO))],
  ] satisfies Signer[]) {
    const { labels } = await found([outer], [[alice, labelled(label(ACME))]]);
    assert.deepEqual(labels[0]?.equivalents, []);
  }
  const domain = typesAttribute(TYPE.domain);
  const own = await found([[dsa, domain, labelled(label(ACME)), equivalent(label(BRAVO))]]);
  assert.deepEqual(
    own.labels[0]?.equivalents.map(({ policy }) => policy),
    [BRAVO],
  );
});

test('a label is shown without its bytes', async () => {
  const { labels } = await found([[alice, labelled({ ...label(ACME, 2), privacyMark: 'X' })]]);
  const [first] = labels;
  assert.ok(first !== undefined);
  assert.deepEqual(describeLabel(first.label), {
    policy: ACME,
    classification: 2,
    privacyMark: 'X',
    categories: [],
  });
});
