/** The domains of the DANE matrix: what their zones say, and what their servers show. */
import { after } from 'node:test';
import {
  createTestCa,
  type ServerIdentity,
} from '../../packages/transport/src/test-support/certificates.ts';
import type { Zone } from '../harness/dns.ts';
import { tlsaOf } from '../harness/tlsa.ts';

export const ca = createTestCa();
after(() => ca.remove());
export const ADDRESS = '127.0.20.';

type Parameters = readonly [usage: number, selector: number, matching: number];

/** One domain of the matrix: what its zones say and what its servers show. */
interface Place {
  readonly name: string;
  /** Of the domain's own zone; A and MX of `mx` are added unless it brings its own. */
  readonly records: readonly string[];
  readonly kind?: Zone['kind'];
  readonly others?: readonly Zone[];
  /** By the last octet of the address; null speaks no TLS. */
  readonly servers: Readonly<Record<number, ServerIdentity | null>>;
  readonly ownHosts?: boolean;
}

const issue = (...names: string[]): ServerIdentity => ca.issue({ names });
/** With the anchor in the chain, as RFC 7672 section 3.1.2 asks of servers. */
const chained = ({ key, cert }: ServerIdentity): ServerIdentity => ({
  key,
  cert: `${cert}${ca.caPem}`,
});
const USAGES = [2, 3];
const SELECTORS = [0, 1];
const MATCHINGS = [0, 1, 2];
export const FITTING: readonly Parameters[] = USAGES.flatMap((usage) =>
  SELECTORS.flatMap((selector) =>
    MATCHINGS.map((matching): Parameters => [usage, selector, matching]),
  ),
);

export const domainOf = (name: string): string => `${name}.dane.example`;

export function placesOf(port: number): Place[] {
  const at = (host: string, record: string): string => `_${port}._tcp.${host} IN ${record}`;
  const places: Place[] = [];
  let octet = 0;
  const next = (): number => (octet += 1);
  const add = (place: Omit<Place, 'servers'> & { readonly shows: ServerIdentity | null }): void => {
    const host = next();
    const { shows, ...rest } = place;
    const own = [`@ IN MX 10 mx`, `mx IN A ${ADDRESS}${host}`];
    places.push({
      ...rest,
      records: rest.ownHosts === true ? rest.records : [...own, ...rest.records],
      servers: { [host]: shows },
    });
  };
  for (const parameters of FITTING) {
    const name = `fits-${parameters.join('')}`;
    const shows = chained(issue(`mx.${domainOf(name)}`));
    const pem = parameters[0] === 2 ? ca.caPem : shows.cert;
    add({ name, records: [at('mx', tlsaOf(pem, parameters))], shows });
  }
  const stranger = issue('mx.stranger.dane.example');
  add({
    name: 'misfit-3',
    records: [at('mx', tlsaOf(stranger.cert, [3, 1, 1]))],
    shows: issue('mx.misfit-3.dane.example'),
  });
  add({
    name: 'misfit-2',
    records: [at('mx', tlsaOf(stranger.cert, [2, 1, 1]))],
    shows: chained(issue('mx.misfit-2.dane.example')),
  });
  const old = ca.issue({ names: ['other.dane.example'], days: -1 });
  add({ name: 'old-3', records: [at('mx', tlsaOf(old.cert, [3, 1, 1]))], shows: old });
  const oldTa = ca.issue({ names: ['mx.old-2.dane.example'], days: -1 });
  add({ name: 'old-2', records: [at('mx', tlsaOf(ca.caPem, [2, 0, 1]))], shows: chained(oldTa) });
  add({
    name: 'misnamed-2',
    records: [at('mx', tlsaOf(ca.caPem, [2, 0, 1]))],
    shows: chained(issue('mx.other.dane.example')),
  });
  add({
    name: 'domain-2',
    records: [at('mx', tlsaOf(ca.caPem, [2, 0, 1]))],
    shows: chained(issue('domain-2.dane.example')),
  });
  add({
    name: 'hidden-ta',
    records: [at('mx', tlsaOf(ca.caPem, [2, 0, 1]))],
    shows: issue('mx.hidden-ta.dane.example'),
  });
  add({
    name: 'full-ta',
    records: [at('mx', tlsaOf(ca.caPem, [2, 0, 0]))],
    shows: issue('mx.full-ta.dane.example'),
  });
  add({
    name: 'bare-ta',
    records: [at('mx', tlsaOf(ca.caPem, [2, 1, 0]))],
    shows: issue('mx.bare-ta.dane.example'),
  });
  const both = issue('mx.weaker.dane.example');
  add({
    name: 'weaker',
    // RFC 7671 section 9: the SHA-512 record alone counts, and it names another key
    records: [at('mx', tlsaOf(both.cert, [3, 1, 1])), at('mx', tlsaOf(stranger.cert, [3, 1, 2]))],
    shows: both,
  });
  add({
    name: 'rollover',
    records: [at('mx', tlsaOf(stranger.cert, [3, 1, 1])), at('mx', tlsaOf(both.cert, [3, 1, 1]))],
    shows: both,
  });
  add({ name: 'none', records: [], shows: issue('mx.none.dane.example') });
  add({ name: 'none-clear', records: [], shows: null });
  const pkix = issue('mx.unusable.dane.example');
  const unusable = [
    at('mx', tlsaOf(pkix.cert, [1, 1, 1])),
    at('mx', tlsaOf(ca.caPem, [0, 0, 1])),
    at('mx', 'TLSA 3 1 1 0102'),
    at('mx', 'TLSA 3 9 1 0102'),
  ];
  add({ name: 'unusable', records: unusable, shows: pkix });
  add({ name: 'unusable-clear', records: unusable, shows: null });
  const stripped = issue('mx.stripped.dane.example');
  add({ name: 'stripped', records: [at('mx', tlsaOf(stripped.cert, [3, 1, 1]))], shows: null });
  const bogus = issue('mx.bogus.dane.example');
  add({
    name: 'bogus',
    kind: 'bogus',
    records: [at('mx', tlsaOf(bogus.cert, [3, 1, 1]))],
    shows: bogus,
  });
  for (const kind of ['bogus', 'broken'] as const) {
    const shows = issue(`mx.tlsa-${kind}.dane.example`);
    const zone = {
      name: `_tcp.mx.tlsa-${kind}.dane.example`,
      kind,
      records: [`_${port} IN ${tlsaOf(shows.cert, [3, 1, 1])}`],
    };
    add({ name: `tlsa-${kind}`, records: [], others: [zone], shows });
  }
  const plain = issue('mx.plain.dane.example');
  add({
    name: 'plain',
    kind: 'plain',
    records: [at('mx', tlsaOf(stranger.cert, [3, 1, 1]))],
    shows: plain,
  });
  for (const [name, pem] of [
    ['insecure-mx', null],
    ['insecure-mx-misfit', stranger.cert],
  ] as const) {
    const shows = issue('mx.hoster.dane.example');
    const hoster = {
      name: `${name}-hoster.dane.example`,
      kind: 'signed' as const,
      records: [`mx IN A ${ADDRESS}${octet + 1}`, at('mx', tlsaOf(pem ?? shows.cert, [3, 1, 1]))],
    };
    add({
      name,
      kind: 'plain',
      ownHosts: true,
      records: [`@ IN MX 10 mx.${name}-hoster.dane.example.`],
      others: [hoster],
      shows,
    });
  }
  const alias = issue('real.alias.dane.example');
  add({
    name: 'alias',
    ownHosts: true,
    records: [
      '@ IN MX 10 mx',
      'mx IN CNAME real',
      `real IN A ${ADDRESS}${octet + 1}`,
      at('real', tlsaOf(ca.caPem, [2, 0, 1])),
    ],
    shows: chained(alias),
  });
  const unexpanded = issue('mx.alias-asked.dane.example');
  add({
    name: 'alias-asked',
    ownHosts: true,
    records: [
      '@ IN MX 10 mx',
      'mx IN CNAME real',
      `real IN A ${ADDRESS}${octet + 1}`,
      at('mx', tlsaOf(ca.caPem, [2, 0, 1])),
    ],
    shows: chained(unexpanded),
  });
  const outside = issue('mx.alias-out.dane.example');
  add({
    name: 'alias-out',
    ownHosts: true,
    records: [
      '@ IN MX 10 mx',
      'mx IN CNAME mx.alias-hoster.dane.example.',
      at('mx', tlsaOf(outside.cert, [3, 1, 1])),
    ],
    others: [
      {
        name: 'alias-hoster.dane.example',
        kind: 'plain',
        records: [`mx IN A ${ADDRESS}${octet + 1}`],
      },
    ],
    shows: outside,
  });
  const shared = issue('mx.shared.dane.example');
  add({
    name: 'shared',
    records: [at('mx', 'CNAME tlsa201._dane'), `tlsa201._dane IN ${tlsaOf(ca.caPem, [2, 0, 1])}`],
    shows: chained(shared),
  });
  const implicit = issue('implicit.dane.example');
  add({
    name: 'implicit',
    ownHosts: true,
    records: [
      `@ IN A ${ADDRESS}${octet + 1}`,
      `_${port}._tcp IN ${tlsaOf(implicit.cert, [3, 1, 1])}`,
    ],
    shows: implicit,
  });
  const [bad, good] = [next(), next()];
  for (const [name, second] of [
    ['two', true],
    ['two-bad', false],
  ] as const) {
    const shows = issue(`mx2.${name}.dane.example`);
    places.push({
      name,
      records: [
        ...['@ IN MX 10 mx1', '@ IN MX 20 mx2'],
        ...[
          `mx1 IN A ${ADDRESS}${name === 'two' ? bad : next()}`,
          `mx2 IN A ${ADDRESS}${name === 'two' ? good : next()}`,
        ],
        at('mx1', tlsaOf(stranger.cert, [3, 1, 1])),
        at('mx2', tlsaOf(second ? shows.cert : stranger.cert, [3, 1, 1])),
      ],
      servers: {
        [name === 'two' ? bad : octet - 1]: issue(`mx1.${name}.dane.example`),
        [name === 'two' ? good : octet]: shows,
      },
    });
  }
  return places;
}

/** Signed domains share one zone; the others have one of their own kind each. */
export function zonesOf(places: readonly Place[]): readonly Zone[] {
  const signed = places.filter(({ kind = 'signed' }) => kind === 'signed');
  const records = signed.flatMap((place) => [`$ORIGIN ${domainOf(place.name)}.`, ...place.records]);
  const own = places.flatMap(({ name, kind, records: lines }) =>
    kind === undefined ? [] : [{ name: domainOf(name), kind, records: lines }],
  );
  const others = places.flatMap(({ others: more = [] }) => more);
  return [{ name: 'dane.example', kind: 'signed', records }, ...own, ...others];
}
