import {
  dkimSelectorSchema,
  type KeyAlgorithm,
  type KeyClass,
  keyAlgorithmSchema,
} from '@sallyport/ipc';
import type { Desk } from '../desk/desk.ts';
import type { KeyView } from '../desk/keys.ts';
import { type Html, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import type { PageAnswer, PageRequest } from './page.ts';
import { copyBlock, facts, field, form, notice, section, select } from './parts.ts';

/** The kinds that are offered: those that can sign a request, the most common one first. */
const KINDS = {
  'domain-signing': ['rsa-3072', 'rsa-4096', 'ec-p256', 'ec-p384', 'ed25519', 'ml-dsa-65'],
  'domain-confidentiality': ['rsa-3072', 'rsa-4096', 'ec-p256', 'ec-p384'],
  dkim: ['rsa-2048', 'ed25519'],
} as const satisfies Partial<Record<KeyClass, readonly KeyAlgorithm[]>>;
type MadeClass = keyof typeof KINDS;

const MAX_SELECTOR = 63;
const INVALID_STATUS = 422;
const REFUSED_STATUS = 409;

interface Wanted {
  readonly class: MadeClass;
  readonly domain: string;
}

interface Faults {
  readonly algorithm?: string;
  readonly selector?: string;
  readonly sentence?: string;
}

/** Of a domain of ours only: its name stands in a command that people copy. */
function wantedOf(fields: URLSearchParams, { ports }: Desk): Wanted | null {
  const domain = ports.options.domains.find((own) => own === fields.get('domain'));
  const keyClass = (Object.keys(KINDS) as MadeClass[]).find((one) => one === fields.get('class'));
  return keyClass === undefined || domain === undefined ? null : { class: keyClass, domain };
}

/** The first step of a rollover: which kind of key the successor is. */
export async function newKeyPage(request: PageRequest): Promise<PageAnswer> {
  const wanted = wantedOf(request.query, request.desk);
  return wanted === null ? { kind: 'not-found' } : await show(request, wanted, {});
}

/** Makes the key, and goes on to its page. */
export async function makeKey(request: PageRequest): Promise<PageAnswer> {
  const { desk, actor, form: typed, text } = request;
  const wanted = wantedOf(typed, desk);
  if (wanted === null) return { kind: 'not-found' };
  const algorithm = keyAlgorithmSchema.safeParse(typed.get('algorithm'));
  const selector = dkimSelectorSchema.safeParse((typed.get('selector') ?? '').toLowerCase());
  const { make } = text.keys;
  if (!algorithm.success) return await show(request, wanted, { algorithm: make.algorithmFault });
  if (wanted.class === 'dkim' && !selector.success) {
    return await show(request, wanted, { selector: make.selectorFault });
  }
  const answer = await desk.keys.generate(actor, {
    ...wanted,
    algorithm: algorithm.data,
    ...(wanted.class === 'dkim' && selector.success ? { selector: selector.data } : {}),
  });
  if (answer.kind === 'refused') return await show(request, wanted, answer);
  return {
    kind: 'redirect',
    to: `/keys/${answer.step.keyId}`,
    notice: wanted.class === 'dkim' ? 'key-generated-dkim' : 'key-generated',
  };
}

async function show(request: PageRequest, wanted: Wanted, faults: Faults): Promise<PageAnswer> {
  const { desk, form: typed, csrf, text } = request;
  const { make, classes, purposes, algorithms } = text.keys;
  const active = (await desk.keys.list()).keys.find(
    (one) => one.class === wanted.class && one.domain === wanted.domain && one.state === 'active',
  );
  const kinds = kindsFor(wanted.class, active);
  const fields = html`<input type="hidden" name="domain" value="${wanted.domain}"><input type="hidden" name="class" value="${wanted.class}">${select(
    {
      name: 'algorithm',
      label: make.algorithm,
      hint: make.algorithmHint,
      fault: faults.algorithm,
      value: typed.get('algorithm') ?? kinds[0] ?? '',
      options: kinds.map((kind) => [kind, algorithms[kind]]),
    },
  )}${
    wanted.class === 'dkim'
      ? field({
          name: 'selector',
          label: make.selector,
          hint: make.selectorHint,
          fault: faults.selector,
          value: typed.get('selector') ?? '',
          maxLength: MAX_SELECTOR,
          required: true,
        })
      : null
  }`;
  const body = html`${
    faults.sentence === undefined
      ? null
      : notice('bad', html`<p>${faults.sentence}</p><p>${text.keys.refused}</p>`)
  }${section(
    classes[wanted.class],
    html`<p>${make.intro}</p>`,
    facts([
      [make.class, `${classes[wanted.class]}: ${purposes[wanted.class]}`],
      [make.domain, wanted.domain],
    ]),
    active?.token === null || active === undefined
      ? null
      : html`<p class="quiet">${make.onToken}</p>`,
    form({ action: '/keys/new', csrf, submit: make.submit, body: fields }),
    wanted.class === 'dkim' ? null : onHost(wanted, text),
  )}`;
  const isInvalid = faults.algorithm !== undefined || faults.selector !== undefined;
  const status = isInvalid ? INVALID_STATUS : REFUSED_STATUS;
  const isFault = isInvalid || faults.sentence !== undefined;
  return { kind: 'page', title: make.title, body, ...(isFault ? { status } : {}) };
}

/** The CA's own key stays with the command line, and so does what it signs. */
function onHost({ class: keyClass, domain }: Wanted, text: Catalogue): Html {
  const command = `sallyport key rollover --for ${keyClass} --domain ${domain} --config FILE`;
  return html`<div class="at-once"><p class="hint">${text.keys.make.ownCa}</p>${copyBlock(command, text)}</div>`;
}

/** The kind in use first: a successor is most often of the same. */
function kindsFor(keyClass: MadeClass, active: KeyView | undefined): readonly KeyAlgorithm[] {
  const kinds: readonly KeyAlgorithm[] = KINDS[keyClass];
  const used = kinds.find((kind) => kind === active?.algorithm);
  return used === undefined ? kinds : [used, ...kinds.filter((kind) => kind !== used)];
}
