/** What pages gain where scripts run; without any they work as well. */

for (const button of document.querySelectorAll<HTMLButtonElement>('.copy-button')) {
  const content = button.parentElement?.querySelector('code')?.textContent ?? '';
  const words = button.textContent ?? '';
  button.hidden = false;
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(content);
    button.textContent = button.dataset['copied'] ?? words;
    setTimeout(() => {
      button.textContent = words;
    }, 2_000);
  };
  button.addEventListener('click', () => void copy());
}

// The appearance changes under a form that is half filled in, and leaves it as it is.
for (const form of document.querySelectorAll<HTMLFormElement>('.person form:has(.themes)')) {
  const choose = async (chosen: HTMLButtonElement): Promise<void> => {
    const body = new URLSearchParams({ theme: chosen.value });
    for (const { name, value } of form.querySelectorAll('input')) body.set(name, value);
    await fetch(form.action, { method: 'POST', body, redirect: 'manual' });
    document.documentElement.dataset['theme'] = chosen.value;
    for (const one of form.querySelectorAll('button')) {
      one.setAttribute('aria-pressed', String(one === chosen));
    }
  };
  form.addEventListener('submit', (event) => {
    if (!(event.submitter instanceof HTMLButtonElement)) return;
    event.preventDefault();
    void choose(event.submitter).catch(() => {});
  });
}

/** Parts that show the present are fetched again while somebody looks at them. */
const REFRESH_MS = 10_000;
const live = document.querySelector<HTMLElement>('[data-live]');
if (live !== null) {
  const refresh = async (): Promise<void> => {
    // What somebody reads or opened there stays as it is.
    if (document.hidden || live.contains(document.activeElement)) return;
    if (live.querySelector('details[open]') !== null) return;
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const fresh = page.querySelector('[data-live]');
    if (fresh !== null) live.replaceChildren(...fresh.childNodes);
  };
  setInterval(() => void refresh().catch(() => {}), REFRESH_MS);
}

if (document.querySelector('[data-passkey]') !== null) void import('./sign-in.js');

/** DER begins with the octet of a SEQUENCE; what does not is text already. */
function pemOf(bytes: Uint8Array): string {
  if (bytes[0] !== 0x30) return new TextDecoder().decode(bytes);
  const base64 = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  const lines = base64.match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----'].join('\n');
}

/** A certificate that is a file is read into the field that takes its text. */
for (const choice of document.querySelectorAll<HTMLInputElement>('input[data-into]')) {
  const target = document.getElementById(choice.dataset['into'] ?? '');
  const frame = choice.parentElement;
  if (frame !== null) frame.hidden = false;
  const read = async (): Promise<void> => {
    const [file] = choice.files ?? [];
    if (file === undefined || !(target instanceof HTMLTextAreaElement)) return;
    const pem = pemOf(new Uint8Array(await file.arrayBuffer()));
    // Beside what is there: it may be pinned already. Where one is asked for, in its place.
    const before = 'replace' in choice.dataset ? '' : target.value.trim();
    target.value = [before, pem.trim()].filter((one) => one !== '').join('\n');
  };
  choice.addEventListener('change', () => void read());
}

/** A message that is a file goes octet by octet: what a text field would make of it is not the same. */
for (const choice of document.querySelectorAll<HTMLElement>('.file-for')) {
  const file = choice.querySelector<HTMLInputElement>('input[type=file]');
  const target = choice.querySelector<HTMLInputElement>('input[type=hidden]');
  if (file === null || target === null) continue;
  choice.hidden = false;
  file.addEventListener('change', () => {
    const [chosen] = file.files ?? [];
    target.value = '';
    if (chosen === undefined) return;
    const reader = new FileReader();
    reader.addEventListener('load', () => {
      target.value = String(reader.result).replace(/^[^,]*,/, '');
    });
    reader.readAsDataURL(chosen);
  });
}

/** What takes long says so at once, and is asked for once. */
for (const slow of document.querySelectorAll<HTMLElement>('[data-busy]')) {
  const words = document.createElement('span');
  words.setAttribute('role', 'status');
  slow.after(words);
  const button = slow.querySelector('button');
  slow.addEventListener(slow instanceof HTMLFormElement ? 'submit' : 'click', () => {
    words.textContent = ` ${slow.dataset['busy'] ?? ''}`;
    if (button !== null) button.disabled = true;
  });
  // Back on a page that the browser kept.
  addEventListener('pageshow', () => {
    words.textContent = '';
    if (button !== null) button.disabled = false;
  });
}
