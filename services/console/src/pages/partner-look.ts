import { parseMailbox } from '@sallyport/mail';
import type { Probed, Trusted } from '../desk/look.ts';
import { baseOf, isUnder } from '../desk/partner-domains.ts';
import type { PartnerView } from '../desk/partners.ts';
import { type Html, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import { certificateView } from './certificate-view.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import { partnerPath } from './partner-parts.ts';
import {
  badge,
  facts,
  field,
  notice,
  searchForm,
  section,
  select,
  type Tone,
  table,
} from './parts.ts';
import { traceTable } from './trace-table.ts';

const MAX_ADDRESS_CHARS = 320;

type Role = 'confidentiality' | 'signing';

/** The certificates of a partner as they would be used now: path, checks, trace. */
async function certificates(request: PageRequest): Promise<PageAnswer> {
  const { desk, params, query, text } = request;
  const { trust } = text.partners;
  const view = await desk.partners.show(params['name'] ?? '');
  if (view === null) return { kind: 'not-found' };
  const address = (query.get('address') ?? '').trim().slice(0, MAX_ADDRESS_CHARS);
  const fault = await addressFault(request, view, address);
  const shown = await Promise.all(
    (fault === null ? askedOf(view, address) : []).map(async ([role, of]) => {
      const answer = await desk.look.trust({ address: of, role });
      const found =
        answer.kind === 'found'
          ? trustView(answer.found, text, trust[role](of))
          : notice('bad', answer.sentence);
      return section(trust[role](of), found);
    }),
  );
  const search = searchForm({
    action: partnerPath(view.partner.name, 'certificates'),
    label: trust.addressAction,
    submit: trust.addressAction,
    body: field({
      name: 'address',
      label: trust.address,
      hint: trust.addressHint,
      value: address,
      fault: fault ?? undefined,
    }),
  });
  const none = shown.length === 0 && fault === null ? html`<p>${trust.giveAddress}</p>` : null;
  const body = html`<p><a href="${partnerPath(view.partner.name)}">${view.partner.name}</a></p><p>${trust.intro}</p>${search}${none}${shown}`;
  const status = fault === null ? 200 : 422;
  return { kind: 'page', title: trust.title(view.partner.name), body, status };
}

/** An address by another record would be judged by that one, and shown as if it were by this. */
async function addressFault(
  { desk, text }: PageRequest,
  { partner }: PartnerView,
  address: string,
): Promise<string | null> {
  if (address === '') return null;
  const { noAddress, otherRecord } = text.partners.trust;
  const mailbox = parseMailbox(address);
  if (mailbox === null) return noAddress;
  const opened = await desk.policy.inForce();
  const isOwn = opened !== null && isUnder(mailbox.domain, partner, opened.policy);
  return isOwn ? null : otherRecord;
}

/** The authorities of the first domain that the record names, or one address in both roles. */
function askedOf({ partner }: PartnerView, address: string): readonly (readonly [Role, string])[] {
  if (address !== '') {
    return [
      ['confidentiality', address],
      ['signing', address],
    ];
  }
  const domain = partner.domains.find((pattern) => !pattern.startsWith('*.'));
  if (domain === undefined) return [];
  return [
    ['confidentiality', `domain-confidentiality-authority@${domain}`],
    ['signing', `domain-signing-authority@${domain}`],
  ];
}

const CHECK_TONES: Readonly<Record<Trusted['checks'][number]['outcome'], Tone>> = {
  met: 'good',
  'not-met': 'bad',
  'let-pass': 'warn',
  'not-asked': 'plain',
};

function trustView(
  { door, proof, path, checks, steps }: Trusted,
  text: Catalogue,
  about: string,
): Html {
  const { trust, columns, certificate: words } = text.partners;
  const trace = html`<h3>${trust.trace}</h3>${traceTable(steps, text, about)}`;
  if (door === null) return html`<p>${badge('warn', trust.none)}</p>${trace}`;
  const checked = table({
    caption: trust.checksOf(about),
    empty: text.parts.none,
    rows: checks,
    columns: [
      { title: columns.field, cell: ({ field: name }) => html`<code>${name}</code>` },
      { title: columns.value, cell: ({ value }) => html`<span class="value">${value}</span>` },
      { title: columns.asked, cell: ({ asked }) => html`<span class="value">${asked}</span>` },
      {
        title: columns.outcome,
        cell: ({ outcome }) => badge(CHECK_TONES[outcome], trust.outcomes[outcome]),
      },
    ],
  });
  const steps_ = path.map(({ certificate, revocation }, at) =>
    certificateView(certificate, text, {
      title: words.position(at, path.length),
      revocation,
      isOpen: at === 0,
    }),
  );
  return html`<p>${badge('good', trust.found(door, proof ?? ''))}</p><h3>${trust.path}</h3>${steps_}<h3>${trust.checks}</h3>${checked}${trace}`;
}

/** Connects to the partner's servers. */
async function servers(request: PageRequest): Promise<PageAnswer> {
  const { desk, params, query, text } = request;
  const view = await desk.partners.show(params['name'] ?? '');
  if (view === null) return { kind: 'not-found' };
  const { name, domains, tls } = view.partner;
  const own = [...new Set(domains.map(baseOf))];
  const domain = own.find((one) => one === query.get('domain')) ?? own[0] ?? '';
  const answer = await desk.look.probe(domain);
  const found =
    answer.kind === 'found'
      ? probeView(answer.found, text, tls.level)
      : notice('bad', answer.sentence);
  const { probe } = text.partners;
  const choice =
    own.length < 2
      ? null
      : searchForm({
          action: partnerPath(name, 'servers'),
          label: probe.domain,
          submit: probe.look,
          body: select({
            name: 'domain',
            label: probe.domain,
            value: domain,
            options: own.map((one) => [one, one] as const),
          }),
        });
  const body = html`<p><a href="${partnerPath(name)}">${name}</a></p><p>${probe.intro}</p>${choice}${found}`;
  return { kind: 'page', title: probe.title(domain), body };
}

const HOLDS_TONES: Readonly<Record<Probed['levels'][number]['holds'], Tone>> = {
  yes: 'good',
  no: 'bad',
  unknown: 'warn',
};

/** What servers showed, and which levels would let mail through; `current` is marked. */
export function probeView(found: Probed, text: Catalogue, current: string | null): Html {
  const { probe, columns } = text.partners;
  const { mail, mtaSts, chains, levels } = found;
  const levelRows = table({
    caption: probe.levels,
    empty: text.parts.none,
    rows: levels,
    columns: [
      {
        title: columns.level,
        cell: ({ level }) =>
          html`<code class="term">${level}</code> ${level === current ? badge('plain', probe.current) : null}`,
      },
      { title: columns.holds, cell: ({ holds }) => badge(HOLDS_TONES[holds], probe.holds[holds]) },
      { title: columns.reason, cell: ({ sentence }) => sentence },
    ],
  });
  const hosts = mail.hosts.map(
    (host) =>
      html`<h3>${host.name}</h3>${facts([
        [probe.tls, html`${[host.tls.version, host.tls.cipher].join(' ')} ${host.tls.sentence}`],
        [probe.dane, probe.daneText(host.tlsa.check, host.tlsa.sentence)],
        [probe.dnssec, host.dnssec],
      ])}${(chains.find((one) => one.host === host.name)?.certificates ?? []).map((one) =>
        certificateView(one, text),
      )}`,
  );
  const none =
    mail.hosts.length > 0
      ? mail.reason === null
        ? null
        : html`<p>${mail.reason}</p>`
      : html`<p>${probe.noMail} ${mail.reason ?? mail.kind}</p>`;
  return html`${section(probe.levels, levelRows)}${section(probe.hosts, none, hosts)}${section(
    probe.mtaSts,
    html`<p>${probe.mtaStsText(mtaSts.state, mtaSts.mode, mtaSts.reason)}</p>`,
  )}`;
}

export const partnerLookPages: readonly Page[] = [
  {
    method: 'GET',
    path: '/partners/:name/certificates',
    permission: 'simulate',
    answer: certificates,
  },
  { method: 'GET', path: '/partners/:name/servers', permission: 'simulate', answer: servers },
];
