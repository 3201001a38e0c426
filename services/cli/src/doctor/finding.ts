/** What a check found. `code` is for scripts and stays the same; the sentences may change. */
export interface Finding {
  readonly code: string;
  /** A fault keeps the gateway, or a part of it, from its work. */
  readonly level: 'ok' | 'warning' | 'fault';
  readonly sentence: string;
  /** What to do; null where nothing is to be done. */
  readonly advice: string | null;
}

export function ok(code: string, sentence: string): Finding {
  return { code, level: 'ok', sentence, advice: null };
}

export function warning(code: string, sentence: string, advice: string): Finding {
  return { code, level: 'warning', sentence, advice };
}

export function fault(code: string, sentence: string, advice: string): Finding {
  return { code, level: 'fault', sentence, advice };
}

/** The reason of an error in few words: its code where the system gave one. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
