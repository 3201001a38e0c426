import type { SubjectRequest } from '@sallyport/der';
import { type Domain, isReservedLocalPart } from '@sallyport/mail';
import { whole } from './asn1.ts';
import type { UntrustedCertificate } from './certificate.ts';
import type { KeyUsage } from './extensions.ts';
import { composeCertificate, issueCertificate } from './issue.ts';
import { PKIX } from './oids.ts';
import { parsePublicKeyInfo } from './public-key.ts';
import type { PrivateKey, UnsignedStructure } from './structure-signer.ts';

/** The four names of RFC 3183 sections 3.1.1 and 4.1. */
export type AuthorityName =
  | 'domain-signing-authority'
  | 'domain-confidentiality-authority'
  | 'review-authority'
  | 'attribute-authority';

interface Period {
  readonly notBefore: Date;
  readonly days: number;
}

interface Issuer {
  readonly certificate: UntrustedCertificate;
  readonly privateKey: PrivateKey;
}

export interface RootRequest extends Period {
  readonly privateKey: PrivateKey;
  /** Without a common name; that is added. */
  readonly organization?: Omit<SubjectRequest, 'cn'>;
  readonly commonName: string;
  /** The root can certify these domains and what lies below them, and nothing else. */
  readonly domains: readonly Domain[];
  /** Addresses of hosts that it may certify, as ranges; none if absent. */
  readonly ipRanges?: readonly string[];
}

const NO_ADDRESS = ['0.0.0.0/0', '::/0'];

/** RFC 3183 section 6: the four names are the authorities' own; a CA or a host never has one. */
function checkNotReserved(names: readonly string[]): void {
  for (const name of names) {
    const [label = ''] = name.toLowerCase().split(/[.@]/, 1);
    if (!isReservedLocalPart(label)) continue;
    throw new RangeError(`${label} is reserved for an authority of the domain`);
  }
}

/**
 * A self-issued root CA that is bound by name constraints to its own domains. Returns DER.
 *
 * @throws RangeError if its common name is one of an authority (RFC 3183 section 6).
 */
export function makeRoot(request: RootRequest): Buffer {
  const { privateKey, notBefore, days, ipRanges = [] } = request;
  checkNotReserved([request.commonName]);
  return issueCertificate({
    subject: { ...request.organization, cn: request.commonName },
    privateKey,
    notBefore,
    days,
    ca: { pathLength: 0 },
    keyUsage: ['keyCertSign', 'cRLSign'],
    nameConstraints: {
      // Not critical, against RFC 5280 section 4.2.1.10: gpgsm refuses every chain with a critical
      // one, and OpenSSL, NSS and our own validator enforce it either way.
      criticality: 'plain',
      permitted: {
        // A mail base without a leading period is that host only (RFC 5280 section 4.2.1.10).
        emails: request.domains.flatMap((domain) => [domain, `.${domain}`]),
        dnsNames: request.domains,
        ips: ipRanges,
      },
      excluded: ipRanges.length === 0 ? { ips: NO_ADDRESS } : {},
    },
  });
}

function keyOid(spki: Buffer): string {
  return parsePublicKeyInfo(whole(spki, 'public key')).algorithm.oid;
}

// RFC 9629 section 3: a KEM key enciphers, though no key is transported with it.
const ENCIPHERS: ReadonlySet<string> = new Set([
  PKIX.rsaEncryption,
  PKIX.mlKem512,
  PKIX.mlKem768,
  PKIX.mlKem1024,
]);

/** The one usage of an authority's key: to sign, or to receive keys in the way of its kind. */
export function authorityUsage(name: AuthorityName, spki: Buffer): KeyUsage {
  if (name !== 'domain-confidentiality-authority') return 'digitalSignature';
  return ENCIPHERS.has(keyOid(spki)) ? 'keyEncipherment' : 'keyAgreement';
}

export interface DomainAuthorityRequest extends Period {
  readonly name: AuthorityName;
  readonly domain: Domain;
  readonly organization?: Omit<SubjectRequest, 'cn'>;
  readonly spki: Buffer;
  readonly issuer: Issuer;
  /** Where the CRL of the issuer can be fetched. */
  readonly crlUrls?: readonly string[];
}

/**
 * A certificate for one of the domain's authorities: the name as common name and as local-part
 * (RFC 3183 sections 3.1.1 and 4.1), and a key that only signs or only receives keys. Returns DER.
 */
export function issueDomainAuthority(request: DomainAuthorityRequest): Buffer {
  return composeDomainAuthority(request).sign().der;
}

/** As `issueDomainAuthority`, up to the moment before the key is used. */
export function composeDomainAuthority(request: DomainAuthorityRequest): UnsignedStructure {
  const { name, spki, issuer, notBefore, days, crlUrls = [] } = request;
  return composeCertificate({
    subject: { ...request.organization, cn: name },
    spki,
    issuer,
    notBefore,
    days,
    emails: [`${name}@${request.domain}`],
    keyUsage: [authorityUsage(name, spki)],
    extendedKeyUsage: [PKIX.emailProtection],
    crlUrls,
  });
}

/**
 * A certificate for hosts that speak TLS, as server and as client of a partner. Returns DER.
 *
 * @throws RangeError if a name is one of an authority (RFC 3183 section 6).
 */
export function issueTlsServer(
  request: Period & {
    readonly commonName: string;
    readonly dnsNames: readonly string[];
    readonly ips?: readonly string[];
    readonly spki: Buffer;
    readonly issuer: Issuer;
    /** Where the CRL of the issuer can be fetched. */
    readonly crlUrls?: readonly string[];
  },
): Buffer {
  const { spki, issuer, notBefore, days, dnsNames, ips = [], crlUrls = [] } = request;
  checkNotReserved([request.commonName, ...dnsNames]);
  return issueCertificate({
    subject: { cn: request.commonName },
    spki,
    issuer,
    notBefore,
    days,
    dnsNames,
    ips,
    keyUsage:
      keyOid(spki) === PKIX.rsaEncryption
        ? ['digitalSignature', 'keyEncipherment']
        : ['digitalSignature'],
    extendedKeyUsage: [PKIX.serverAuth, PKIX.clientAuth],
    crlUrls,
  });
}
