import { X509Certificate } from 'node:crypto';
import {
  type CallParams,
  type CallResult,
  type Handlers,
  type KeyFiles,
  type KeyholderConsoleProtocol,
  type KeyRecord,
  MAX_LISTED_KEYS,
  type PublicKeyFacts,
  type QuarantinedKey,
} from '@sallyport/ipc';

/** A frame carries a megabyte. */
const MAX_PAGE_CHARS = 512 * 1024;
const MAX_REASON_CHARS = 1_000;

/** What the socket of the console needs. */
export interface ConsoleParts {
  /** The key folder, with nothing to open private keys with. */
  readonly files: KeyFiles;
  /** What the last reading of the folder left out. */
  quarantined(): readonly QuarantinedKey[];
  readonly signCsr: Handlers<KeyholderConsoleProtocol>['signCsr'];
}

/** The methods of the console's socket: what is public of the keys, and requests for certificates. */
export function consoleHandlers(parts: ConsoleParts): Handlers<KeyholderConsoleProtocol> {
  return { list: async (params) => await list(parts, params), signCsr: parts.signCsr };
}

async function list(
  { files, quarantined }: ConsoleParts,
  { after }: CallParams<KeyholderConsoleProtocol, 'list'>,
): Promise<CallResult<KeyholderConsoleProtocol, 'list'>> {
  const folder = await files.records();
  const wanted = folder.records.filter(({ keyId }) => after === undefined || keyId > after);
  const left = new Map(
    [...quarantined(), ...folder.quarantined].map(({ keyId, reason }) => [keyId, reason]),
  );
  const keys = pageOf(wanted, left);
  return {
    keys,
    next: keys.length < wanted.length ? (keys.at(-1)?.keyId ?? null) : null,
    quarantined: [...left].slice(0, MAX_LISTED_KEYS).map(([keyId, reason]) => ({
      keyId,
      reason: reason.replaceAll(`${files.folder}/`, '').slice(0, MAX_REASON_CHARS),
    })),
  };
}

function pageOf(
  records: readonly KeyRecord[],
  left: ReadonlyMap<string, string>,
): PublicKeyFacts[] {
  const page: PublicKeyFacts[] = [];
  let chars = 0;
  for (const record of records.slice(0, MAX_LISTED_KEYS)) {
    // The certificate of a quarantined key may be what is broken.
    const facts = factsOf(left.has(record.keyId) ? { ...record, certificate: null } : record);
    chars += JSON.stringify(facts).length;
    if (chars > MAX_PAGE_CHARS && page.length > 0) break;
    page.push(facts);
  }
  return page;
}

function factsOf(record: KeyRecord): PublicKeyFacts {
  const { keyId, domain, state, algorithm } = record;
  return {
    keyId,
    class: record.class,
    domain,
    state,
    algorithm,
    certificate: certificateFacts(record),
    isRevoked: record.isRevoked === true,
    dkimSelector: record.dkimSelector ?? null,
    token: record.token ?? null,
    createdAt: record.createdAt ?? null,
    activateAt: record.activateAt ?? null,
    activatedAt: record.activatedAt ?? null,
    retiredAt: record.retiredAt ?? null,
    destroyedAt: record.destroyedAt ?? null,
  };
}

function certificateFacts({ certificate }: KeyRecord): PublicKeyFacts['certificate'] {
  if (certificate === null) return null;
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
  } catch {
    return null; // a record of a retired key is not looked into when keys are loaded
  }
  const { raw, subject, issuer, serialNumber, fingerprint256 } = parsed;
  return {
    der: raw.toString('base64'),
    subject: oneLine(subject),
    issuer: oneLine(issuer),
    serial: serialNumber.toLowerCase(),
    fingerprint: fingerprint256.replaceAll(':', '').toLowerCase(),
    notBefore: parsed.validFromDate.toISOString(),
    notAfter: parsed.validToDate.toISOString(),
  };
}

/** Node writes one attribute of a name a line. */
function oneLine(name: string): string {
  return name.replaceAll('\n', ', ');
}
