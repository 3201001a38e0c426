import { daysUntil, type LifeLine, SOON_DAYS } from '../desk/key-life.ts';
import type { KeyView } from '../desk/keys.ts';
import { type Html, type HtmlValue, html } from '../html.ts';
import type { Catalogue } from '../texts/en.ts';
import { badge, notice, type Tone, time } from './parts.ts';

const SHOWN = 3;

const TONES: Readonly<Record<KeyView['state'], Tone>> = {
  generated: 'plain',
  pending: 'plain',
  active: 'good',
  'decrypt-only': 'plain',
  retired: 'plain',
  destroyed: 'plain',
};

/** Where one key is. */
export function keyPath(keyId: string): string {
  return `/keys/${encodeURIComponent(keyId)}`;
}

/** State of a key in words, and what is wrong with it. */
export function stateBadges(key: KeyView, { keys: text }: Catalogue): Html {
  const isWaitingDkim = key.class === 'dkim' && key.state === 'generated';
  const words = isWaitingDkim ? text.dkimWaits : text.states[key.state];
  return html`${badge(TONES[key.state], words)}${
    key.isRevoked ? html` ${badge('bad', text.revoked)}` : null
  }${key.quarantined === null ? null : html` ${badge('bad', text.quarantined)}`}`;
}

/** The end of a certificate: the day, and how long that is. */
export function endOf(key: KeyView, now: Date, { keys: text }: Catalogue): HtmlValue {
  if (key.class === 'dkim') return null;
  if (key.certificate === null) return text.noCertificate;
  const { notAfter } = key.certificate;
  const days = daysUntil(notAfter, now);
  const words = text.until(notAfter.slice(0, 10), days);
  const counts = key.state === 'active' || key.state === 'pending';
  return days <= SOON_DAYS && counts ? badge(days < 0 ? 'bad' : 'warn', words) : words;
}

/** The life of one key class of a domain: former, in use, next. */
export function lifeLine(
  line: LifeLine,
  of: { readonly now: Date; readonly text: Catalogue; readonly mayChange: boolean },
): Html {
  const { text, mayChange } = of;
  const { keys } = text;
  const words = keys.classes[line.class];
  const places = (['former', 'active', 'next'] as const).map(
    (place) =>
      html`<li class="${place}"><h4>${keys.placesOfLife[place]}</h4>${
        line[place].length === 0
          ? html`<p class="quiet">${keys.nobody[place]}</p>`
          : lifeKeys(line[place], of)
      }${place === 'next' && mayChange ? nextSteps(line, text) : null}</li>`,
  );
  const gone = line.destroyed.length;
  return html`<div class="life"><h3>${words}</h3><p class="quiet">${keys.purposes[line.class]}${
    gone === 0 ? null : html` · ${keys.destroyedCount(gone)}`
  }</p>${warningOf(line, of)}<ol>${places}</ol></div>`;
}

/** A few; those that were in use years ago only for who asks. */
function lifeKeys(
  keys: readonly KeyView[],
  of: { readonly now: Date; readonly text: Catalogue },
): Html {
  const [shown, more] = [keys.slice(0, SHOWN), keys.slice(SHOWN)];
  return html`${shown.map((key) => lifeKey(key, of))}${
    more.length === 0
      ? null
      : html`<details><summary>${of.text.keys.moreFormer(more.length)}</summary>${more.map((key) => lifeKey(key, of))}</details>`
  }`;
}

function lifeKey(
  key: KeyView,
  { now, text }: { readonly now: Date; readonly text: Catalogue },
): Html {
  const { keys } = text;
  const end = endOf(key, now, text);
  return html`<div class="life-key"><a href="${keyPath(key.keyId)}">${key.keyId}</a><div>${stateBadges(key, text)}</div><div class="quiet">${keys.algorithms[key.algorithm]}${
    end === null ? null : html` · ${end}`
  }</div>${key.activateAt === null ? null : html`<div>${keys.takesOver} ${time(key.activateAt)}</div>`}</div>`;
}

function nextSteps(line: LifeLine, { keys: text }: Catalogue): Html {
  const [waiting] = line.next;
  if (waiting !== undefined) {
    const name = text.goOnNamed(waiting.keyId);
    return html`<p class="actions"><a class="button primary" href="${keyPath(waiting.keyId)}" aria-label="${name}">${text.goOn}</a></p>`;
  }
  const query = new URLSearchParams({ domain: line.domain, class: line.class });
  const words = line.active.length === 0 ? text.start : text.replace;
  const name = text.named(words, text.classes[line.class], line.domain);
  return html`<p class="actions"><a class="button" href="/keys/new?${query.toString()}" aria-label="${name}">${words}</a></p>`;
}

function warningOf(
  line: LifeLine,
  { now, text }: { readonly now: Date; readonly text: Catalogue },
): Html | null {
  const { keys } = text;
  if (line.active.length === 0) {
    return line.class === 'dkim'
      ? null
      : notice('warn', html`<p>${keys.noneInUse(keys.classes[line.class])}</p>`);
  }
  const ends = line.active.flatMap(({ certificate }) =>
    certificate === null ? [] : [daysUntil(certificate.notAfter, now)],
  );
  const last = Math.max(...ends);
  if (ends.length === 0 || last > SOON_DAYS) return null;
  return notice(last < 0 ? 'bad' : 'warn', html`<p>${keys.endsSoon(last)}</p>`);
}
