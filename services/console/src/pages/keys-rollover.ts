import type { PublishedRecord } from '@sallyport/ipc';
import type { DnsCheck, RecordCheck } from '../desk/dns.ts';
import type { Rollover, RolloverStep } from '../desk/key-life.ts';
import type { KeyView } from '../desk/keys.ts';
import { type Html, type HtmlValue, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import { keyPath } from './keys-life.ts';
import {
  badge,
  copyBlock,
  field,
  form,
  notice,
  section,
  type Tone,
  table,
  textArea,
  time,
} from './parts.ts';

/** Two days: for the DNS, and for those who publish there. */
const OVERLAP_MS = 48 * 3_600_000;
const MINUTES_CHARS = 16;
const MAX_PEM_CHARS = 128 * 1024;
const MAX_SHOWN = 80;

/** What the steps of one key are shown with. */
export interface RolloverFacts {
  readonly key: KeyView;
  readonly rollover: Rollover;
  /** Null: they cannot be read at the moment. */
  readonly lines: readonly PublishedRecord[] | null;
  /** Null until somebody asks for it. */
  readonly check: DnsCheck | null;
  /** What was typed and could not be taken. */
  readonly typed: URLSearchParams;
  readonly faults: { readonly at?: string };
  readonly mayChange: boolean;
  readonly csrf: string;
  readonly now: Date;
  readonly text: Catalogue;
}

/** The way of a key into use, step by step; each step is open or done by what the keys are like. */
export function rolloverSection(of: RolloverFacts): Html {
  const { rollover, text } = of;
  const { rollover: words } = text.keys;
  const tones: Readonly<Record<'done' | 'open' | 'later', Tone>> = {
    done: 'good',
    open: 'warn',
    later: 'plain',
  };
  const steps = rollover.steps.map(
    ({ step, state }) =>
      html`<li class="${state}"${state === 'open' ? html` aria-current="step"` : null}><h3>${words.steps[step]} ${badge(tones[state], words.states[state])}</h3>${
        state === 'open' ? body(step, of) : null
      }</li>`,
  );
  const isFinished = rollover.steps.every(({ state }) => state === 'done');
  return section(
    words.title,
    html`<p class="quiet">${isFinished ? words.finished : words.leave}</p><ol class="steps">${steps}</ol>`,
  );
}

function body(step: RolloverStep, of: RolloverFacts): HtmlValue {
  switch (step) {
    case 'make':
      return html`<p>${of.text.keys.rollover.made}</p>`;
    case 'request':
      return request(of);
    case 'certificate':
      return certificate(of);
    case 'publish':
      return publish(of);
    case 'take-over':
      return takeOver(of);
    case 'retire':
      return retire(of);
  }
}

function request({ key, csrf, mayChange, text }: RolloverFacts): Html {
  const { rollover: words } = text.keys;
  return html`<p>${words.request}</p>${
    mayChange
      ? form({ action: `${keyPath(key.keyId)}/request`, csrf, submit: words.download })
      : null
  }`;
}

function certificate({ key, csrf, mayChange, typed, text }: RolloverFacts): Html {
  const { rollover: words } = text.keys;
  if (!mayChange) return html`<p>${words.certificate}</p>`;
  const fields = html`${textArea({
    name: 'pem',
    label: words.pem,
    value: typed.get('pem') ?? '',
    rows: 6,
    maxLength: MAX_PEM_CHARS,
    required: true,
  })}${fileInto('pem', text)}${textArea({
    name: 'anchors',
    label: words.anchors,
    hint: words.anchorsHint,
    value: typed.get('anchors') ?? '',
    rows: 3,
    maxLength: MAX_PEM_CHARS,
  })}${fileInto('anchors', text)}`;
  const action = `${keyPath(key.keyId)}/certificate`;
  return html`<p>${words.certificate}</p>${form({ action, csrf, submit: words.upload, body: fields })}`;
}

/** Where scripts run, a file is read into the field above it. */
function fileInto(name: string, { keys }: Catalogue): Html {
  return html`<div class="file-into" hidden><label for="${name}-file">${keys.rollover.file}</label> <input type="file" id="${name}-file" data-into="${name}" data-replace accept=".pem,.crt,.cer,.txt"></div>`;
}

function publish({ key, lines, check, text }: RolloverFacts): Html {
  const { rollover: words } = text.keys;
  if (lines === null) return notice('warn', html`<p>${words.publishUnknown}</p>`);
  if (lines.length === 0) return html`<p>${words.publishNothing}</p>`;
  const zone = lines.map(({ name, type, data }) => `${name} IN ${type} ${data}`).join('\n');
  return html`<p>${key.class === 'dkim' ? words.publishDkim : words.publish}</p>${copyBlock(zone, text)}<p class="actions" id="seen"><a class="button" href="${keyPath(key.keyId)}?check=1#seen">${words.check}</a></p>${
    check === null ? null : seen(check, text)
  }`;
}

function seen(check: DnsCheck, text: Catalogue): Html {
  const { rollover: words } = text.keys;
  if (check.kind === 'unanswered') return notice('warn', html`<p>${text.dns.unanswered}</p>`);
  // Whether hosts have addresses is for the page DNS.
  const rows = check.checks.filter(({ expected, type }) => expected !== null && type !== 'A');
  const isAsked = rows.length > 0 && check.unchecked.length === 0;
  const isAll = isAsked && rows.every(({ status }) => status === 'ok');
  return html`${notice(isAll ? 'good' : 'warn', html`<p>${isAll ? words.allSeen : words.notAllSeen}</p>`)}${table<RecordCheck>(
    {
      caption: words.status,
      empty: text.dns.unchecked,
      rows,
      columns: [
        { title: words.line, cell: ({ name, type }) => `${name} ${type}` },
        {
          title: words.status,
          cell: (row) =>
            html`${badge(row.status === 'ok' ? 'good' : 'warn', words.seen[row.status])} ${
              row.status === 'ok' || row.seen === null ? null : html`<code>${cut(row.seen)}</code>`
            }`,
        },
      ],
    },
  )}`;
}

function cut(data: string): string {
  return data.length > MAX_SHOWN ? `${data.slice(0, MAX_SHOWN)}…` : data;
}

function takeOver(of: RolloverFacts): Html {
  const { key, text, mayChange } = of;
  const { rollover: words } = text.keys;
  const isDkim = key.class === 'dkim';
  const planned =
    key.activateAt === null
      ? null
      : notice('good', html`<p>${words.planned} ${time(key.activateAt)}</p>`);
  return html`<p>${isDkim ? words.takeOverDkim : words.takeOver}</p>${planned}${
    mayChange && key.quarantined === null ? html`${isDkim ? null : plan(of)}${atOnce(of)}` : null
  }`;
}

function plan({ key, csrf, now, typed, faults, text }: RolloverFacts): Html {
  const { rollover: words } = text.keys;
  const path = keyPath(key.keyId);
  const proposed = key.activateAt ?? new Date(now.getTime() + OVERLAP_MS).toISOString();
  const at = field({
    name: 'at',
    label: words.at,
    type: 'datetime-local',
    value: typed.get('at') ?? proposed.slice(0, MINUTES_CHARS),
    fault: faults.at,
    required: true,
  });
  const submit = key.activateAt === null ? words.plan : words.change;
  return html`${form({ action: `${path}/schedule`, csrf, submit, body: at })}${
    key.activateAt === null
      ? null
      : html`<div class="actions">${form({ action: `${path}/cancel`, csrf, submit: words.cancel, isInline: true, isQuiet: true })}</div>`
  }`;
}

function atOnce({ key, csrf, text }: RolloverFacts): Html {
  const { rollover: words } = text.keys;
  const action = `${keyPath(key.keyId)}/activate`;
  return html`<div class="at-once"><p class="hint">${words.nowHint}</p>${form({ action, csrf, submit: words.now, danger: true })}</div>`;
}

function retire({ key, rollover, csrf, mayChange, text }: RolloverFacts): Html {
  const { rollover: words } = text.keys;
  const rows = rollover.former.map(
    ({ keyId }) =>
      html`<li><a href="${keyPath(keyId)}">${keyId}</a> ${
        mayChange
          ? form({
              action: `${keyPath(keyId)}/retire`,
              csrf,
              submit: words.retireOne(keyId),
              danger: true,
              isInline: true,
              body: html`<input type="hidden" name="back" value="${key.keyId}">`,
            })
          : null
      }</li>`,
  );
  const isOpening = key.class === 'domain-confidentiality';
  return html`<p>${isOpening ? words.retire : words.retireBeside}</p><p>${isOpening ? words.former : words.beside}</p><ul class="plain-list">${rows}</ul>`;
}
