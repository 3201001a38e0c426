import { type Html, html } from '../html.ts';
import { field, notice } from '../pages/parts.ts';
import { en } from '../texts/en.ts';

const text = en.signIn;

/** What the browser script needs to ask for a passkey, and what it says if that fails. */
function passkeyButton(of: {
  readonly words: string;
  readonly next: string;
  readonly isPrimary?: boolean;
}): Html {
  return html`<div class="passkey" data-passkey="sign-in" data-next="${of.next}" data-fault="${text.passkeyFault}" hidden><p class="fault" role="alert" hidden></p><button type="button"${of.isPrimary === true ? html` class="primary"` : null}>${of.words}</button></div>`;
}

export interface SignInForm {
  readonly next: string;
  readonly hasProvider: boolean;
  readonly name?: string;
  readonly fault?: string;
}

export function signInBody({ next, hasProvider, name, fault }: SignInForm): Html {
  const query = new URLSearchParams({ next });
  // Whoever was sent here from another page is told that they get there.
  const toGoOn = next === '/' ? null : html`<p class="quiet">${text.toGoOn}</p>`;
  return html`${fault === undefined ? toGoOn : notice('bad', fault)}<section class="card narrow-card"><form method="post" action="/sign-in" class="stacked"><input type="hidden" name="next" value="${next}">${field(
    {
      name: 'name',
      label: text.name,
      autocomplete: 'username webauthn',
      maxLength: 64,
      required: true,
      ...(name === undefined ? {} : { value: name }),
    },
  )}${field({
    name: 'password',
    label: text.password,
    type: 'password',
    autocomplete: 'current-password',
    required: true,
  })}<button type="submit" class="primary">${text.submit}</button></form>${passkeyButton({
    words: text.withPasskey,
    next,
  })}${
    hasProvider
      ? html`<p><a href="/sign-in/provider?${query.toString()}">${text.withProvider}</a></p>`
      : null
  }</section>`;
}

export function secondStepBody(of: { readonly name: string; readonly fault?: string }): Html {
  const { second } = text;
  return html`${of.fault === undefined ? null : notice('bad', of.fault)}<section class="card narrow-card"><p>${second.sentence(of.name)}</p>${passkeyButton(
    { words: second.passkey, next: '', isPrimary: true },
  )}<form method="post" action="/sign-in/recovery" class="stacked">${field({
    name: 'code',
    label: second.code,
    hint: second.codeHint,
    autocomplete: 'one-time-code',
    maxLength: 64,
    required: true,
  })}<button type="submit">${second.submit}</button></form></section>`;
}

/** What an account can show again who holds it with. */
export interface WaysToShow {
  readonly password: boolean;
  readonly passkey: boolean;
  readonly provider: boolean;
}

export function againBody(of: {
  readonly next: string;
  readonly csrf: string;
  readonly ways: WaysToShow;
  readonly fault?: string;
}): Html {
  const { again } = text;
  const { next, csrf, ways, fault } = of;
  const query = new URLSearchParams({ next });
  const form = html`<form method="post" action="/sign-in/again" class="stacked"><input type="hidden" name="csrf" value="${csrf}"><input type="hidden" name="next" value="${next}">${field(
    {
      name: 'password',
      label: again.password,
      type: 'password',
      autocomplete: 'current-password',
      required: true,
    },
  )}<button type="submit" class="primary">${again.submit}</button></form>`;
  return html`${fault === undefined ? null : notice('bad', fault)}<section class="card narrow-card"><p>${again.sentence}</p>${
    ways.passkey ? passkeyButton({ words: again.passkey, next, isPrimary: !ways.password }) : null
  }${ways.password ? form : null}${
    ways.provider
      ? html`<p><a href="/sign-in/provider?${query.toString()}">${again.provider}</a></p>`
      : null
  }</section>`;
}

export function linkBody(of: { readonly name: string; readonly fault?: string }): Html {
  const { link } = text;
  return html`${of.fault === undefined ? null : notice('bad', of.fault)}<section class="card narrow-card"><p>${link.sentence(of.name)}</p><form method="post" class="stacked"><input type="hidden" name="username" autocomplete="username" value="${of.name}">${field(
    {
      name: 'password',
      label: link.password,
      type: 'password',
      hint: link.hint,
      autocomplete: 'new-password',
      required: true,
    },
  )}${field({
    name: 'again',
    label: link.again,
    type: 'password',
    autocomplete: 'new-password',
    required: true,
  })}<button type="submit" class="primary">${link.submit}</button></form></section>`;
}
