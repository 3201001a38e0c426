import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ShownCertificate } from '@sallyport/ipc';
import { parseCrl } from '@sallyport/pki';
import type { PolicyDocument } from '@sallyport/policy';

type CertificateKind = ShownCertificate['kind'] | 'partner' | 'anchor';

/** Something that ceases to be valid at a known time. */
export interface End {
  readonly kind: CertificateKind | 'agreement' | 'exception' | 'crl';
  /** Tells it from all others, over restarts. */
  readonly id: string;
  /** What it is, for people. */
  readonly subject: string;
  readonly at: Date;
  /** What to do before that. */
  readonly advice: string;
}

const ADVICE: Readonly<Record<ShownCertificate['kind'], string>> = {
  'domain-signing': 'make its successor: sallyport key rollover',
  'domain-confidentiality': 'make its successor: sallyport key rollover',
  statement: 'make its successor: sallyport key rollover',
  tls: 'put the next certificate into its file and start the process again',
};

/** When the certificates end that our own processes use. */
export function endsOfShown(role: string, shown: readonly ShownCertificate[]): End[] {
  return shown.flatMap(({ kind, name, certificate }) => {
    const subject =
      kind === 'tls' ? `the TLS certificate of ${name}` : `the certificate of ${name}`;
    const read = readCertificate(Buffer.from(certificate, 'base64'));
    if (read === null) return [];
    return [
      { kind, id: `${role} ${read.fingerprint}`, subject, at: read.at, advice: ADVICE[kind] },
    ];
  });
}

/** When agreements, exceptions, pinned certificates and anchors of the policy end. */
export function endsOfPolicy({ partners }: PolicyDocument): End[] {
  return partners.flatMap((partner) => {
    const { name, agreement, trust, tls, inbound } = partner;
    const ask = 'ask the partner for the next one and change its record';
    const agreed: End[] =
      agreement === undefined
        ? []
        : [
            {
              kind: 'agreement',
              id: `${name} ${agreement.id} ${agreement.validUntil}`,
              subject: `agreement ${agreement.id} with ${name}`,
              at: endOfDay(agreement.validUntil),
              advice: 'renew it and change the record: after its end mail is held',
            },
          ];
    const exceptions = trust.exceptions.map(
      ({ subject, until }): End => ({
        kind: 'exception',
        id: `${name} ${subject} ${until}`,
        subject: `the exception for ${subject} of ${name}`,
        at: endOfDay(until),
        advice: 'agree on the next one, or take it out of the record',
      }),
    );
    const anchors = [
      ...trust.anchors,
      ...(trust.encryptAnchors ?? []),
      ...(trust.signAnchors ?? []),
      ...(tls.anchors === 'system' ? [] : tls.anchors),
      ...(inbound.tls.clientAnchors ?? []),
    ];
    return [
      ...agreed,
      ...exceptions,
      ...certificates(trust.pinned, {
        kind: 'partner',
        subject: `a pinned certificate of ${name}`,
        advice: ask,
      }),
      ...certificates(anchors, { kind: 'anchor', subject: `an anchor of ${name}`, advice: ask }),
    ];
  });
}

function certificates(
  pems: readonly string[],
  of: { readonly kind: 'partner' | 'anchor'; readonly subject: string; readonly advice: string },
): End[] {
  const ends = pems.flatMap((pem) => {
    const read = readCertificate(pem);
    return read === null ? [] : [{ ...of, id: `${of.subject} ${read.fingerprint}`, at: read.at }];
  });
  return [...new Map(ends.map((end) => [end.id, end])).values()];
}

/** The list of our own CA that is published; nothing if there is none. */
export async function endsOfCrl(file: string): Promise<End[]> {
  const bytes = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  const parsed = bytes === null ? null : parseCrl(bytes);
  if (parsed?.kind !== 'crl' || parsed.value.nextUpdate === null) return [];
  const at = parsed.value.nextUpdate;
  const subject = 'the CRL of our own CA';
  return [
    {
      kind: 'crl',
      id: at.toISOString(),
      subject,
      at,
      advice: 'issue the next one: sallyport key crl',
    },
  ];
}

/** Null for bytes that are no certificate: other checks name them. */
function readCertificate(bytes: Buffer | string): { fingerprint: string; at: Date } | null {
  try {
    const certificate = new X509Certificate(bytes);
    const fingerprint = createHash('sha256').update(certificate.raw).digest('hex');
    return { fingerprint, at: certificate.validToDate };
  } catch {
    return null;
  }
}

/** The last day counts as a whole, in UTC. */
function endOfDay(date: string): Date {
  return new Date(Date.parse(`${date}T00:00:00Z`) + 86_400_000);
}
