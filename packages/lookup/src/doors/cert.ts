import type { CertRecord } from '../dns/records.ts';
import { isCarriableName } from '../dns/wire.ts';
import { fetchBounded } from '../http/fetch.ts';
import { certificatesOfCertsOnly } from '../ldap/certs-only.ts';
import type { Binding, Door, DoorEvent, DoorQuery, LocatePorts } from '../locate-types.ts';
import { type WantedName, wantedNames } from '../names.ts';
import { startTelling, tellNone } from './teller.ts';

/** RFC 4398 section 2.1. */
const PKIX = 1;
const IPKIX = 4;
/** RFC 4398 section 2.3: id-at-userCertificate with its length before it; some write the tag too. */
const USER_CERTIFICATE = [Buffer.from('03550424', 'hex'), Buffer.from('050603550424', 'hex')];
const SEQUENCE = 0x30;
const MAX_RECORDS = 32;
const MAX_URLS = 4;
const MAX_URL_OCTETS = 1_024;
const PRINTABLE = /^[\x21-\x7e]+$/;
const MAX_FETCHED_BYTES = 64 * 1024;

/** CERT records (RFC 4398) of the recipient, its domain, and the domain's RFC 3183 authority. */
export const certDoor: Door = { name: 'cert', cached: false, search };

async function* search(query: DoorQuery, ports: LocatePorts): AsyncGenerator<DoorEvent> {
  for (const wanted of wantedNames(query)) {
    yield* askFor({ name: certName(wanted, query), binding: wanted.binding }, query, ports);
  }
}

/** RFC 4398 section 3.2: the address with its @ turned into a dot; the domain as it is. */
function certName({ mailbox }: WantedName, query: DoorQuery): string {
  return mailbox === null ? query.mailbox.domain : `${mailbox.localPart}.${mailbox.domain}`;
}

interface Asked {
  readonly name: string;
  readonly binding: Binding;
}

async function* askFor(
  asked: Asked,
  query: DoorQuery,
  ports: LocatePorts,
): AsyncGenerator<DoorEvent> {
  const tell = startTelling({ door: 'cert', query: `CERT ${asked.name} (${asked.binding})` });
  if (!isCarriableName(asked.name)) {
    yield tell('skipped', 'the address is no name that the DNS can carry');
    return;
  }
  const answer = await ports.resolver.query(asked.name, 'CERT');
  if (answer.kind !== 'answer') {
    yield* tellNone(tell, answer);
    return;
  }
  const certificates = answer.records.filter(isCertificate).slice(0, MAX_RECORDS);
  const left = answer.records.length - certificates.length;
  const others = left > 0 ? `, ${left} of another kind left out` : '';
  yield tell(
    certificates.length > 0 ? 'found' : 'nothing',
    `${certificates.length} record(s) with certificates${others}`,
  );
  yield* certificatesOf(asked, certificates, { query, ports });
}

function isCertificate({ certType, certificate }: CertRecord): boolean {
  return certType === IPKIX || (certType === PKIX && bareCertificate(certificate) !== null);
}

/** RFC 4398 section 2.1 puts an OID before the certificate; deployed servers put none (CD-3). */
function bareCertificate(content: Buffer): Buffer | null {
  if (content[0] === SEQUENCE) return content;
  const prefix = USER_CERTIFICATE.find((one) => content.subarray(0, one.length).equals(one));
  const rest = prefix === undefined ? null : content.subarray(prefix.length);
  return rest?.[0] === SEQUENCE ? rest : null;
}

interface World {
  readonly query: DoorQuery;
  readonly ports: LocatePorts;
}

async function* certificatesOf(
  { name, binding }: Asked,
  records: readonly CertRecord[],
  world: World,
): AsyncGenerator<DoorEvent> {
  for (const { certType, certificate } of records) {
    const der = certType === PKIX ? bareCertificate(certificate) : null;
    if (der !== null) yield candidateOf(der, binding, name);
  }
  const urls = records
    .filter(({ certType }) => certType === IPKIX)
    .map(({ certificate }) => certificate)
    .filter((text) => text.length <= MAX_URL_OCTETS)
    .map((text) => text.toString('latin1'))
    .filter((url) => PRINTABLE.test(url)); // it goes into the trace
  for (const url of [...new Set(urls)].slice(0, MAX_URLS)) yield* fetchOne(url, binding, world);
}

function candidateOf(der: Buffer, binding: Binding, source: string): DoorEvent {
  return { kind: 'candidate', candidate: { der, door: 'cert', binding, source } };
}

/** RFC 4398 section 2.1, IPKIX: the URL serves what would have stood in a PKIX record. */
async function* fetchOne(
  url: string,
  binding: Binding,
  { query, ports }: World,
): AsyncGenerator<DoorEvent> {
  const tell = startTelling({ door: 'cert', query: `GET ${url}` });
  const answer = await fetchBounded({ url, maxBytes: MAX_FETCHED_BYTES }, ports, query.signal);
  switch (answer.kind) {
    case 'refused':
      yield tell('skipped', answer.reason);
      return;
    case 'failed':
      yield tell('failed', answer.reason);
      yield { kind: 'unavailable', fault: 'directory-unreachable' };
      return;
    case 'response': {
      if (answer.status >= 500) {
        yield tell('failed', `the server answered with status ${answer.status}`);
        yield { kind: 'unavailable', fault: 'directory-unreachable' };
        return;
      }
      const certificates = answer.status === 200 ? readFetched(answer.body) : [];
      yield tell(
        certificates.length > 0 ? 'found' : 'nothing',
        `status ${answer.status}, ${certificates.length} certificate(s)`,
      );
      for (const der of certificates) yield candidateOf(der, binding, url);
    }
  }
}

function readFetched(body: Buffer): Buffer[] {
  const bare = bareCertificate(body);
  return bare === null ? [] : certificatesOfCertsOnly(bare);
}
