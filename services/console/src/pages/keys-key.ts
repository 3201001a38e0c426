import type { DescribedCertificate } from '@sallyport/ipc';
import { rolloverOf } from '../desk/key-life.ts';
import type { KeyView } from '../desk/keys.ts';
import { orAway } from '../desk/refused.ts';
import { type Html, type HtmlValue, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import { endOf, keyPath, stateBadges } from './keys-life.ts';
import { rolloverSection } from './keys-rollover.ts';
import type { PageAnswer, PageRequest } from './page.ts';
import { copyBlock, facts, form, notice, section, time } from './parts.ts';

/** What went wrong with a form of the page. */
export interface KeyPageFault {
  readonly sentence?: string;
  readonly at?: string;
}

const REFUSED_STATUS = 409;
const INVALID_STATUS = 422;

/** One key: what it is, its certificate, and the step that comes next. */
export async function keyPage(
  request: PageRequest,
  keyId: string,
  fault: KeyPageFault = {},
): Promise<PageAnswer> {
  const { desk, now, csrf, text, actor, query, form: typed } = request;
  const { keys } = await desk.keys.list();
  const key = keys.find((one) => one.keyId === keyId);
  if (key === undefined) return { kind: 'not-found' };
  const mayChange = actor.permissions.has('key.change');
  const rollover = rolloverOf(key, keys);
  const isPublishing = rollover?.steps.some(
    ({ step, state }) => step === 'publish' && state === 'open',
  );
  const lines = isPublishing === true ? await orAway(() => desk.keys.lines(keyId)) : [];
  const isAsked = query.get('check') === '1' && lines !== null && lines.length > 0;
  const check = isAsked ? await desk.dns.check(lines) : null;
  const facts = { key, lines, check, typed, mayChange, csrf, now, text };
  const faults = fault.at === undefined ? {} : { at: fault.at };
  const body = html`${refusal(fault, text)}${
    key.quarantined === null
      ? null
      : notice('bad', html`<p>${key.quarantined}</p><p>${text.keys.quarantinedHint}</p>`)
  }${section(text.keys.classes[key.class], keyFacts(key, text))}${
    rollover === null ? null : rolloverSection({ ...facts, rollover, faults })
  }${certificateSection(key, await desk.keys.describe(key), { now, text })}${otherSteps(facts)}`;
  const status = fault.sentence !== undefined ? REFUSED_STATUS : INVALID_STATUS;
  const isFault = fault.sentence !== undefined || fault.at !== undefined;
  return { kind: 'page', title: keyId, body, ...(isFault ? { status } : {}) };
}

function refusal({ sentence }: KeyPageFault, { keys }: Catalogue): Html | null {
  if (sentence === undefined) return null;
  return notice('bad', html`<p>${sentence}</p><p>${keys.refused}</p>`);
}

function keyFacts(key: KeyView, text: Catalogue): Html {
  const { facts: words, classes, purposes, algorithms } = text.keys;
  const times = [
    [words.created, key.createdAt],
    [words.planned, key.activateAt],
    [words.activated, key.activatedAt],
    [words.retired, key.retiredAt],
    [words.destroyed, key.destroyedAt],
  ] as const;
  const selector = key.dkimSelector;
  return facts([
    [words.class, `${classes[key.class]}: ${purposes[key.class]}`],
    [words.domain, key.domain],
    [words.state, stateBadges(key, text)],
    [words.kind, algorithms[key.algorithm]],
    [
      words.place,
      key.token === null ? words.inFile : html`${words.onToken} <code>${key.token}</code>`,
    ],
    ...(selector === null ? [] : [[words.selector, selector] as const]),
    ...times.flatMap(([name, at]) => (at === null ? [] : [[name, time(at)] as const])),
  ]);
}

function certificateSection(
  key: KeyView,
  described: DescribedCertificate | null,
  { now, text }: { readonly now: Date; readonly text: Catalogue },
): Html | null {
  const { certificate } = key;
  if (certificate === null) return null;
  const { certificate: words } = text.keys;
  const rows: (readonly [string, HtmlValue])[] = [
    [words.subject, described?.subject ?? certificate.subject],
    [words.issuer, described?.issuer ?? certificate.issuer],
    [words.serial, html`<code>${certificate.serial}</code>`],
    [words.from, time(certificate.notBefore)],
    [words.to, html`${time(certificate.notAfter)} (${endOf(key, now, text)})`],
    [words.fingerprint, html`<code>${certificate.fingerprint}</code>`],
  ];
  if (described === null) {
    return section(words.title, facts(rows), html`<p class="quiet">${words.shortOnly}</p>`);
  }
  const more: (readonly [string, HtmlValue])[] = [
    [words.addresses, described.addresses.join(', ')],
    [words.key, described.key],
    [words.signature, described.signatureAlgorithm],
    [words.keyUsage, described.keyUsage?.join(', ') ?? words.any],
    [words.extendedKeyUsage, described.extendedKeyUsage?.join(', ') ?? words.any],
    [words.crl, described.crlPlaces.join(', ')],
    [words.ocsp, described.ocspPlaces.join(', ')],
    [words.pin, html`<code>${described.spkiSha256}</code>`],
    [words.faults, described.faults.join('; ')],
  ];
  const all = [...rows, ...more.filter(([, value]) => value !== '')];
  return section(
    words.title,
    facts(all),
    html`<details><summary>${words.pem}</summary>${copyBlock(described.pem, text)}</details>`,
  );
}

/** What a key out of use can still do; the command line has what needs its secrets. */
function otherSteps(of: {
  readonly key: KeyView;
  readonly mayChange: boolean;
  readonly csrf: string;
  readonly text: Catalogue;
}): Html | null {
  const { key, mayChange, csrf, text } = of;
  const { other } = text.keys;
  const { state, class: keyClass, keyId } = key;
  const path = keyPath(keyId);
  const isConfidentiality = keyClass === 'domain-confidentiality';
  const isBack = state === 'decrypt-only' || (state === 'retired' && !isConfidentiality);
  const isOpening = state === 'decrypt-only';
  const retire = { action: `${path}/retire`, csrf, submit: other.retire };
  const back = { action: `${path}/activate`, csrf, submit: other.back };
  const steps = [
    ...(mayChange && isOpening ? [step(other.retireHint, retire)] : []),
    ...(mayChange && isBack && isUsable(key) ? [step(other.backHint, back)] : []),
  ];
  const commands = commandsFor(key, text);
  if (steps.length === 0 && commands.length === 0) return null;
  return section(
    other.title,
    steps,
    commands.length === 0 ? null : html`<p>${other.host}</p>`,
    commands.map(
      ([words, command]) =>
        html`<p class="quiet">${words}</p>${copyBlock(`sallyport key ${command} ${keyId} --config FILE`, text)}`,
    ),
  );
}

function isUsable({ isRevoked, quarantined }: KeyView): boolean {
  return !isRevoked && quarantined === null;
}

function step(
  hint: string,
  of: { readonly action: string; readonly csrf: string; readonly submit: string },
): Html {
  return html`<div class="actions">${form({ ...of, danger: true, isInline: true })} <span class="hint">${hint}</span></div>`;
}

function commandsFor(
  { state, class: keyClass, certificate, isRevoked }: KeyView,
  { keys }: Catalogue,
): readonly (readonly [words: string, command: string])[] {
  const { other } = keys;
  const rows: (readonly [string, string])[] = [];
  if (state === 'retired' && keyClass === 'domain-confidentiality') {
    rows.push([other.reopen, 'reopen']);
  }
  const isOut = state === 'decrypt-only' || state === 'retired' || state === 'pending';
  if (isOut && certificate !== null && !isRevoked) rows.push([other.revoke, 'revoke']);
  const isSpare = state === 'retired' || state === 'generated' || state === 'pending';
  if (isSpare) rows.push([other.destroy, 'destroy']);
  return rows;
}
