import { createHash, randomBytes } from 'node:crypto';
import type { Gate } from '@sallyport/mail';
import {
  type Certificate,
  type Crl,
  MAX_CRL_BYTES,
  makeOcspRequest,
  type OcspFact,
  parseCertificate,
  parseCrl,
  parseOcspResponse,
} from '@sallyport/pki';
import { certificatesInAnswer } from '../http/certificate-store.ts';
import type { HttpVersion } from '../http/exchange.ts';
import { fetchBounded, type HttpAnswer, type HttpRequest } from '../http/fetch.ts';
import type { Fetched } from './fetch-memory.ts';
import { fetchLdapList } from './ldap-list.ts';
import type { ProofPorts } from './proof-ports.ts';

const MAX_OCSP_BYTES = 256 * 1024;
const MAX_ISSUERS_BYTES = 256 * 1024;
/** Long lists come slowly; who asks waits no longer than its own deadline. */
const LIST_TIMEOUT_MS = 30_000;
const NONCE_BYTES = 32; // RFC 9654 section 2.1
/** For what does not say how long it counts. */
const UNSAID_LIFETIME_MS = 24 * 60 * 60_000;

type Response = Extract<HttpAnswer, { kind: 'response' }>;
type Asked = { readonly kind: 'response'; readonly answer: Response } | Failed;
type Failed = Extract<Fetched<never>, { kind: 'failed' }>;

/** Not the asker's deadline: what one began to fetch is there for the next. */
async function ask(request: HttpRequest, ports: ProofPorts, gate: Gate): Promise<Asked> {
  const { signal } = new AbortController();
  const answer = await gate.run(() => fetchBounded(request, ports, signal));
  if (answer === null) return TOO_MANY;
  if (answer.kind !== 'response') return { kind: 'failed', reason: answer.reason };
  const { status, server } = answer;
  const isFine = status === 200 || (status === 304 && request.unlessAs !== undefined);
  if (!isFine) return { kind: 'failed', reason: `HTTP status ${status}`, server };
  return { kind: 'response', answer };
}

const TOO_MANY: Failed = { kind: 'failed', reason: 'too many fetches wait already' };

function failed(server: string, reason: string): Failed {
  return { kind: 'failed', reason, server };
}

function identityOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** RFC 5280 section 4.2.1.13: a DER list, by HTTP or out of a directory. */
export async function fetchList(
  url: string,
  ports: ProofPorts,
  version: HttpVersion | null,
): Promise<Fetched<Crl>> {
  if (isLdap(url)) {
    const found = await ports.revocation.factsGate.run(() => fetchLdapList(url, ports));
    if (found === null) return TOO_MANY;
    return found.kind === 'failed' ? found : readList({ ...found, version: null }, ports);
  }
  const request: HttpRequest = {
    url,
    maxBytes: MAX_CRL_BYTES,
    timeoutMs: LIST_TIMEOUT_MS,
    accept: 'application/pkix-crl',
    ...(version === null ? {} : { unlessAs: version }),
  };
  const asked = await ask(request, ports, ports.revocation.factsGate);
  if (asked.kind === 'failed') return asked;
  const { server, body: der, status, version: its } = asked.answer;
  if (status === 304) return { kind: 'unchanged', server };
  return readList({ der, server, version: its }, ports);
}

/** Whether lists are fetched from there. */
export function isListUrl(url: string): boolean {
  return /^https?:/i.test(url) || isLdap(url);
}

function isLdap(url: string): boolean {
  return /^ldaps?:/i.test(url);
}

interface ListBytes {
  readonly der: Buffer;
  readonly server: string;
  readonly version: HttpVersion | null;
}

function readList({ der, server, version }: ListBytes, ports: ProofPorts): Fetched<Crl> {
  const parsed = parseCrl(der);
  if (parsed.kind === 'malformed') return failed(server, `it is no list: ${parsed.reason}`);
  const { value } = parsed;
  const until = value.nextUpdate;
  if (until === null) return failed(server, 'the list does not say until when it counts');
  if (until.getTime() <= ports.clock.now().getTime()) {
    return failed(server, `the list ended at ${until.toISOString()}`);
  }
  const sizeBytes = der.length;
  return { kind: 'fetched', value, identity: value.fingerprint, until, sizeBytes, version, server };
}

/** RFC 6960 appendix A.1: POST, with a nonce of our own (RFC 9654). */
export async function askResponder(
  url: string,
  about: { readonly certificate: Certificate; readonly issuer: Certificate },
  ports: ProofPorts,
): Promise<Fetched<OcspFact>> {
  const nonce = randomBytes(NONCE_BYTES);
  const request: HttpRequest = {
    url,
    method: 'POST',
    body: makeOcspRequest({ ...about, nonce }),
    contentType: 'application/ocsp-request',
    accept: 'application/ocsp-response',
    maxBytes: MAX_OCSP_BYTES,
  };
  const asked = await ask(request, ports, ports.revocation.factsGate);
  if (asked.kind === 'failed') return asked;
  const { answer } = asked;
  const parsed = parseOcspResponse(answer.body);
  switch (parsed.kind) {
    case 'malformed':
      return failed(answer.server, `it is no OCSP response: ${parsed.reason}`);
    case 'error':
      return failed(answer.server, `the responder refuses: ${parsed.status}`);
    case 'response': {
      const now = ports.clock.now().getTime();
      const ends = parsed.value.responses.map(
        ({ nextUpdate }) => nextUpdate?.getTime() ?? now + UNSAID_LIFETIME_MS,
      );
      const until = new Date(Math.min(now + UNSAID_LIFETIME_MS, ...ends));
      if (until.getTime() <= now) return failed(answer.server, 'the response is too old');
      const value = { response: parsed.value, nonce };
      const { body, server } = answer;
      const sizeBytes = 2 * body.length;
      const identity = identityOf(body);
      return { kind: 'fetched', value, identity, until, sizeBytes, version: null, server };
    }
  }
}

/** RFC 5280 section 4.2.2.1: one certificate or a certs-only message. */
export async function fetchIssuers(
  url: string,
  ports: ProofPorts,
): Promise<Fetched<readonly Certificate[]>> {
  const accept = 'application/pkix-cert, application/pkcs7-mime';
  const request = { url, maxBytes: MAX_ISSUERS_BYTES, accept };
  const asked = await ask(request, ports, ports.revocation.issuersGate);
  if (asked.kind === 'failed') return asked;
  const { answer } = asked;
  const value = (await certificatesInAnswer(answer)).flatMap((der) => {
    const parsed = parseCertificate(der);
    return parsed.kind === 'certificate' ? [parsed.value] : [];
  });
  if (value.length === 0) return failed(answer.server, 'no certificate there');
  const { body, server } = answer;
  const until = new Date(ports.clock.now().getTime() + UNSAID_LIFETIME_MS);
  const sizeBytes = 4 * body.length;
  const identity = identityOf(body);
  return { kind: 'fetched', value, identity, until, sizeBytes, version: null, server };
}
