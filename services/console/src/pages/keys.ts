import { keyIdSchema, MAX_CERTIFICATE_PEM_CHARS } from '@sallyport/ipc';
import { lifeLinesOf } from '../desk/key-life.ts';
import type { StepAnswer } from '../desk/keys.ts';
import { html } from '../html.ts';
import type { NoticeKey } from '../texts/en/notices.ts';
import { keyPage } from './keys-key.ts';
import { keyPath, lifeLine } from './keys-life.ts';
import { makeKey, newKeyPage } from './keys-new.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import { notice, section } from './parts.ts';
import { parseTime } from './search-fields.ts';

async function overview({ desk, now, text, actor }: PageRequest): Promise<PageAnswer> {
  const { keys, unreadable } = await desk.keys.list();
  const mayChange = actor.permissions.has('key.change');
  const own = desk.ports.options.domains;
  const domains = [...new Set([...own, ...keys.map(({ domain }) => domain)])];
  const broken = [
    ...unreadable,
    ...keys.flatMap(({ keyId, quarantined: reason }) =>
      reason === null ? [] : [{ keyId, reason }],
    ),
  ];
  const sections = domains.map((domain) =>
    section(
      domain,
      lifeLinesOf(domain, keys).map((line) => lifeLine(line, { now, text, mayChange })),
    ),
  );
  const body = html`<p>${text.keys.intro}</p>${
    broken.length === 0
      ? null
      : notice(
          'bad',
          html`<p>${text.keys.quarantinedTitle}</p><ul>${broken.map(
            ({ keyId, reason }) => html`<li>${text.keys.quarantinedRow(keyId, reason)}</li>`,
          )}</ul><p>${text.keys.quarantinedHint}</p>`,
        )
  }${sections}`;
  return { kind: 'page', title: text.keys.title, body };
}

/** The key that a path names; null if it can be none. */
function keyIdOf({ params }: PageRequest): string | null {
  const parsed = keyIdSchema.safeParse(params['keyId']);
  return parsed.success ? parsed.data : null;
}

/** A POST page of one key: back to its page, with what was done or why not. */
function step(
  path: string,
  done: NoticeKey,
  order: (request: PageRequest, keyId: string) => Promise<StepAnswer | { readonly at: string }>,
): Page {
  return {
    method: 'POST',
    path: `/keys/:keyId/${path}`,
    permission: 'key.change',
    answer: async (request) => {
      const keyId = keyIdOf(request);
      if (keyId === null) return { kind: 'not-found' };
      const answer = await order(request, keyId);
      if ('at' in answer || answer.kind === 'refused') return await keyPage(request, keyId, answer);
      const back = keyIdSchema.safeParse(request.form.get('back'));
      return { kind: 'redirect', to: keyPath(back.success ? back.data : keyId), notice: done };
    },
  };
}

/** Pasted from a mail or a terminal: what stands around the blocks is nobody's certificate. */
function pemOf(typed: string | null): string {
  return (typed ?? '').trim().slice(0, MAX_CERTIFICATE_PEM_CHARS);
}

/** Pages about keys: overview, one key with its steps, what its forms do. */
export const keyPages: readonly Page[] = [
  { method: 'GET', path: '/keys', permission: 'key.read', answer: overview },
  { method: 'GET', path: '/keys/new', permission: 'key.change', answer: newKeyPage },
  { method: 'POST', path: '/keys/new', permission: 'key.change', answer: makeKey },
  {
    method: 'GET',
    path: '/keys/:keyId',
    permission: 'key.read',
    answer: async (request) => {
      const keyId = keyIdOf(request);
      return keyId === null ? { kind: 'not-found' } : await keyPage(request, keyId);
    },
  },
  {
    method: 'POST',
    path: '/keys/:keyId/request',
    permission: 'key.change',
    answer: async (request) => {
      const keyId = keyIdOf(request);
      if (keyId === null) return { kind: 'not-found' };
      const answer = await request.desk.keys.request(request.actor, keyId);
      if (answer.kind === 'refused') return await keyPage(request, keyId, answer);
      const type = 'application/pkcs10';
      return { kind: 'file', type, name: `${keyId}.csr.pem`, bytes: answer.pem };
    },
  },
  step('certificate', 'key-certified', async ({ desk, actor, form }, keyId) => {
    const pem = pemOf(form.get('pem'));
    const anchors = pemOf(form.get('anchors'));
    const given = { keyId, pem: pem === '' ? '-' : pem };
    return await desk.keys.takeCertificate(actor, anchors === '' ? given : { ...given, anchors });
  }),
  step('schedule', 'key-scheduled', async ({ desk, actor, form, text }, keyId) => {
    const at = parseTime(form.get('at') ?? '');
    if (at === null) return { at: text.keys.rollover.atFault };
    return await desk.keys.schedule(actor, keyId, at);
  }),
  step(
    'cancel',
    'key-cancelled',
    async ({ desk, actor }, keyId) => await desk.keys.cancel(actor, keyId),
  ),
  step(
    'activate',
    'key-activated',
    async ({ desk, actor }, keyId) => await desk.keys.activate(actor, keyId),
  ),
  step(
    'retire',
    'key-retired',
    async ({ desk, actor }, keyId) => await desk.keys.retire(actor, keyId),
  ),
];
