import { IpcRefused, IpcUnavailable } from '@sallyport/ipc';

/** What an order was answered that changed nothing, in a sentence for people. */
export interface Refused {
  readonly kind: 'refused';
  readonly sentence: string;
}

/** Asks another process; its refusal is an answer, and whatever else goes wrong is thrown. */
export async function orRefused<T>(ask: () => Promise<T>): Promise<T | Refused> {
  try {
    return await ask();
  } catch (error) {
    // What went wrong there may have been done by half: that is no refusal.
    if (!(error instanceof IpcRefused) || error.fault === 'internal') throw error;
    const sentence = error.message;
    return { kind: 'refused', sentence: /[.?!]$/.test(sentence) ? sentence : `${sentence}.` };
  }
}

/** For what a page shows beside its subject: null if its process is away or refuses. */
export async function orAway<T>(ask: () => Promise<T>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof IpcUnavailable || error instanceof IpcRefused) return null;
    throw error;
  }
}
