import assert from 'node:assert/strict';
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { der } from '@sallyport/der';
import { parseCertificate, type UntrustedCertificate } from './certificate.ts';
import { type Crl, parseCrl } from './crl.ts';
import { type KeyUsage, keyUsageBit } from './extensions.ts';
import { keyBitsOf } from './ocsp-request.ts';
import { PKIX } from './oids.ts';

/** Certificates, CRLs and OCSP responses with whatever fields a test wants, right or wrong. */

export const NOW = new Date('2026-06-01T00:00:00Z');
// Wide, so that OpenSSL's own clock is within it.
const NOT_BEFORE = new Date('2020-01-01T00:00:00Z');
const NOT_AFTER = new Date('2049-12-31T00:00:00Z');
const REVOKED_AT = new Date('2026-01-01T00:00:00Z');
const ALGORITHM = der.sequence(der.oid(PKIX.ecdsaWithSha256));

export interface Party {
  readonly certificate: UntrustedCertificate;
  readonly privateKey: KeyObject;
}

export function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

export function nameOf(cn: string): Buffer {
  const attribute = der.sequence(der.oid(PKIX.commonName), der.utf8String(cn));
  return der.sequence(der.set(attribute));
}

export function extension(oid: string, value: Buffer, isCritical: 'critical' | 'plain' = 'plain') {
  const flag = isCritical === 'critical' ? [der.boolean(true)] : [];
  return der.sequence(der.oid(oid), ...flag, der.octetString(value));
}

export function keyUsage(...usages: KeyUsage[]): Buffer {
  return extension(PKIX.keyUsage, der.namedBits(usages.map(keyUsageBit)), 'critical');
}

export const CA_EXTENSIONS: readonly Buffer[] = [
  extension(PKIX.basicConstraints, der.sequence(der.boolean(true)), 'critical'),
  keyUsage('keyCertSign', 'cRLSign'),
];

function signed(tbs: Buffer, key: KeyObject): Buffer {
  return der.sequence(tbs, ALGORITHM, der.bitString(sign('sha256', tbs, key)));
}

let serials = 1000;

export interface CertificateFields {
  readonly cn: string;
  /** Itself if absent. */
  readonly issuer?: Party;
  readonly extensions?: readonly Buffer[];
  readonly privateKey?: KeyObject;
  readonly serial?: number;
  readonly notAfter?: Date;
  /** DER Name in place of the one made of `cn`. */
  readonly subject?: Buffer;
}

export function certificate(fields: CertificateFields): Party {
  const privateKey = fields.privateKey ?? newKey();
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
  const subject = fields.subject ?? nameOf(fields.cn);
  serials += 1;
  const extensions = fields.extensions ?? [];
  const tbs = der.sequence(
    der.explicit(0, der.integer(2)),
    der.integer(fields.serial ?? serials),
    ALGORITHM,
    fields.issuer?.certificate.subject ?? subject,
    der.sequence(der.time(NOT_BEFORE), der.time(fields.notAfter ?? NOT_AFTER)),
    subject,
    spki,
    ...(extensions.length === 0 ? [] : [der.explicit(3, der.sequence(...extensions))]),
  );
  const parsed = parseCertificate(signed(tbs, fields.issuer?.privateKey ?? privateKey));
  assert.ok(parsed.kind === 'certificate', JSON.stringify(parsed));
  return { certificate: parsed.value, privateKey };
}

export interface EntryFields {
  readonly serial: Buffer;
  readonly reason?: number;
  readonly issuer?: Buffer;
  readonly extensions?: readonly Buffer[];
}

export function entry({ serial, reason, issuer, extensions = [] }: EntryFields): Buffer {
  const list = [...extensions];
  if (reason !== undefined) list.push(extension(PKIX.reasonCode, der.enumerated(reason)));
  if (issuer !== undefined) {
    const names = der.sequence(der.explicit(4, issuer));
    list.push(extension(PKIX.certificateIssuer, names, 'critical'));
  }
  const tail = list.length === 0 ? [] : [der.sequence(...list)];
  return der.sequence(der.integerContent(serial), der.time(REVOKED_AT), ...tail);
}

export interface CrlFields {
  readonly issuer: Party;
  readonly entries?: readonly Buffer[];
  readonly extensions?: readonly Buffer[];
  readonly thisUpdate?: string;
  readonly nextUpdate?: string | null;
  readonly number?: number;
}

export function crlBytes(fields: CrlFields): Buffer {
  const { issuer, entries = [], nextUpdate = '2026-07-01T00:00:00Z', number } = fields;
  const extensions = [...(fields.extensions ?? [])];
  if (number !== undefined) extensions.push(extension(PKIX.crlNumber, der.integer(number)));
  const tbs = der.sequence(
    der.integer(1),
    ALGORITHM,
    issuer.certificate.subject,
    der.time(new Date(fields.thisUpdate ?? '2026-05-01T00:00:00Z')),
    ...(nextUpdate === null ? [] : [der.time(new Date(nextUpdate))]),
    ...(entries.length === 0 ? [] : [der.sequence(Buffer.concat(entries))]),
    ...(extensions.length === 0 ? [] : [der.explicit(0, der.sequence(...extensions))]),
  );
  return signed(tbs, issuer.privateKey);
}

export function crl(fields: CrlFields): Crl {
  const parsed = parseCrl(crlBytes(fields));
  assert.ok(parsed.kind === 'crl', parsed.kind === 'malformed' ? parsed.reason : '');
  return parsed.value;
}

export function deltaOf(base: number): Buffer {
  return extension(PKIX.deltaCrlIndicator, der.integer(base), 'critical');
}

export function uriPoint(uri: string): Buffer {
  return der.explicit(0, der.explicit(0, uriName(uri)));
}

function uriName(uri: string): Buffer {
  return der.implicit(6, der.ia5String(uri));
}

export interface OcspFields {
  readonly about: UntrustedCertificate;
  readonly issuer: Party;
  /** Who signs; the issuer if absent. */
  readonly responder?: Party;
  readonly certificates?: readonly UntrustedCertificate[];
  readonly status?: Buffer;
  readonly thisUpdate?: string;
  readonly nextUpdate?: string | null;
  readonly nonce?: Buffer;
  readonly hash?: 'sha1' | 'sha256';
  readonly extensions?: readonly Buffer[];
  readonly byKey?: boolean;
}

export const GOOD = der.implicit(0, der.null());

export function revokedStatus(at: Date, reason: number): Buffer {
  return der.explicit(1, der.generalizedTime(at), der.explicit(0, der.enumerated(reason)));
}

function certId({ about, issuer, hash = 'sha1' }: OcspFields): Buffer {
  const digest = (bytes: Buffer) => createHash(hash).update(bytes).digest();
  return der.sequence(
    der.sequence(der.oid(PKIX[hash]), der.null()),
    der.octetString(digest(about.issuer)),
    der.octetString(digest(keyBitsOf(issuer.certificate))),
    der.integerContent(about.serial),
  );
}

export function ocspBytes(fields: OcspFields): Buffer {
  const responder = fields.responder ?? fields.issuer;
  const time = new Date(fields.thisUpdate ?? '2026-05-31T00:00:00Z');
  const next = fields.nextUpdate === undefined ? '2026-06-02T00:00:00Z' : fields.nextUpdate;
  const single = der.sequence(
    certId(fields),
    fields.status ?? GOOD,
    der.generalizedTime(time),
    ...(next === null ? [] : [der.explicit(0, der.generalizedTime(new Date(next)))]),
  );
  const extensions = [...(fields.extensions ?? [])];
  if (fields.nonce) extensions.push(extension(PKIX.ocspNonce, der.octetString(fields.nonce)));
  const keyHash = createHash('sha1').update(keyBitsOf(responder.certificate)).digest();
  const tbs = der.sequence(
    fields.byKey === true
      ? der.explicit(2, der.octetString(keyHash))
      : der.explicit(1, responder.certificate.subject),
    der.generalizedTime(time),
    der.sequence(single),
    ...(extensions.length === 0 ? [] : [der.explicit(1, der.sequence(...extensions))]),
  );
  const certificates = (fields.certificates ?? []).map((one) => one.der);
  const basic = der.sequence(
    tbs,
    ALGORITHM,
    der.bitString(sign('sha256', tbs, responder.privateKey)),
    ...(certificates.length === 0 ? [] : [der.explicit(0, der.sequence(...certificates))]),
  );
  const bytes = der.sequence(der.oid(PKIX.ocspBasic), der.octetString(basic));
  return der.sequence(der.enumerated(0), der.explicit(0, bytes));
}
