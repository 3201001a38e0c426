import type { Permission } from '@sallyport/accounts';
import type { Actor } from '../actor.ts';
import { type Html, type HtmlValue, html } from '../html.ts';
import type { NoticeKey } from '../texts/en/notices.ts';
import type { Catalogue } from '../texts/en.ts';
import { notice } from './parts.ts';
import { THEMES, type Theme } from './theme.ts';

type Place = keyof Catalogue['shell']['pages'];

/** The pages of the navigation, in its order, and what each asks for. */
const PLACES: readonly (readonly [Place, Permission])[] = [
  ['now', 'now.read'],
  ['partners', 'partner.read'],
  ['policy', 'partner.read'],
  ['simulate', 'simulate'],
  ['messages', 'message.read'],
  ['hold', 'hold.read'],
  ['queue', 'queue.read'],
  ['keys', 'key.read'],
  ['dns', 'dns.read'],
  ['reports', 'report.read'],
  ['audit', 'audit.read'],
  ['accounts', 'account.change'],
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
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><title>${title} · ${text.shell.product}</title><link rel="icon" href="${asset('icon.svg')}"><link rel="stylesheet" href="${asset('console.css')}"><script type="module" src="${asset('console.js')}"></script></head>
<body><a class="skip" href="#content">${text.shell.skip}</a>${actor === null ? null : header(of, actor)}<main id="content" tabindex="-1"><h1>${title}</h1>${
    of.notice === null ? null : notice('good', text.notices[of.notice])
  }${of.isIndexBehind ? notice('warn', text.shell.indexBehind) : null}${body}</main></body></html>`;
}

function header({ path, csrf, gatewayName, theme, text }: Frame, actor: Actor): Html {
  const { shell } = text;
  const links = PLACES.filter(([, permission]) => actor.permissions.has(permission)).map(
    ([place]) => {
      const address = addressOf(place);
      const isHere =
        address === '/' ? path === '/' : path === address || path.startsWith(`${address}/`);
      return html`<li><a href="${address}"${isHere ? html` aria-current="page"` : null}>${shell.pages[place]}</a></li>`;
    },
  );
  const themes = THEMES.map(
    (one) =>
      html`<option value="${one}"${one === theme ? html` selected` : null}>${shell.themes[one]}</option>`,
  );
  return html`<header class="top"><a class="brand" href="/"><strong>${shell.product}</strong> <span>${gatewayName}</span></a><nav class="main" aria-label="${shell.navigation}"><ul>${links}</ul></nav><div class="person"><a href="/account" aria-label="${shell.signedInAs(actor.name)}">${actor.name}</a><form method="post" action="/theme" class="inline"><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="back" value="${path}"><label class="unseen" for="theme">${shell.theme}</label><select id="theme" name="theme">${themes}</select><button type="submit">${shell.apply}</button></form><form method="post" action="/sign-out" class="inline"><input type="hidden" name="csrf" value="${csrf}"><button type="submit">${shell.signOut}</button></form></div></header>`;
}
