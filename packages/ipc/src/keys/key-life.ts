import type { KeyClass, KeyRecord, KeyState } from '../protocols/key-record.ts';

/** What is done with a key. Each step is an event of the audit log. */
export type KeyStep = 'generate' | 'certify' | 'activate' | 'retire' | 'reopen' | 'destroy';

/** A step that the life of a key allows. `from` null: there is no key yet. */
export interface KeyTransition {
  readonly from: KeyState | null;
  readonly to: KeyState;
  readonly step: KeyStep;
  /** The classes that it is for; all, if left out. */
  readonly only?: readonly KeyClass[];
}

const CONFIDENTIALITY: readonly KeyClass[] = ['domain-confidentiality'];
const OTHERS: readonly KeyClass[] = ['domain-signing', 'dkim', 'statement'];

/** The whole life of a key. What does not stand here is refused. */
export const KEY_TRANSITIONS: readonly KeyTransition[] = [
  { from: null, to: 'generated', step: 'generate' },
  { from: null, to: 'pending', step: 'certify' },
  { from: 'generated', to: 'pending', step: 'certify' },
  { from: 'generated', to: 'destroyed', step: 'destroy' },
  { from: 'pending', to: 'active', step: 'activate' },
  // It has no certificate to wait for: its public half stands in the DNS.
  { from: 'generated', to: 'active', step: 'activate', only: ['dkim'] },
  { from: 'pending', to: 'retired', step: 'retire' },
  { from: 'pending', to: 'destroyed', step: 'destroy' },
  // Mail to it is on its way, and lies in archives: it opens mail before it rests.
  { from: 'active', to: 'decrypt-only', step: 'retire', only: CONFIDENTIALITY },
  { from: 'active', to: 'retired', step: 'retire', only: OTHERS },
  { from: 'decrypt-only', to: 'retired', step: 'retire' },
  // The way back, when the new key turns out to be of no use.
  { from: 'decrypt-only', to: 'active', step: 'activate' },
  { from: 'retired', to: 'active', step: 'activate', only: OTHERS },
  { from: 'retired', to: 'decrypt-only', step: 'reopen', only: CONFIDENTIALITY },
  // Two orders, not one, before a key that was in use is gone for ever.
  { from: 'retired', to: 'destroyed', step: 'destroy' },
];

/** Why a step of a key's life is refused. */
export type KeyLifeFault =
  | 'key-step-illegal'
  | 'key-certificate-missing'
  | 'key-certificate-revoked';

export type KeyStepResult =
  | { readonly kind: 'moved'; readonly record: KeyRecord; readonly transition: KeyTransition }
  | { readonly kind: 'refused'; readonly fault: KeyLifeFault; readonly sentence: string };

type KeyFacts = Pick<KeyRecord, 'keyId' | 'class' | 'state' | 'certificate' | 'isRevoked'>;

/** The transition of a step, or why there is none. */
export function checkKeyStep(
  key: KeyFacts,
  step: KeyStep,
): KeyTransition | { readonly fault: KeyLifeFault; readonly sentence: string } {
  const lacksCertificate = key.certificate === null && key.class !== 'dkim';
  if (step === 'activate' && lacksCertificate && key.state !== 'destroyed') {
    const sentence = `The key ${key.keyId} has no certificate yet, so it cannot be used.`;
    return { fault: 'key-certificate-missing', sentence };
  }
  if (step === 'activate' && key.isRevoked === true && key.state !== 'destroyed') {
    const sentence = `The certificate of the key ${key.keyId} is revoked, so it is never used again.`;
    return { fault: 'key-certificate-revoked', sentence };
  }
  const found = KEY_TRANSITIONS.find(
    ({ from, step: one, only }) =>
      from === key.state && one === step && (only === undefined || only.includes(key.class)),
  );
  if (found !== undefined) return found;
  return { fault: 'key-step-illegal', sentence: `${refusalOf(key, step)}.` };
}

function refusalOf({ keyId, class: keyClass, state }: KeyFacts, step: KeyStep): string {
  if (state === 'destroyed') return `The key ${keyId} is destroyed`;
  const start = `The key ${keyId} is ${state}`;
  switch (step) {
    case 'generate':
      return `${start}, and is not made twice`;
    case 'certify':
      return `${start} and has its certificate; make another key for another certificate`;
    case 'activate':
      return state === 'retired' && keyClass === 'domain-confidentiality'
        ? `${start}; reopen it first, if it shall be used again`
        : `${start} already`;
    case 'retire':
      return state === 'generated'
        ? `${start} and was never in use; destroy it if nobody needs it`
        : `${start} already`;
    case 'reopen':
      return keyClass === 'domain-confidentiality'
        ? `${start} and not retired`
        : `${start} and opens no mail; activate it, if it shall be used again`;
    case 'destroy':
      return state === 'active'
        ? `${start}; activate another key in its place, then retire it, then destroy it`
        : `${start}; retire it first, if no mail to it is left that must be opened`;
  }
}

/**
 * Takes a key one step further. Nothing but its state, the times of its life and, at the end, the
 * place of its private key changes here.
 */
export function stepKey(record: KeyRecord, step: KeyStep, now: Date): KeyStepResult {
  const transition = checkKeyStep(record, step);
  if ('fault' in transition) return { kind: 'refused', ...transition };
  const { activateAt: _, ...kept } = record;
  const moved: KeyRecord = { ...kept, state: transition.to };
  if (step === 'activate') moved.activatedAt = now.toISOString();
  if (step === 'retire') moved.retiredAt = now.toISOString();
  if (step === 'destroy') moved.destroyedAt = now.toISOString();
  return { kind: 'moved', record: moved, transition };
}
