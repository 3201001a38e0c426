import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type SignatureAlgorithmName, signRaw } from '@sallyport/cms';
import { der, OID } from '@sallyport/der';
import { type DomainSigner, type EssAttribute, encodeEssAttribute } from '@sallyport/domsec';
import { formatPemCertificate } from '@sallyport/pki';
import type { Issued } from './ca.ts';
import { type IssuedIdentity, issuedIdentity } from './issued-identity.ts';

/** Somebody with a key, a certificate, and both as files for a peer. */
export interface Identity extends IssuedIdentity {
  readonly algorithm: SignatureAlgorithmName;
  readonly issued: Issued;
}

/** Makes a root, or somebody that `issuer` vouches for. */
export async function makeIdentity(
  folder: string,
  cn: string,
  options: {
    readonly issuer?: Identity;
    readonly kind?: 'ec' | 'rsa';
    readonly email?: string;
  } = {},
): Promise<Identity> {
  const { issuer, kind = 'rsa', email } = options;
  const { certificate, key } = issuedIdentity({
    cn,
    kind,
    emails: email === undefined ? [] : [email],
    issuer,
    isCa: issuer === undefined,
    notBefore: new Date(Date.now() - 86_400_000),
    days: 30,
  });
  const bytes = certificate.der;
  const name = join(folder, `${cn}-${kind}-${email ?? ''}`.replaceAll(/[^a-z-]/gi, '-'));
  const pem = formatPemCertificate(bytes);
  await writeFile(`${name}.pem`, pem);
  await writeFile(`${name}.key`, key.export({ format: 'pem', type: 'pkcs8' }));
  const issued = { certificateFile: `${name}.pem`, keyFile: `${name}.key`, pem, der: bytes };
  const algorithm = kind === 'ec' ? 'ecdsa-sha256' : 'rsa-sha256';
  return { certificate, key, algorithm, issued };
}

const TYPES = { originator: 1, domain: 2, 'additional-attributes': 3, review: 4 } as const;

/** Signs with the key at hand, as the keyholder would. */
export function signerOf(who: Identity): DomainSigner {
  return {
    certificate: who.certificate,
    chain: [who.certificate.der],
    digestAlgorithm: 'sha256',
    signatureAlgorithm: who.algorithm,
    sign: ({ digest, signatureTypes, attributes }) => {
      const one = (oid: string, value: Buffer) => der.sequence(der.oid(oid), der.set(value));
      const types = signatureTypes.map((type) => der.oid(`1.2.840.113549.1.9.16.9.${TYPES[type]}`));
      const signedAttrs = der.setOf([
        one(OID.contentType, der.oid(OID.data)),
        one(OID.messageDigest, der.octetString(digest)),
        one(OID.signingTime, der.time(new Date())),
        ...(types.length > 0 ? [one(OID.signatureType, der.sequence(...types))] : []),
        ...attributes.map(encodeEssAttribute).map(({ oid, value }) => one(oid, value)),
      ]);
      const signature = signRaw(signedAttrs, who.key, who.algorithm);
      return Promise.resolve({ signedAttrs, signature });
    },
  };
}

const LIST_ISSUER = der.sequence(
  der.setOf([der.sequence(der.oid(OID.commonName), der.utf8String('List CA'))]),
);

/** What a mail list agent writes into its signature (RFC 2634 section 4.4), and a label with it. */
export const LIST_ATTRIBUTES: readonly EssAttribute[] = [
  {
    kind: 'ml-expansion-history',
    entries: [
      {
        list: { kind: 'subjectKeyId', subjectKeyId: Buffer.from('0102030405060708', 'hex') },
        time: new Date('2026-06-01T00:00:00Z'),
        receiptPolicy: { kind: 'none' },
      },
      {
        list: { kind: 'issuerAndSerial', issuer: LIST_ISSUER, serial: Buffer.from([0x2a]) },
        time: new Date('2026-06-02T00:00:00Z'),
        receiptPolicy: { kind: 'insteadOf', to: [['list@acme.example']] },
      },
    ],
  },
  {
    kind: 'security-label',
    label: { policy: '1.2.3.4', classification: 2, privacyMark: 'INTERNAL' },
  },
];
