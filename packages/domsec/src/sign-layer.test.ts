import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCms } from '@sallyport/cms';
import { DEFAULT_MIME_LIMITS, decodeBody } from '@sallyport/mime';
import type { EssAttribute } from './labels-encode.ts';
import type { OpenedMessage } from './layers.ts';
import { domainEncrypt, signMessage } from './outward.ts';
import { checkSignatureTypes, type SignatureTypeName } from './sign-layer.ts';
import {
  alice,
  attributeAuthority,
  bytesOf,
  crlf,
  dcaRsa,
  dsa,
  dsaRsa,
  entity,
  type Identity,
  judge,
  LIMITS,
  MESSAGE,
  messageAround,
  OUTER,
  open,
  reviewer,
  signerOf,
  validated,
} from './test-fixtures.ts';

const message = entity(MESSAGE);
const limits = DEFAULT_MIME_LIMITS;

async function sign(
  types: readonly SignatureTypeName[],
  who: Identity | readonly [Identity, Identity],
  options: {
    readonly bytes?: Buffer;
    readonly profile?: 'domsec' | 'compat';
    readonly attributes?: readonly EssAttribute[];
  } = {},
): Promise<Buffer> {
  const { bytes = MESSAGE, profile = 'domsec', attributes = [] } = options;
  const signers = 'key' in who ? signerOf(who) : ([signerOf(who[0]), signerOf(who[1])] as const);
  const made = await signMessage(entity(bytes), signers, {
    types,
    profile,
    attributes,
    protectHeaders: true,
    limits,
  });
  return await messageAround(made);
}

function layersOf(opened: OpenedMessage): readonly string[] {
  return opened.layers.map((layer) => {
    if (layer.kind !== 'signed') return layer.kind;
    return layer.empty ? 'empty' : `${layer.form} ${layer.signers[0]?.types?.join('+') ?? '-'}`;
  });
}

test('RFC 3183 3.1.2 (DS-G4): types that may not stand together are not signed', async () => {
  assert.match(checkSignatureTypes(['domain', 'domain']) ?? '', /twice/);
  assert.match(checkSignatureTypes(['additional-attributes', 'domain']) ?? '', /only/);
  assert.equal(checkSignatureTypes(['domain', 'review']), null);
  await assert.rejects(sign(['additional-attributes', 'review'], reviewer), RangeError);
  await assert.rejects(sign(['review', 'review'], reviewer), RangeError);
});

test('RFC 3183 3.1.2 (DS-G6): what must encapsulate is never clear-signed', async () => {
  for (const type of ['domain', 'review', 'additional-attributes'] as const) {
    await assert.rejects(sign([type], reviewer, { profile: 'compat' }), RangeError, type);
  }
});

test('RFC 3183 3.1.2 (DS-G6): every type but the originator encapsulates, an empty layer if need be', async () => {
  const signers = {
    domain: dsa,
    review: reviewer,
    'additional-attributes': attributeAuthority,
  } as const;
  for (const [type, who] of Object.entries(signers)) {
    const opened = await open(await sign([type as keyof typeof signers], who));
    assert.deepEqual(layersOf(opened), [`opaque ${type}`, 'empty']);
    const verdict = judge(opened);
    assert.equal(verdict.signature, 'valid');
    assert.equal(verdict.signatureType, type);
    assert.equal(verdict.mapping, 'ok');
    // DS-V6: only the domain signature says something of the originator.
    assert.equal(verdict.originator, type === 'domain' ? 'domain-only' : 'unknown');
  }
  assert.deepEqual(layersOf(await open(await sign(['originator'], alice))), ['opaque originator']);
  const clear = await sign(['originator'], alice, { profile: 'compat' });
  assert.deepEqual(layersOf(await open(clear)), ['clear originator']);
  assert.equal(judge(await open(clear)).originator, 'authenticated');
});

test('RFC 3183 3 (DS-G8): signatures around signatures and around encryption keep their order', async () => {
  const original = await sign([], alice, { profile: 'compat' });
  const labelled = await sign(['additional-attributes'], attributeAuthority, { bytes: original });
  const sealed = await domainEncrypt(entity(labelled).content, validated(dcaRsa), {
    content: 'auto',
    keyTransport: 'auto',
  });
  const reviewed = await sign(['review'], reviewer, { bytes: await messageAround(sealed) });
  const released = await sign(['domain'], dsa, { bytes: reviewed });
  assert.deepEqual(layersOf(await open(released)), [
    'opaque domain',
    'opaque review',
    'empty',
    'encrypted',
    'opaque additional-attributes',
    'clear -',
  ]);
});

test('A.12: clear-signed mail with lone dots, blanks at line ends and 8-bit text is wrapped byte for byte', async () => {
  const body = crlf('.\n..\nFrom here \t\nend of line \n--=_other\n\n\n');
  const inner = Buffer.concat([
    crlf('Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit\n\n'),
    body,
    Buffer.from('caf\u00e9\r\n', 'latin1'),
  ]);
  const clear = Buffer.concat([
    crlf(`${OUTER}Content-Type: multipart/signed; protocol="application/pkcs7-signature";\n`),
    crlf(' micalg=sha-256; boundary="=_x"\n\nA preamble.\n--=_x\n'),
    inner,
    crlf('\n--=_x\nContent-Type: application/pkcs7-signature; name=smime.p7s\n'),
    crlf('Content-Transfer-Encoding: base64\n\nMAA=\n--=_x--\nAn epilogue.\n'),
  ]);
  const outer = await open(await sign(['domain'], dsa, { bytes: clear }));
  const [layer] = outer.layers;
  assert.ok(layer?.kind === 'signed');
  assert.deepEqual(await bytesOf(layer.inside.body), await bytesOf(entity(clear).body));
  assert.ok((await bytesOf(layer.inside.content)).includes(inner));
});

test('RFC 3183 3.1.2 (DS-G5): keys of one authority sign side by side and say the same', async () => {
  const label = { policy: '1.2.3', classification: 1, privacyMark: null };
  const attributes = [{ kind: 'security-label', label }] as const;
  const opened = await open(await sign(['domain'], [dsa, dsaRsa], { attributes }));
  const [layer] = opened.layers;
  assert.ok(layer?.kind === 'signed');
  assert.equal(layer.signers.length, 2);
  assert.equal(new Set(layer.signers.map((one) => one.signatureAlgorithm)).size, 2);
  for (const signer of layer.signers) {
    assert.equal(signer.check.kind, 'valid');
    assert.deepEqual(signer.types, ['domain']);
    assert.equal(signer.ess.securityLabel?.policy, '1.2.3');
  }
  assert.equal(judge(opened).signature, 'valid');
});

test('RFC 8551 3.5.3.2: two signers of one clear-signed message, one certificate each', async () => {
  const bytes = await sign([], [dsa, dsaRsa], { profile: 'compat' });
  assert.match(bytes.toString('latin1'), /micalg="?sha-256"?;/);
  const opened = await open(bytes);
  const [layer] = opened.layers;
  assert.ok(layer?.kind === 'signed' && layer.form === 'clear');
  assert.deepEqual(
    layer.signers.map(({ check }) => check.kind),
    ['valid', 'valid'],
  );
  assert.equal(layer.certificates.length, 2);
});

test('a chain that two keys share travels once', async () => {
  const issuer = dsa.certificate.der;
  const both = [dsa, dsaRsa]
    .map(signerOf)
    .map((one) => ({ ...one, chain: [...one.chain, issuer] }));
  const [first, second] = both;
  assert.ok(first !== undefined && second !== undefined);
  const made = await signMessage(message, [first, second], {
    types: ['domain'],
    profile: 'domsec',
    protectHeaders: true,
    limits,
  });
  const cms = await readCms(await decodeBody(entity(await bytesOf(made))), LIMITS.cms);
  assert.ok(cms.kind === 'signed');
  assert.equal(cms.value.certificates.length, 2);
});
