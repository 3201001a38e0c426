import {
  accessUris,
  type Certificate,
  type Crl,
  formatName,
  type OcspFact,
  revocationPlaces,
} from '@sallyport/pki';
import { searchKey, storeQuery } from '../http/certificate-store.ts';
import { askResponder, fetchList, isListUrl } from './fetch-facts.ts';
import { inTime, note, noteRecalled, type Proof, shownUrl } from './proof-ports.ts';

const MAX_LISTS_OF_CERTIFICATE = 6;
const MAX_RESPONDERS_OF_CERTIFICATE = 2;
/** For one proof, whatever its paths hold. */
const MAX_PLACES = 32;
const MAX_SHOWN = 200;

/** A certificate and its issuer in a path. */
interface Link {
  readonly certificate: Certificate;
  readonly issuer: Certificate;
}

type Place =
  | { readonly kind: 'list'; readonly key: string; readonly url: string }
  | { readonly kind: 'responder'; readonly key: string; readonly url: string; readonly link: Link };

/** How the trace names a certificate. */
export function shown(certificate: Certificate): string {
  const name =
    certificate.subjectName.rdns.length > 0
      ? formatName(certificate.subjectName)
      : (certificate.rfc822Names[0] ?? 'without a name');
  return name.length > MAX_SHOWN ? `${name.slice(0, MAX_SHOWN)}…` : name;
}

/** The revocation facts of one proof: what its paths point to, each place asked once. */
export class FactCollector {
  readonly #proof: Proof;
  readonly #asked = new Set<string>();
  readonly crls: Crl[] = [];
  readonly ocsp: OcspFact[] = [];

  constructor(proof: Proof) {
    this.#proof = proof;
  }

  /** Fetches for each certificate below the anchor; false if there was nothing new to ask. */
  async collect(path: readonly Certificate[]): Promise<boolean> {
    const links = path.slice(0, -1).flatMap((certificate, index) => {
      const issuer = path[index + 1];
      return issuer === undefined ? [] : [{ certificate, issuer }];
    });
    const places = links.flatMap((link) => this.#placesOf(link));
    const fresh = places.filter(({ key }) => {
      const isNew = !this.#asked.has(key) && this.#asked.size < MAX_PLACES;
      if (isNew) this.#asked.add(key);
      return isNew;
    });
    await Promise.all(fresh.map((place) => this.#ask(place)));
    return fresh.length > 0;
  }

  #placesOf(link: Link): Place[] {
    const { certificate, issuer } = link;
    const named = revocationPlaces(certificate);
    const stores = [
      ...accessUris(certificate, 'authority', 'http-crls'),
      ...accessUris(issuer, 'subject', 'http-crls'),
    ].map((url) => storeQuery(url, 'iHash', searchKey(certificate.issuer)));
    const lists = [...named.crls, ...stores];
    for (const url of lists.filter((one) => !isListUrl(one))) {
      this.#skip(`fetch revocation list ${shownUrl(url)}`, 'only HTTP and LDAP are spoken');
    }
    const urls = lists.filter(isListUrl).slice(0, MAX_LISTS_OF_CERTIFICATE);
    const responders = named.ocsp.filter(isHttp).slice(0, MAX_RESPONDERS_OF_CERTIFICATE);
    if (urls.length + responders.length === 0) {
      this.#skip(`revocation of ${shown(certificate)}`, 'it names no place that can be asked');
    }
    return [
      ...urls.map((url) => ({ kind: 'list', key: url, url }) as const),
      ...responders.map((url) => {
        const key = `${url} ${certificate.fingerprint} ${issuer.fingerprint}`;
        return { kind: 'responder', key, url, link } as const;
      }),
    ];
  }

  #skip(query: string, reason: string): void {
    const key = `${query} ${reason}`;
    if (this.#asked.has(key) || this.#asked.size >= MAX_PLACES) return;
    this.#asked.add(key);
    note(this.#proof, { door: 'revocation', query, outcome: 'skipped', reason, tookMs: 0 });
  }

  async #ask(place: Place): Promise<void> {
    if (place.kind === 'list') await this.#askList(place.url);
    else await this.#askResponder(place);
  }

  async #askList(url: string): Promise<void> {
    const started = performance.now();
    const { ports, signal } = this.#proof;
    const { lists } = ports.revocation;
    const recalled = await inTime(
      lists.recall(url, (version) => fetchList(url, ports, version)),
      signal,
    );
    this.crls.push(...recalled.values);
    const [list] = recalled.values;
    const what =
      list === undefined
        ? 'no list'
        : `list of ${list.thisUpdate.toISOString()}, counts until ${list.nextUpdate?.toISOString()}`;
    const asked = {
      door: 'revocation',
      query: `fetch revocation list ${shownUrl(url)}`,
      started,
    } as const;
    noteRecalled(this.#proof, asked, { recalled, what });
  }

  async #askResponder({ key, url, link }: Extract<Place, { kind: 'responder' }>): Promise<void> {
    const started = performance.now();
    const { ports, signal } = this.#proof;
    const { responses } = ports.revocation;
    const recalled = await inTime(
      responses.recall(key, () => askResponder(url, link, ports)),
      signal,
    );
    this.ocsp.push(...recalled.values);
    const [fact] = recalled.values;
    const produced = fact?.response.producedAt.toISOString();
    const what = produced === undefined ? 'no response' : `response of ${produced}`;
    const query = `ask OCSP responder ${shownUrl(url)} about ${shown(link.certificate)}`;
    noteRecalled(this.#proof, { door: 'revocation', query, started }, { recalled, what });
  }
}

function isHttp(url: string): boolean {
  return /^https?:/i.test(url);
}
