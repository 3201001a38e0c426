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

// A choice that takes effect at once needs no button beside it.
for (const choice of document.querySelectorAll<HTMLSelectElement>('.person select')) {
  const button = choice.form?.querySelector('button');
  if (button) button.hidden = true;
  choice.addEventListener('change', () => choice.form?.submit());
}

/** Parts that show the present are fetched again while somebody looks at them. */
const REFRESH_MS = 10_000;
const live = document.querySelector<HTMLElement>('[data-live]');
if (live !== null) {
  const refresh = async (): Promise<void> => {
    if (document.hidden || live.contains(document.activeElement)) return;
    const answer = await fetch(location.href, { headers: { accept: 'text/html' } });
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const fresh = page.querySelector('[data-live]');
    if (fresh !== null) live.replaceChildren(...fresh.childNodes);
  };
  setInterval(() => void refresh().catch(() => {}), REFRESH_MS);
}

if (document.querySelector('[data-passkey]') !== null) void import('./sign-in.js');

/** A certificate that is a file is read into the field that takes its text. */
for (const choice of document.querySelectorAll<HTMLInputElement>('input[data-into]')) {
  const target = document.getElementById(choice.dataset['into'] ?? '');
  const frame = choice.parentElement;
  if (frame !== null) frame.hidden = false;
  const read = async (): Promise<void> => {
    const [file] = choice.files ?? [];
    if (file !== undefined && target instanceof HTMLTextAreaElement)
      target.value = await file.text();
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
