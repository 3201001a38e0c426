import type { Simulated } from '../desk/simulate.ts';
import { type Html, html } from '../html.ts';
import type { Page, PageAnswer, PageRequest } from './page.ts';
import { facts, field, form, notice, section, select, textArea } from './parts.ts';
import { versionOf } from './policy-parts.ts';
import { traceTable } from './trace-table.ts';

const MAX_ADDRESS_CHARS = 320;
const OFFERED_VERSIONS = 20;
const MAX_VERSION_CHARS = 10;

interface Sent {
  readonly from: string;
  readonly to: string;
  readonly version: string;
  readonly message: string;
}

async function blank(request: PageRequest): Promise<PageAnswer> {
  const { query, text } = request;
  const [from, to] = [query.get('from') ?? '', query.get('to') ?? ''];
  const version = versionOf(query.get('version') ?? undefined);
  const sent = { from, to, version: version === null ? '' : String(version), message: '' };
  return { kind: 'page', title: text.simulate.title, body: await formFor(request, sent) };
}

async function formFor(request: PageRequest, sent: Sent): Promise<Html> {
  const { csrf, text, desk } = request;
  const { simulate, policy } = text;
  const { versions } = await desk.policy.list({ limit: OFFERED_VERSIONS });
  const recent = versions.map(
    ({ version, state }) =>
      [String(version), simulate.versionOption(version, policy.states[state])] as const,
  );
  const isOther = sent.version !== '' && !recent.some(([number]) => number === sent.version);
  const options = isOther
    ? [...recent, [sent.version, policy.versionLink(Number(sent.version))] as const]
    : recent;
  return html`<p>${simulate.intro}</p>${section(
    simulate.label,
    form({
      action: '/simulate',
      csrf,
      submit: simulate.action,
      body: html`<div class="fields">${field({
        name: 'from',
        label: simulate.from,
        value: sent.from,
        maxLength: MAX_ADDRESS_CHARS,
      })}${field({
        name: 'to',
        label: simulate.to,
        value: sent.to,
        required: true,
        maxLength: MAX_ADDRESS_CHARS,
      })}${select({
        name: 'version',
        label: simulate.version,
        value: sent.version,
        options: [['', simulate.inForce], ...options],
      })}</div>${textArea({
        name: 'message',
        label: simulate.message,
        hint: simulate.messageHint,
        value: sent.message,
        rows: 6,
      })}<div class="file-for" data-field="message64" hidden><label for="file">${simulate.file}</label> <input id="file" type="file"><input type="hidden" name="message64" value=""></div>`,
    }),
  )}`;
}

/** What was chosen as a file, octet by octet; else what was pasted. Null: nothing. */
function messageOf(form_: URLSearchParams): Buffer | null | 'broken' {
  const encoded = form_.get('message64') ?? '';
  if (encoded !== '') {
    const isWhole = /^[A-Za-z0-9+/]+={0,2}$/.test(encoded) && encoded.length % 4 === 0;
    return isWhole ? Buffer.from(encoded, 'base64') : 'broken';
  }
  const pasted = form_.get('message') ?? '';
  return pasted.trim() === '' ? null : Buffer.from(pasted.replace(/\r?\n/g, '\r\n'), 'utf8');
}

async function run(request: PageRequest): Promise<PageAnswer> {
  const { form: posted, desk, text } = request;
  const sent = {
    from: (posted.get('from') ?? '').slice(0, MAX_ADDRESS_CHARS),
    to: (posted.get('to') ?? '').slice(0, MAX_ADDRESS_CHARS),
    version: (posted.get('version') ?? '').slice(0, MAX_VERSION_CHARS),
    message: posted.get('message') ?? '',
  };
  const message = messageOf(posted);
  const version = versionOf(sent.version);
  const refused = (sentence: string) => ({ kind: 'refused', sentence }) as const;
  const answer =
    message === 'broken'
      ? refused(text.simulate.notBase64)
      : version === null && sent.version !== ''
        ? refused(text.simulate.noVersion)
        : await desk.simulation.simulate({ ...sent, message, version });
  const isDone = answer.kind === 'simulated';
  const shown = isDone ? resultOf(answer, request) : refusal(answer.sentence, request);
  const body = html`${shown}${await formFor(request, sent)}`;
  return { kind: 'page', title: text.simulate.title, body, status: isDone ? 200 : 422 };
}

function refusal(sentence: string, { text }: PageRequest): Html {
  return notice('bad', html`<strong>${text.simulate.refusedTitle}.</strong> ${sentence}`);
}

function resultOf({ answer, version, transport }: Simulated, { text }: PageRequest): Html {
  const { simulate, policy } = text;
  const { algorithms, certificate } = answer;
  const rows = facts([
    [simulate.decision, html`<strong>${answer.decision}</strong>`],
    [simulate.rule, answer.rule],
    [simulate.decidedBy, html`<a href="/policy/${version}">${policy.versionLink(version)}</a>`],
    ...(algorithms === null
      ? []
      : [
          [
            simulate.algorithms,
            html`${simulate.chosenBy(algorithms.content, algorithms.contentSource)}, ${simulate.chosenBy(algorithms.keyTransport, algorithms.keyTransportSource)}`,
          ] as const,
        ]),
    ...(certificate === null
      ? []
      : [
          [
            simulate.certificate,
            html`<code class="hash">${certificate.fingerprint}</code> ${simulate.certificateFacts(certificate.owner, certificate.door, certificate.proof, certificate.revocation)}`,
          ] as const,
        ]),
    [simulate.transport, transportText(transport, simulate)],
  ]);
  const remarks =
    answer.remarks.length === 0
      ? null
      : html`<h3>${simulate.remarks}</h3><ul>${answer.remarks.map((one) => html`<li>${one}</li>`)}</ul>`;
  return html`${section(simulate.resultTitle, html`<p class="verdict">${answer.sentence}</p>`, rows, remarks)}${section(
    simulate.traceTitle,
    traceTable(answer.steps, text),
  )}`;
}

function transportText(
  { level, rule, route, decides }: Simulated['transport'],
  words: PageRequest['text']['simulate'],
): string {
  if (route === null) return words.transportFacts(level, rule);
  return decides === 'both' ? words.transportBoth(level, rule, route) : words.transportRoute(route);
}

export const simulatePages: readonly Page[] = [
  { method: 'GET', path: '/simulate', permission: 'simulate', answer: blank },
  { method: 'POST', path: '/simulate', permission: 'simulate', answer: run },
];
