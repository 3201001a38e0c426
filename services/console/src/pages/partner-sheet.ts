import type { SheetFacts } from '../desk/sheet.ts';
import { type Html, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';

interface Block {
  readonly title: string;
  readonly lines: readonly string[];
  /** Shown letter by letter: PEM, zone lines, commands. */
  readonly code?: readonly string[];
}

/** What a partner needs of us, as blocks that make both the text and the HTML. */
function sheetBlocks(sheet: SheetFacts, text: Catalogue): readonly Block[] {
  const words = text.partners.sheet;
  const { gatewayName, domains, partner } = sheet;
  const [domain = ''] = domains;
  return [
    {
      title: words.gateway,
      lines: [gatewayName, `${words.ourDomains}: ${domains.join(', ')}`, words.compare],
    },
    { title: words.addressesTitle, lines: words.addresses(domain) },
    {
      title: words.certificatesTitle,
      lines: sheet.certificates.length === 0 ? [words.noCertificates] : issuerLines(sheet, text),
      code: sheet.certificates.map((one) => certificateLines(one, text)),
    },
    { title: words.demandsTitle, lines: demandLines(partner, text) },
    { title: words.offersTitle, lines: offerLines(partner, text) },
    { title: words.contactTitle, lines: agreementLines(partner, text) },
    {
      title: words.dnsTitle,
      lines: sheet.lines.length === 0 ? [words.dnsNone] : [],
      code: sheet.lines.length === 0 ? [] : [zoneLines(sheet)],
    },
    { title: words.testTitle, lines: [], code: testLines(sheet, text) },
  ];
}

/** Who issued them: whoever wants a path has to ask for that certificate. */
function issuerLines({ certificates }: SheetFacts, text: Catalogue): string[] {
  const issuers = certificates.flatMap(({ issuer, subject }) =>
    issuer === subject ? [] : [issuer],
  );
  return [...new Set(issuers)].map((issuer) => text.partners.sheet.issuedBy(issuer));
}

function certificateLines(one: SheetFacts['certificates'][number], text: Catalogue): string {
  const words = text.partners.certificate;
  return [
    `${words.subject}: ${one.subject}`,
    `${words.issuer}: ${one.issuer}`,
    `${words.roles}: ${one.roles.join(', ')}`,
    `${words.validity}: ${words.validityText(one.notBefore, one.notAfter)}`,
    `${words.key}: ${one.key}`,
    `${words.sha256}: ${one.sha256}`,
    `${words.sha1}: ${one.sha1}`,
    one.pem,
  ].join('\n');
}

function demandLines({ inbound }: SheetFacts['partner'], text: Catalogue): string[] {
  const { demands } = text.partners.sheet;
  const { words } = text.partners.edit;
  return [
    `${demands.signature}: ${words['inbound.signature'][inbound.signature]}`,
    `${demands.encryption}: ${words['inbound.encryption'][inbound.encryption]}`,
    `${demands.tls}: ${words['inbound.tls.level'][inbound.tls.level]}`,
    ...(inbound.tls.clientName === undefined
      ? []
      : [`${demands.clientName}: ${inbound.tls.clientName}`]),
    `${demands.otherwise}: ${words['inbound.otherwise'][inbound.otherwise]}`,
  ];
}

function offerLines({ outbound, tls }: SheetFacts['partner'], text: Catalogue): string[] {
  const { offers } = text.partners.sheet;
  const { words } = text.partners.edit;
  return [
    `${offers.sign}: ${words['outbound.sign'][outbound.sign]}`,
    `${offers.profile}: ${words['outbound.profile'][outbound.profile]}`,
    `${offers.encrypt}: ${words['outbound.encrypt'][outbound.encrypt]}`,
    `${offers.tls}: ${words['tls.level'][tls.level]}`,
    ...(tls.match.length === 0 ? [] : [`${offers.match}: ${tls.match.join(', ')}`]),
  ];
}

function agreementLines({ agreement }: SheetFacts['partner'], text: Catalogue): string[] {
  const { facts, noAgreement } = text.partners;
  if (agreement === undefined) return [noAgreement];
  return [
    `${facts.id}: ${agreement.id}`,
    `${facts.asserts}: ${agreement.asserts}`,
    `${facts.validUntil}: ${agreement.validUntil}`,
    `${facts.contact}: ${agreement.contact}`,
  ];
}

function zoneLines({ lines }: SheetFacts): string {
  return lines.map(({ name, type, data }) => `${name} IN ${type} ${data}`).join('\n');
}

function testLines({ gatewayName, domains }: SheetFacts, text: Catalogue): string[] {
  const { tests } = text.partners.sheet;
  const [domain = ''] = domains;
  const to = `postmaster@${domain}`;
  return [
    `# ${tests.fetch}\nopenssl x509 -in theirs.pem -noout -subject -issuer -dates -fingerprint -sha256`,
    `# ${tests.encrypt}\nopenssl cms -sign -in test.txt -text -signer own.pem -inkey own-key.pem | openssl cms -encrypt -aes256 -to ${to} -subject test theirs.pem > test.eml`,
    `# ${tests.tls}\nopenssl s_client -starttls smtp -connect ${gatewayName}:25 -servername ${gatewayName} -showcerts </dev/null`,
    `# ${tests.verify}\nopenssl cms -verify -in received.eml -CAfile anchors.pem -purpose any`,
  ];
}

function titleOf({ domains, partner }: SheetFacts, text: Catalogue): string {
  return text.partners.sheet.title(domains[0] ?? '', partner.name);
}

/** The whole sheet as plain text. */
export function sheetText(sheet: SheetFacts, text: Catalogue): string {
  const title = titleOf(sheet, text);
  const made = text.partners.sheet.made(sheet.gatewayName, sheet.time, sheet.version);
  const blocks = sheetBlocks(sheet, text).map(({ title: head, lines, code = [] }) =>
    [head, '-'.repeat(head.length), ...lines, ...code.map((one) => `\n${one}`)].join('\n'),
  );
  return `${[title, '='.repeat(title.length), made, ...blocks.map((one) => `\n${one}`)].join('\n')}\n`;
}

/** The whole sheet as a document of its own, without style or script. */
function sheetHtml(sheet: SheetFacts, text: Catalogue): Html {
  const title = titleOf(sheet, text);
  const blocks = sheetBlocks(sheet, text).map(
    ({ title: head, lines, code = [] }) =>
      html`<h2>${head}</h2>${lines.map((line) => html`<p>${line}</p>`)}${code.map((one) => html`<pre>${one}</pre>`)}`,
  );
  const made = text.partners.sheet.made(sheet.gatewayName, sheet.time, sheet.version);
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="content-security-policy" content="default-src 'none'"><title>${title}</title></head><body><h1>${title}</h1><p>${made}</p>${blocks}</body></html>
`;
}

function fileName({ partner }: SheetFacts, ending: string): string {
  return `${partner.name.replace(/[^A-Za-z0-9.-]+/g, '-').slice(0, 60)}.${ending}`;
}

async function answer(request: PageRequest, kind: 'html' | 'txt'): Promise<PageAnswer> {
  const { desk, params, text } = request;
  const sheet = await desk.sheets.sheet(params['name'] ?? '');
  if (sheet === null) return { kind: 'not-found' };
  const name = fileName(sheet, kind);
  return kind === 'html'
    ? {
        kind: 'file',
        type: 'text/html; charset=utf-8',
        name,
        bytes: sheetHtml(sheet, text).toString(),
      }
    : { kind: 'file', type: 'text/plain; charset=utf-8', name, bytes: sheetText(sheet, text) };
}

export const partnerSheetPages: readonly Page[] = [
  {
    method: 'GET',
    path: '/partners/:name/sheet',
    permission: 'partner.read',
    answer: async (request) => await answer(request, 'html'),
  },
  {
    method: 'GET',
    path: '/partners/:name/sheet.txt',
    permission: 'partner.read',
    answer: async (request) => await answer(request, 'txt'),
  },
];
