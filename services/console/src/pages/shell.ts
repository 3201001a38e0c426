import type { Permission } from '@sallyport/accounts';
import type { Actor } from '../actor.ts';
import { type Html, type HtmlValue, html } from '../html.ts';
import type { NoticeKey } from '../texts/en/notices.ts';
import type { Catalogue } from '../texts/en.ts';
import { notice } from './parts.ts';
import { THEMES, type Theme } from './theme.ts';

type Place = keyof Catalogue['shell']['pages'];
type Group = keyof Catalogue['shell']['groups'];

/** The pages of the navigation by what they are about, in its order, and what each asks for. */
const GROUPS: readonly (readonly [
  Group,
  readonly (readonly [place: Place, asks: Permission])[],
])[] = [
  [
    'mail',
    [
      ['now', 'now.read'],
      ['messages', 'message.read'],
      ['hold', 'hold.read'],
      ['queue', 'queue.read'],
    ],
  ],
  [
    'rules',
    [
      ['partners', 'partner.read'],
      ['policy', 'partner.read'],
      ['simulate', 'simulate'],
    ],
  ],
  [
    'gateway',
    [
      ['keys', 'key.read'],
      ['dns', 'dns.read'],
      ['reports', 'report.read'],
    ],
  ],
  [
    'oversight',
    [
      ['audit', 'audit.read'],
      ['accounts', 'account.change'],
    ],
  ],
];

function addressOf(place: Place): string {
  return place === 'now' ? '/' : `/${place}`;
}

export interface Frame {
  readonly title: string;
  readonly body: HtmlValue;
  /** Null: nobody is signed in; no navigation then. */
  readonly actor: Actor | null;
  readonly csrf: string | null;
  readonly path: string;
  /** Where a change of the appearance leads back to. */
  readonly back: string;
  readonly notice: NoticeKey | null;
  /** The log was not read to its end yet. */
  readonly isIndexBehind: boolean;
  readonly theme: Theme;
  readonly gatewayName: string;
  /** Addresses of style and script, by name. */
  readonly asset: (name: string) => string;
  readonly text: Catalogue;
}

/** The whole document around a page. */
export function frame(of: Frame): Html {
  const { title, body, actor, theme, asset, text } = of;
  return html`<!doctype html>
<html lang="en" data-theme="${theme}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>${title} · ${text.shell.product}</title><link rel="icon" href="${asset('icon.svg')}"><link rel="stylesheet" href="${asset('console.css')}"><link rel="stylesheet" href="${asset('parts.css')}"><script type="module" src="${asset('console.js')}"></script></head>
<body><a class="skip" href="#content">${text.shell.skip}</a>${actor === null ? entrance(of) : header(of, actor)}<main id="content" tabindex="-1"><h1>${title}</h1>${
    of.notice === null ? null : notice('good', text.notices[of.notice])
  }${of.isIndexBehind ? notice('warn', text.shell.indexBehind) : null}${body}</main></body></html>`;
}

/** Whose door this is, for somebody who is not signed in. */
function entrance(of: Frame): Html {
  return html`<header class="entrance"><p class="brand">${brand(of)}</p></header>`;
}

function brand({ gatewayName, text }: Frame): Html {
  return html`<strong>${text.shell.product}</strong> <span>${gatewayName}</span>`;
}

/** Beside the page; where it is narrow, a bar with a menu that needs no script (`popover`). */
function header(of: Frame, actor: Actor): Html {
  const { shell } = of.text;
  const groups = GROUPS.map(([group, places]) => {
    const links = places
      .filter(([, permission]) => actor.permissions.has(permission))
      .map(
        ([place]) =>
          html`<li><a href="${addressOf(place)}"${current(addressOf(place), of)}>${shell.pages[place]}</a></li>`,
      );
    if (links.length === 0) return null;
    return html`<div><h2 id="group-${group}">${shell.groups[group]}</h2><ul aria-labelledby="group-${group}">${links}</ul></div>`;
  });
  return html`<header class="top"><a class="brand" href="/">${brand(of)}</a><button type="button" class="menu-button" popovertarget="menu">${shell.menu}</button><div class="menu" id="menu" popover><nav class="main" aria-label="${shell.navigation}">${groups}</nav>${person(of, actor)}</div></header>`;
}

function current(address: string, { path }: Frame): Html | null {
  const isHere = path === address || (address !== '/' && path.startsWith(`${address}/`));
  return isHere ? html` aria-current="page"` : null;
}

function person(of: Frame, actor: Actor): Html {
  const { csrf, back, theme, text } = of;
  const { shell } = text;
  const themes = THEMES.map(
    (one) =>
      html`<button type="submit" name="theme" value="${one}" aria-pressed="${one === theme ? 'true' : 'false'}">${shell.themes[one]}</button>`,
  );
  const token = html`<input type="hidden" name="csrf" value="${csrf}">`;
  return html`<div class="person"><a href="/account"${current('/account', of)}><span>${shell.account}</span> ${actor.name}</a><form method="post" action="/theme">${token}<input type="hidden" name="back" value="${back}"><div class="themes" role="group" aria-label="${shell.theme}">${themes}</div></form><form method="post" action="/sign-out">${token}<button type="submit">${shell.signOut}</button></form></div>`;
}
