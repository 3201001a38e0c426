/** Passkeys: asking the browser for one, and telling the console what it said. */

interface Told {
  readonly to?: string;
  readonly fault?: string;
}

/** Null: we were sent elsewhere, to show once more who we are. */
async function post(path: string, body: object, csrf: string): Promise<unknown> {
  const answer = await fetch(path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-csrf': csrf },
    body: JSON.stringify(body),
  });
  if (!answer.redirected) return await answer.json();
  location.assign(answer.url);
  return null;
}

async function signIn(frame: HTMLElement): Promise<Told | null> {
  const next = frame.dataset['next'] ?? '';
  const options = await post('/sign-in/passkey/options', { next }, '');
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(
    options as PublicKeyCredentialRequestOptionsJSON,
  );
  const credential = await navigator.credentials.get({ publicKey });
  return (await post('/sign-in/passkey', { credential }, '')) as Told;
}

async function register(frame: HTMLElement): Promise<Told | null> {
  const csrf = frame.dataset['csrf'] ?? '';
  const options = await post('/account/passkeys/options', {}, csrf);
  if (options === null) return null;
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(
    options as PublicKeyCredentialCreationOptionsJSON,
  );
  const credential = await navigator.credentials.create({ publicKey });
  const name = frame.querySelector('input')?.value ?? '';
  return (await post('/account/passkeys', { credential, name }, csrf)) as Told | null;
}

function prepare(frame: HTMLElement): void {
  const button = frame.querySelector('button');
  const fault = frame.querySelector<HTMLElement>('.fault');
  if (button === null || fault === null) return;
  const complain = (words: string | undefined): void => {
    fault.textContent = words ?? frame.dataset['fault'] ?? '';
    fault.hidden = false;
  };
  const use = frame.dataset['passkey'] === 'register' ? register : signIn;
  const press = async (): Promise<void> => {
    button.disabled = true;
    fault.hidden = true;
    try {
      const told = await use(frame);
      if (told?.to !== undefined) location.assign(told.to);
      else if (told !== null) complain(told.fault);
    } catch {
      // The person said no, or there is no authenticator.
      complain(undefined);
    } finally {
      button.disabled = false;
    }
  };
  button.addEventListener('click', () => void press());
  frame.hidden = false;
}

if ('PublicKeyCredential' in window && 'parseRequestOptionsFromJSON' in PublicKeyCredential) {
  for (const frame of document.querySelectorAll<HTMLElement>('[data-passkey]')) prepare(frame);
}

export {};
